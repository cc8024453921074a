// The C++20 memory model, as a machine that takes one step at a time and offers every result that the model allows.
//
// Each atomic object keeps all its stores, in modification order. A load is offered every store that coherence and the
// order of sequentially consistent operations do not forbid; a store may be offered places before stores that other
// threads have made; a read-modify-write stands directly behind the store that it reads. Which offer is taken is the
// search's choice.
//
// Every thread carries three clocks (`knowledge`):
//   happened   what happens before its next step. Data races are judged by it.
//   coherent   happened, and what lies before a sequentially consistent fence that comes before one of ours. A load may
//              not read a store that is older, in modification order, than one that this clock has seen written or
//              read.
//   sc         the same bound for sequentially consistent accesses of others that came before our last such fence; they
//              bind only as themselves and not with what happens before them.
// A release store, or a store behind a release fence, leaves a copy of them in the store as its message; an acquire
// load, or an acquire fence after a load, takes it in. A read-modify-write passes on the message of the store that it
// reads: the release sequence of C++20.
//
//   MM1  Steps are taken in an order that contains sequenced-before, reads-from and the total order S of sequentially
//        consistent operations: S is the order in which they are taken.
//   MM2  So a sequentially consistent access of x reads, or stands behind, the newest store of x that an earlier one
//        wrote or read, or that lies before an earlier sequentially consistent fence.
//   MM3  An asymmetric light fence is ordered, as if both were such fences, against heavy ones only.
//
// What MM1 leaves out: (a) a load that reads from a store which is taken later (load buffering); allow_future_reads()
// adds those for relaxed programs without loops, as the litmus tests need them; (b) executions in which S disagrees
// with happens-before between accesses of mixed orders (C++20 permits those since P0668; hardware and compilers that
// map sequentially consistent accesses as x86 and AArch64 do, do not show them).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "tests/explore/choices.hpp"
#include "tests/explore/vector_clock.hpp"

namespace explore {

struct knowledge {
    vector_clock happened;
    vector_clock coherent;
    vector_clock sc;

    void join(const knowledge& other) noexcept {
        happened.join(other.happened);
        coherent.join(other.coherent);
        sc.join(other.sc);
    }
};

// One store in the history of an atomic object.
struct store_record {
    std::uint64_t value = 0;
    unsigned thread = 0;
    stamp when = 0;
    bool is_sc = false;
    bool is_rmw = false;                       // it read the store before it
    bool is_release = false;                   // there is something in the message
    std::uint32_t id = 0;                      // in order of execution, within its object
    knowledge message;                         // what a reader that acquires it learns
    std::array<stamp, max_threads> read{};     // the first read by each thread
    std::array<stamp, max_threads> sc_read{};  // the first sequentially consistent one
};

// A load that has taken a value which somebody must still store.
struct future_read {
    bool pending = false;
    std::uint64_t value = 0;
    unsigned reader = 0;
    unsigned writer = 0;
    stamp when = 0;
    bool acquired = false;
    bool is_sc = false;
    knowledge known;  // to the reader, then
};

// A load that is over, to which a later store may offer its value.
struct past_load {
    unsigned thread = 0;
    stamp when = 0;
    std::size_t choice = 0;  // where the search decided it
};

// An atomic object.
struct location {
    const void* address = nullptr;
    unsigned number = 0;  // in order of construction
    bool alive = false;
    unsigned creator = 0;
    stamp created = 0;
    std::uint32_t next_id = 0;
    std::vector<store_record> stores;                      // in modification order
    std::array<stamp, max_threads> touched{};              // the last access by each thread
    std::array<std::uint32_t, max_threads> last_read{};    // the id of the store that each thread read last, plus 1
    std::array<std::uint32_t, max_threads> repetitions{};  // how often in a row
    future_read future;
    std::vector<past_load> loads;  // only with future reads
};

class memory_model {
public:
    explicit memory_model(choices& c) : choices_(c) {}

    void reset();
    void allow_future_reads(bool allow) noexcept { futures_ = allow; }
    // Whether a store may be placed before another's in modification order.
    void allow_early_stores(bool allow) noexcept { early_stores_ = allow; }
    // How often in a row a thread may read the same old store: after that it has become visible.
    void allow_stale_repetitions(std::uint32_t most) noexcept { most_stale_repetitions_ = most; }
    // Whether this run has taken a value from the future that never came: it is no execution.
    [[nodiscard]] bool infeasible() const noexcept { return infeasible_; }
    void finish();
    // Whether the last load was kept from reading a store only because it had read that often enough: taken before the
    // newer stores, it could.
    [[nodiscard]] bool was_hurried() const noexcept { return hurried_; }
    // Whether it was kept from reading a store only because an earlier sequentially consistent load had read a newer
    // one: taken before that load, it could.
    [[nodiscard]] bool was_overtaken() const noexcept { return overtaken_; }

    void start_thread(unsigned thread, unsigned parent);
    void join_thread(unsigned thread, unsigned ended) { threads_[thread].now.join(threads_[ended].now); }
    [[nodiscard]] stamp now(unsigned thread) const noexcept { return threads_[thread].now.happened.at[thread]; }
    [[nodiscard]] const vector_clock& happened(unsigned thread) const noexcept { return threads_[thread].now.happened; }
    // The step is over: what the thread does from now on is later than what it has published.
    void advance(unsigned thread) noexcept;

    location& create(const void* address, unsigned thread, std::uint64_t value);

    std::uint64_t load(location& l, unsigned thread, std::memory_order order);
    void store(location& l, unsigned thread, std::memory_order order, std::uint64_t value);

    // Reads one of the stores that a read-modify-write may read and puts `change(value)` behind it. `change` gives
    // false to leave it a load, with the order `failure`.
    struct rmw_result {
        std::uint64_t before;
        bool stored;
    };
    template <class Change>
    rmw_result read_modify_write(location& l, unsigned thread, std::memory_order order, std::memory_order failure,
                                 Change&& change);

    void fence(unsigned thread, std::memory_order order);
    void light_fence(unsigned thread);
    void heavy_fence(unsigned thread);

    // The newest value; for the kernel, which looks at the memory itself, and for assertions.
    [[nodiscard]] static std::uint64_t newest(const location& l) noexcept { return l.stores.back().value; }

    // Locks, thread starts and the like: what was known at the release is known after the acquire.
    void publish(unsigned thread, knowledge& into) const { into.join(threads_[thread].now); }
    void learn(unsigned thread, const knowledge& from) { threads_[thread].now.join(from); }

private:
    struct thread_state {
        knowledge now;
        knowledge to_acquire;  // the messages of loads that did not acquire: for the next acquire fence
        knowledge released;    // what a store behind the last release fence publishes
        bool has_released = false;
        vector_clock light;  // what happened before the last light fence
    };

    [[nodiscard]] std::size_t oldest_readable(const location& l, unsigned thread, bool sc) const;
    [[nodiscard]] bool is_overtaken(const location& l, unsigned thread, std::size_t oldest) const;
    [[nodiscard]] static bool is_seen(const store_record& s, const vector_clock& accesses, const vector_clock& sc);
    void note_read(location& l, std::size_t index, unsigned thread, bool sc);
    void acquire(unsigned thread, const store_record& s, std::memory_order order);
    void insert(location& l, std::size_t place, unsigned thread, std::memory_order order, std::uint64_t value,
                const store_record* source);
    [[nodiscard]] std::size_t oldest_fair(const location& l, unsigned thread, std::size_t oldest) const;
    void gather_candidates(const location& l, std::size_t oldest);
    void sc_fence(unsigned thread);
    std::uint64_t read_future(location& l, unsigned thread, std::memory_order order, std::size_t which);
    [[nodiscard]] static bool reads_promise_again(location& l, unsigned thread, std::memory_order order);
    void offer_to_past_loads(location& l, unsigned thread, std::uint64_t value);
    void keep_promise(location& l, unsigned thread, std::memory_order order, std::size_t place);

    choices& choices_;
    bool futures_ = false;
    bool early_stores_ = true;
    std::uint32_t most_stale_repetitions_ = 2;
    bool infeasible_ = false;
    bool hurried_ = false;
    bool overtaken_ = false;
    std::array<thread_state, max_threads> threads_;
    vector_clock before_sc_fences_;  // what happened before some sequentially consistent fence
    vector_clock sc_accesses_;       // the last sequentially consistent access of each thread
    vector_clock before_heavy_;      // the two clocks above, at the last heavy fence
    vector_clock sc_at_heavy_;
    std::vector<std::unique_ptr<location>> locations_;
    std::size_t used_ = 0;
    std::vector<std::size_t> candidates_;
};

constexpr bool is_acquire(std::memory_order o) noexcept {
    return o == std::memory_order_acquire || o == std::memory_order_consume || o == std::memory_order_acq_rel ||
           o == std::memory_order_seq_cst;
}
constexpr bool is_release(std::memory_order o) noexcept {
    return o == std::memory_order_release || o == std::memory_order_acq_rel || o == std::memory_order_seq_cst;
}
constexpr bool is_sc(std::memory_order o) noexcept {
    return o == std::memory_order_seq_cst;
}

template <class Change>
memory_model::rmw_result memory_model::read_modify_write(location& l, unsigned thread, std::memory_order order,
                                                         std::memory_order failure, Change&& change) {
    // Which stores it could read depends on whether it will store: only a store that no other read-modify-write has
    // read can be read by one, but a failing one is a plain load.
    const std::size_t oldest_if_stored = oldest_fair(l, thread, oldest_readable(l, thread, is_sc(order)));
    const std::size_t oldest_if_loaded = oldest_fair(l, thread, oldest_readable(l, thread, is_sc(failure)));
    candidates_.clear();
    for (std::size_t i = l.stores.size(); i-- > std::min(oldest_if_stored, oldest_if_loaded);) {
        std::uint64_t value = l.stores[i].value;
        const bool stores = change(value);
        const bool is_last = i + 1 == l.stores.size();
        const bool may_store = is_last || (early_stores_ && !l.stores[i + 1].is_rmw);
        if (stores ? i >= oldest_if_stored && may_store : i >= oldest_if_loaded) {
            candidates_.push_back(i);
        }
    }
    // The newest store can always be read: nothing stands behind it.
    const std::size_t chosen = candidates_[choices_.choose(choice_kind::value, candidates_.size())];
    std::uint64_t value = l.stores[chosen].value;
    const std::uint64_t before = value;
    const bool stores = change(value);
    const std::memory_order used = stores ? order : failure;
    note_read(l, chosen, thread, is_sc(used));
    acquire(thread, l.stores[chosen], used);
    if (stores) {
        const store_record source = l.stores[chosen];
        insert(l, chosen + 1, thread, order, value, &source);
    }
    return {before, stores};
}

}  // namespace explore
