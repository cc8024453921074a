// One worker thread: where it looks for the next coroutine, and what it does when there is none.
//
// Order of looking. Woken, yielded and spawned tasks stand in `ready_`, first in, first out. Forked children stand in
// `forked_`, last in, first out, so that a fork point is worked off depth first. A task that hands its result to a
// waiter and ends puts the waiter into `next_`.
//   1. The injection queue: before each task, this worker's share of it goes to the end of ready_. So a task that was
//      woken from outside waits for those that were ready before it, and for no others. When there is nothing, this
//      costs a load. Beyond `ready_enough` tasks it takes one, every other time: however fast others inject, ready_
//      stays within a multiple of what its own tasks need, and their turn comes.
//   2. next_, at most `most_next_in_a_row` times in a row: two tasks that wake each other must not keep the rest out.
//   3. ready_, and every `forked_turn`-th time forked_ before it, so that neither starves the other.
//   4. Others' queues, half of what stands ready there, beginning at a random victim.
//   5. Sleep, by the protocol in idle.hpp.
// Rejected: looking at the injection queue only every so many tasks, as tokio and Go do. With tasks that compute for
// ten milliseconds each, a connection that was ready waited for half a second.
//
// WRK1  Work that others could take while this worker runs a task has been announced (scheduler::wake_one), or a
//       searching worker will come by.
// WRK2  next_ is filled only by a task that is about to end, so nothing waits there while something else computes. It
//       is the one place that thieves cannot see.
#pragma once

#include <coroutine>
#include <cstdint>
#include <random>

#include <brigade/detail/sync.hpp>
#include <brigade/executor.hpp>

#include "executor/deque.hpp"
#include "executor/idle.hpp"

namespace brigade::detail {

class scheduler;

class worker {
public:
    worker(scheduler& home, unsigned index);

    // The thread's body: runs coroutines until the scheduler stops and nothing is left.
    void run() noexcept;

    // On this worker only.
    void push_ready(std::coroutine_handle<> handle);   // and wakes a worker, if that is needed
    void push_next(std::coroutine_handle<> handle);    // WRK2
    void push_forked(std::coroutine_handle<> handle);  // and wakes a worker, if that is needed
    void push_yielded(std::coroutine_handle<> handle);
    void set_transfer(std::coroutine_handle<> handle);
    [[nodiscard]] bool consume_budget() noexcept;

    // Any thread.
    [[nodiscard]] bool has_visible_work() const noexcept { return ready_.size() != 0 || forked_.size() != 0; }
    void unpark() noexcept { parker_.unpark(); }
    [[nodiscard]] executor_counters counters() const noexcept;

    [[nodiscard]] scheduler& home() const noexcept { return home_; }
    [[nodiscard]] unsigned index() const noexcept { return index_; }

    // The worker that the calling thread is, or null. Not inlined: see waiter.hpp.
    [[nodiscard]] static worker* current() noexcept;

private:
    static constexpr unsigned most_next_in_a_row = 3;
    static constexpr unsigned forked_turn = 8;
    static constexpr std::size_t largest_batch = sync::sizes::batch;
    static constexpr std::size_t ready_enough = sync::sizes::ready_enough;
    static constexpr unsigned budget_of_a_task = 128;

    // Written by the owner alone, read by anyone.
    class counter {
    public:
        void operator++() noexcept { *this += 1; }
        void operator+=(std::uint64_t n) noexcept {
            value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);  // a statistic
        }
        [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

    private:
        sync::atomic<std::uint64_t> value_{0};
    };

    [[nodiscard]] void* find_work() noexcept;  // null: the scheduler has stopped
    [[nodiscard]] void* take_local() noexcept;
    void pull_injected() noexcept;
    [[nodiscard]] void* search() noexcept;
    [[nodiscard]] void* rob(worker& victim) noexcept;
    void stop_searching() noexcept;
    void sleep() noexcept;
    [[nodiscard]] bool woken_while_giving_back_frames() noexcept;
    void resume(std::coroutine_handle<> handle);

    scheduler& home_;
    const unsigned index_;

    deque ready_;
    deque forked_;
    parker parker_;

    alignas(sync::cache_line) std::coroutine_handle<> transfer_;
    void* next_ = nullptr;
    unsigned next_in_a_row_ = 0;
    unsigned turn_ = 0;
    unsigned budget_ = budget_of_a_task;
    bool searching_ = false;
    std::minstd_rand random_;

    counter resumed_;
    counter injected_;
    counter stolen_;
    counter parked_;
};

}  // namespace brigade::detail
