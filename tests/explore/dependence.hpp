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
    vector_clock store_order;  // of the last change that stored something
    std::array<stamp, max_threads> read{};
    std::array<stamp, max_threads> sc_read{};  // those that are in the order of sequentially consistent operations
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
    // The load of a step that did not reverse would have read something else before that store.
    void reverse_with_write(unsigned thread, const conflict_record& object) {
        reverse_if_concurrent(thread, object.writer, object.written);
    }
    // Two sequentially consistent loads conflict when the second could have read something older than the first did.
    void touch_in_sc_order(unsigned thread, conflict_record& object, bool was_overtaken);
    // The step of `thread` that touched the object has stored into it.
    void note_store(unsigned thread, conflict_record& object) { object.store_order = order_[thread]; }
    // The load of a step that did not reverse has read what was stored last, so it is ordered behind that after all;
    // but not behind a compare-exchange that has failed since.
    void order_after_store(unsigned thread, const conflict_record& object) { order_[thread].join(object.store_order); }

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
