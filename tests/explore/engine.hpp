// Runs a model: its threads are fibers of one thread of the system, and between two steps that others could notice, the
// search decides who goes on.
//
//   ENG1  A step is one access to an atomic object, one operation on a lock, futex or thread. What a thread does
//         between two steps touches plain memory only, which is checked for data races, so its place among the steps of
//         others does not matter.
//   ENG2  A thread that waits is enabled again by the step that ends its wait and by nothing else, except a timeout or
//         a spurious wake-up, for which the model has a budget. When nobody is enabled, and a wait with a time limit
//         is left, it times out; when none is left, that is a deadlock.
//   ENG3  A failure ends the run on the spot. The stacks are abandoned, nothing is unwound: destructors of a state that
//         is wrong would say nothing of use.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "tests/explore/choices.hpp"
#include "tests/explore/dependence.hpp"
#include "tests/explore/memory.hpp"
#include "tests/explore/memory_model.hpp"
#include "tests/explore/mutation.hpp"
#include "tests/explore/trace.hpp"

namespace explore {

struct limits {
    std::size_t steps = 20'000;  // more are a livelock
    unsigned spurious = 1;       // failures of weak compare-exchanges, futex returns for no reason, empty answers
    unsigned timeouts = 1;       // waits that end by their limit although somebody could go on
    unsigned stale_reads = 2;    // of the same old value in a row, by one thread: loops end
    bool early_stores = true;    // stores may stand before those of others in modification order
    bool future_reads = false;   // load buffering
    bool check_leaks = true;
};

struct run_result {
    bool failed = false;
    bool infeasible = false;  // took a value from a future that did not come
    std::string message;
};

// An object that threads wait for or that orders them: a lock, a condition, a thread.
struct sync_object {
    conflict_record conflicts;
    conflict_record unlocks;  // against attempts to lock, which can come before as well as after
    knowledge released;       // what the last to leave it knew
    vector_clock released_order;
    unsigned number = 0;
    bool held = false;  // locks
};

class engine {
public:
    static engine& the();

    [[nodiscard]] run_result run(choices& c, const limits& l, const std::function<void()>& body);
    [[nodiscard]] const std::vector<trace_step>& trace() const noexcept { return trace_; }
    // Which memory order to weaken; see mutation.hpp.
    mutation& mutant() noexcept { return mutation_; }

    // Whether the model's code runs, as opposed to the explorer's or to none.
    static inline bool in_model = false;

    // ---- from here on: called by the model's code
    [[noreturn]] void fail(std::string message);
    [[nodiscard]] unsigned current() const noexcept { return current_; }

    location& create_atomic(const void* address, std::uint64_t value);
    void destroy_atomic(location& l);
    std::uint64_t load(location& l, std::memory_order order, const std::source_location& where);
    void store(location& l, std::memory_order order, std::uint64_t value, const std::source_location& where);
    using change_function = bool (*)(std::uint64_t& value, void* argument);
    // As memory_model::read_modify_write; a weak one may fail for no reason.
    memory_model::rmw_result read_modify_write(location& l, std::memory_order order, std::memory_order failure,
                                               bool is_weak, operation what, change_function change, void* argument,
                                               const std::source_location& where);
    void fence(operation what, std::memory_order order, const std::source_location& where);

    void futex_wait(location& word, std::uint64_t expected, std::int64_t until, const std::source_location& where);
    void futex_wake(const void* address, const std::source_location& where);

    [[nodiscard]] sync_object& create_object();
    void lock(sync_object& o, const std::source_location& where);
    [[nodiscard]] bool try_lock(sync_object& o, const std::source_location& where);
    void unlock(sync_object& o, const std::source_location& where);
    // `until`: virtual nanoseconds, or never. False when the limit ended the wait. The lock is held again afterwards.
    bool wait(sync_object& condition, sync_object& held, std::int64_t until, const std::source_location& where);
    void notify(sync_object& condition, bool all, const std::source_location& where);

    unsigned start_thread(std::function<void()> body, const std::source_location& where);
    void join_thread(unsigned thread, const std::source_location& where);
    // Lets each other thread that can go on make a step first: so threads that wait in loops keep nobody out. For loops
    // whose failed rounds change nothing: what a thread could do between two steps of others is not explored.
    void yield(const std::source_location& where);
    // Whether something that may fail for no reason does so now.
    [[nodiscard]] bool fails_spuriously(const std::source_location& where);
    // For what is modelled as a whole: a step that changes `o`, and what synchronizes through it.
    void change_object(sync_object& o, operation what, const std::source_location& where);
    void publish_to(sync_object& o);
    void learn_from(const sync_object& o);
    // The first entry of one of the producers.
    template <class List, class Producer>
    [[nodiscard]] auto pick_one(List& list, Producer&& producer_of) {
        const bool was_in_model = std::exchange(in_model, false);
        std::vector<decltype(list.begin())> firsts;
        thread_set seen = 0;
        for (auto at = list.begin(); at != list.end(); ++at) {
            if (const thread_set p = thread_set{1} << producer_of(*at); (seen & p) == 0) {
                seen |= p;
                firsts.push_back(at);
            }
        }
        const auto chosen = firsts[choices_->choose(choice_kind::value, firsts.size())];
        in_model = was_in_model;
        return chosen;
    }
    // Atomic operations of libraries, on reference counts and the like: never a step, always acquire and release.
    void synchronize_silently(const void* address);

    [[nodiscard]] std::int64_t time() const noexcept { return time_; }
    // A pointer that the current thread has for itself under `key`; null at first.
    [[nodiscard]] void*& thread_local_at(const void* key);
    // Runs when the current thread's body has ended; one function for each thread.
    void at_thread_end(void (*last)() noexcept) noexcept { threads_[current_].at_end = last; }
    // The one object under `key`: made by the first who asks, destroyed when all threads have ended.
    [[nodiscard]] void* process_wide(const void* key, void* (*make)(), void (*destroy)(void*));
    // Looks at the state without being noticed: loads are no steps, and give the newest value.
    template <class Look>
    [[nodiscard]] bool inspect(Look&& look) {
        const bool before = std::exchange(inspecting_, true);
        const bool seen = look();
        inspecting_ = before;
        return seen;
    }
    void plain_access(const void* p, std::size_t size, bool writes, const void* code);
    [[nodiscard]] void* allocate(std::size_t size, std::size_t alignment);
    void free(void* p, const void* code);
    [[nodiscard]] bool owns(const void* p) const noexcept { return memory_.owns_heap(p); }
    void set_usable(void* p, std::size_t size, bool usable) noexcept { memory_.set_usable(p, size, usable); }

    static constexpr std::int64_t never = INT64_MAX;

private:
    enum class waiting : std::uint8_t { nothing, unstarted, lock, futex, condition, thread, ended };
    struct model_thread {
        waiting state = waiting::unstarted;
        thread_set yields_to = 0;  // those that have not made a step since it yielded
        bool timed_out = false;
        const void* waits_for = nullptr;
        unsigned joins = 0;
        std::int64_t until = never;
        std::function<void()> body;
        void (*at_end)() noexcept = nullptr;
        std::source_location where;
        std::array<std::uint64_t, 2> exceptions{};  // what the C++ run-time keeps for a thread
        std::vector<std::pair<const void*, void*>> locals;
        sync_object end;
    };
    struct fibers;  // those of boost::context

    engine();
    ~engine();

    void run_thread(unsigned thread);
    void run_body(model_thread& t);
    void end_process();
    void prepare(choices& c, const limits& l, const std::function<void()>& body);
    void conclude();

    // A step of the current thread: others may go first. Then it is this thread's turn, and nobody else's until the
    // next.
    void step(operation what, unsigned number, const std::source_location& where);
    void pass_on(bool previous_can);
    void block(waiting state, const void* object, std::int64_t until = never);
    void wake(unsigned thread);
    [[nodiscard]] thread_choice who_can() const;
    [[nodiscard]] bool may_be_woken_early(const model_thread& t) const noexcept;
    void wake_early(model_thread& t);
    void switch_to_main();
    void lend_exceptions(model_thread& t);
    [[noreturn]] void deadlock();
    void begin_access(location& l, operation what, bool changes, std::memory_order order,
                      const std::source_location& where);
    conflict_record& futex_conflicts(const void* address);
    [[nodiscard]] std::vector<unsigned> who_waits(waiting state, const void* object) const;

    limits limits_;
    choices* choices_ = nullptr;
    std::optional<memory_model> model_;
    std::optional<dependence> dependence_;

    model_memory memory_;
    mutation mutation_;
    std::array<model_thread, max_threads> threads_;
    unsigned thread_count_ = 0;
    unsigned current_ = 0;
    unsigned next_ = 0;
    std::size_t decided_at_ = 0;
    std::size_t steps_ = 0;
    unsigned spurious_left_ = 0;
    unsigned timeouts_left_ = 0;
    std::int64_t time_ = 0;
    bool inspecting_ = false;
    run_result result_;
    std::vector<trace_step> trace_;
    std::vector<std::unique_ptr<sync_object>> objects_;
    std::size_t objects_used_ = 0;
    std::vector<conflict_record> atomic_conflicts_;  // by location::number
    conflict_record sc_order_;                       // sequentially consistent fences, against such accesses
    conflict_record asymmetric_order_;               // heavy fences, against light ones
    std::vector<std::pair<const void*, conflict_record>> futexes_;
    std::vector<std::pair<const void*, knowledge>> silent_;
    struct process_object {
        const void* key;
        void* object;
        void (*destroy)(void*);
        sync_object made;
    };
    std::vector<std::unique_ptr<process_object>> process_objects_;
    std::unique_ptr<fibers> fibers_;
};

}  // namespace explore
