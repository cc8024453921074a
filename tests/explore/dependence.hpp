// Which steps could have been taken the other way round, for partial-order reduction (dynamic, after Flanagan and
// Godefroid, POPL 2005).
//
// Two steps conflict when they touch the same object and one of them changes it. A step that conflicts with an earlier
// one of another thread, and is not ordered behind it by a chain of conflicts, is reversed: the search is asked to try
// this thread where the earlier step was taken. A load that is not sequentially consistent is not reversed with an
// earlier store: taken after it, it may still read what was there before, so both outcomes are offered already.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "tests/explore/choices.hpp"
#include "tests/explore/vector_clock.hpp"

namespace explore {

// What is remembered of the steps that touched one object.
struct conflict_record {
    unsigned writer = 0;
    stamp written = 0;
    vector_clock write_order;
    std::array<stamp, max_threads> read{};
    vector_clock read_order;
};

class dependence {
public:
    explicit dependence(choices& c) : choices_(c) {}

    void reset();
    void start_thread(unsigned thread, unsigned parent) { order_[thread] = order_[parent]; }

    // A step of `thread` begins; `choice` says where the search decided for it.
    void begin_step(unsigned thread, std::size_t choice);
    // The step touches the object. `reverses`: see above.
    void touch(unsigned thread, conflict_record& object, bool changes, bool reverses = true);
    // The load of a step that did not reverse has read the newest store, so it is ordered behind it after all.
    void order_after_write(unsigned thread, const conflict_record& object) { order_[thread].join(object.write_order); }

    // Order without conflict: unlock, wake-up, end of a thread.
    void release(unsigned thread, vector_clock& into) const { into.join(order_[thread]); }
    void acquire(unsigned thread, const vector_clock& from) { order_[thread].join(from); }

private:
    void reverse_if_concurrent(unsigned thread, unsigned other, stamp when);

    choices& choices_;
    std::array<vector_clock, max_threads> order_;
    std::array<std::vector<std::size_t>, max_threads> decided_at_;  // by stamp
};

}  // namespace explore
