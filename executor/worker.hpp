// One worker thread: where it looks for the next coroutine, and what it does when there is none.
//
// Order of looking. Woken, yielded and spawned tasks stand in `ready_`, first in, first out. Continuations of tasks
// that have forked stand in `forked_`, last in, first out, so that a computation is worked off depth first; thieves
// take the oldest, which stands for the most work. A task that hands its result to a waiter and ends puts the waiter
// into `next_`.
//   1. The injection queue: before a task, this worker's share of it goes to the end of ready_. So a task that was
//      woken from outside waits for those that were ready before it. When there is nothing, this costs a load. With
//      `ready_many` tasks ready it looks before every eighth task only: that is hardly later, as all of those come
//      first anyway, and a look is what costs most while another thread injects. Beyond `ready_enough` it takes four
//      then: however fast others inject, ready_ stays within a multiple of what its own tasks need, and their turn
//      comes.
//   2. next_, at most `most_next_in_a_row` times in a row: two tasks that wake each other must not keep the rest out.
//   3. ready_, and every `forked_turn`-th time forked_ before it, so that neither starves the other.
//   4. Others' queues, half of what stands ready there, beginning at a random victim.
//   5. Sleep, by the protocol in idle.hpp: in the poller's seat, if it is free (poller_seat.hpp), and else on a futex.
//      What the one in the seat finds goes to the end of its own ready_, and runs there. When a second task comes,
//      another worker is woken, and wakes the next; or they are kept (WRK6).
// Rejected: looking there only every so many tasks, however few are ready, as tokio and Go do. With tasks that compute
// for ten milliseconds each, a connection that was ready waited for half a second. (WRK7 goes by time.)
//
// WRK1  Work that others could take while this worker runs a task has been announced (scheduler::wake_one), or a
//       searching worker will come by, or it is one task that is due here in a moment (WRK5).
// WRK2  next_ is filled only by a task that is about to end, so nothing waits there while something else computes. It
//       is the one place that thieves cannot see.
// WRK3  A computation that forks does not keep ready tasks waiting, although it never comes back to the loop: each fork
//       looks whether any are there, which costs a few loads. The first look in a turn of the loop that finds some
//       notes the time; a later one, ten microseconds on, puts the child onto forked_ as well, above the parent's
//       continuation, and returns to the loop. So who waits does so for two children that do not fork, at most; and
//       when others are always ready, the computation gets ten microseconds out of every `forked_turn` turns. The end
//       of the executor is due at once. make_way() is the same for a task that computes for long without a fork.
//
// WRK4  Who has left the poller's seat to run the one task that it has heard of should be back soon. (With more tasks
//       it has woken another worker already, or keeps them.) It measures one stay away in `measured_sitting`, and while
//       that was long it wakes another worker, for the seat, each time that it leaves. The clock and the wake-up would
//       cost more than a short task; a task that is long once keeps events waiting until the watchdog looks (SEAT2).
// WRK5  The only task that is ready here is run here, next, as soon as the task that made it ready suspends or ends:
//       in most programs sooner than any other worker could wake up, and where what it needs is cached. So nobody is
//       woken for it while another worker stands by, which looks after it if it must wait nevertheless (IDLE7), unless
//       such tasks have waited long: how long is measured for one in `measured_lone`.
// WRK6  A batch of tasks that events have woken may be kept: batch_spreading.hpp says when. Its worker then *holds*
//       what stands in its ready_, and thieves leave that alone: for `standby` at most, and not when it makes a task of
//       its own ready, or has worked off all. A hold has been left to who stands by, as in WRK5; so has, by who goes to
//       sleep, each hold that it sees then. So as long as there are a hold and a sleeper, somebody looks, and finds
//       that it has ended. Who goes to sleep leaves the poller's seat to the holder, which will be back soon.
// WRK7  A worker that does not come to rest glances at the events once in a `glance_period`: it takes the seat, if that
//       is free, without waiting there, and asks the watchdog for it if that has it. So tasks of medium length leave no
//       connection unheard for long, and the watchdog has nothing to do, which would wake up for each event, in the way
//       of this very worker where it has the processor. It knows the time by a look at the clock every so many turns;
//       how many follows from how long the last ones took. What a glance finds comes behind what is ready, and is
//       announced as that is.
//
// Rejected: to wake another for every task that becomes ready. Two tasks that wake each other were torn apart again and
// again, and took 280 ns a round trip on two workers, beside 115 on one. Rejected: to keep the task where no thief can
// see it, as tokio does: behind a task that computes it waits for ever.
//
// Items of forked_ are of two kinds, told apart by a bit: a fork_state, for its parent's continuation, and the address
// of a coroutine, for a child, or another task, that WRK3 has put off.
// Rejected: to return to the loop at once, or after a number of forks. Forks take from ten nanoseconds to as long as
// the child computes: the one lets a task that yields for ever slow down the computation a hundredfold, the other lets
// a connection wait for a number of children.
// Rejected: that joins look as well. A join that does not wait runs without a call into the executor, and one with a
// look made fib by fork, call and join 15 % slower (15.9 -> 18.3 ns a call; one worker, Clang 19 -O3 -march=native,
// medians of 7). That calls look, unless a fork has just done so, is cheaper (16.0 -> 16.4 to 16.6 ns) but adds 3 ns to
// the 7 ns of a call and its join without a fork, which then still looks nowhere on its way up through joins. So a
// computation that only calls and joins is not interrupted, like one that only awaits.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include <brigade/detail/fork_join.hpp>
#include <brigade/detail/sync.hpp>
#include <brigade/detail/worker_core.hpp>
#include <brigade/executor.hpp>

#include "executor/idle.hpp"
#include "executor/stay.hpp"

namespace brigade::detail {

class event_source;
class scheduler;

class worker final : public worker_core {
public:
    worker(scheduler& home, unsigned index);

    // The thread's body: runs coroutines until the scheduler stops and nothing is left.
    void run() noexcept;

    // On this worker only.
    void push_ready(std::coroutine_handle<> handle);               // and wakes a worker, if that is needed
    void push_next(std::coroutine_handle<> handle);                // WRK2
    [[nodiscard]] bool make_way(std::coroutine_handle<> running);  // WRK3
    void push_yielded(std::coroutine_handle<> handle);
    [[nodiscard]] bool consume_budget() noexcept;

    // Any thread.
    // What others may take.
    [[nodiscard]] bool has_visible_work() const noexcept {
        return (ready_.size() != 0 && !holds()) || forked_.size() != 0;
    }
    // WRK6.
    [[nodiscard]] bool holds() const noexcept {
        const sync::clock::rep end = end_of_hold_.load(std::memory_order_relaxed);  // ordered as the queues
        return end != no_hold && sync::clock::now().time_since_epoch().count() < end;
    }
    [[nodiscard]] bool unpark() noexcept { return parker_.unpark(); }  // as it says
    [[nodiscard]] executor_counters counters() const noexcept;

    [[nodiscard]] scheduler& home() const noexcept { return home_; }
    [[nodiscard]] unsigned index() const noexcept { return index_; }

    // The worker that the calling thread is, or null.
    [[nodiscard]] static worker* current() noexcept { return static_cast<worker*>(worker_core::current()); }

private:
    friend worker_core;

    static constexpr unsigned most_next_in_a_row = 3;
    static constexpr unsigned forked_turn = 8;
    static constexpr unsigned look_turn = 8;
    static constexpr std::size_t largest_batch = sync::sizes.batch;
    static constexpr std::size_t ready_enough = sync::sizes.ready_enough;
    static constexpr unsigned budget_of_a_task = 128;
    static constexpr sync::clock::duration fork_patience = sync::sizes.fork_patience;
    static constexpr unsigned most_turns_between_looks = 256;
    static constexpr sync::clock::duration glance_period = sync::sizes.glance_period;
    static constexpr sync::clock::duration standby = sync::sizes.standby;

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
    [[nodiscard]] void* take_next() noexcept;
    void pull_injected() noexcept;
    void look_at_clock() noexcept;
    void glance_at_events() noexcept;
    void announce_unless_held(std::size_t several) noexcept;
    void take_share_of(std::size_t injected) noexcept;
    [[nodiscard]] void* search() noexcept;
    [[nodiscard]] void* rob(worker& victim) noexcept;
    void stop_searching() noexcept {
        if (searching_) {
            end_search();
        }
    }
    void end_search() noexcept;
    void sleep() noexcept;
    void take_seat() noexcept;
    [[nodiscard]] bool wake_for_what_is_there(bool has_polled) noexcept;
    [[nodiscard]] bool woken_while_standing_by() noexcept;
    void wait_until_woken() noexcept;
    [[nodiscard]] bool woken_while_giving_back_memory() noexcept;
    [[nodiscard]] bool woken_while_shrinking(bool frames_in_excess) noexcept;
    [[nodiscard]] bool woken_within(std::chrono::nanoseconds limit) noexcept;
    [[nodiscard]] bool rest(std::chrono::nanoseconds limit) noexcept;
    void get_up_from_seat() noexcept;
    void deliver_from(event_source& events) noexcept;
    void announce_batch() noexcept;
    void measure_batch() noexcept;
    void let_go() noexcept {
        if (end_of_hold_.load(std::memory_order_relaxed) != no_hold) {
            end_of_hold_.store(no_hold, std::memory_order_relaxed);  // ordered as the queues
        }
    }
    void announce_ready() noexcept;
    void wake_for_ready_tasks() noexcept;
    void queue_what_was_handed_over() noexcept;
    void run_item(void* item);
    void resume(std::coroutine_handle<> handle);
    [[nodiscard]] bool others_are_due() noexcept;

    scheduler& home_;
    const unsigned index_;

    parker parker_;

    // From transfer_; run when that is empty.
    alignas(sync::cache_line) std::vector<std::coroutine_handle<>> displaced_;
    void* next_ = nullptr;
    unsigned next_in_a_row_ = 0;
    unsigned turn_ = 0;
    unsigned turns_between_looks_ = sync::sizes.turns_to_glance;  // WRK7
    unsigned turns_to_look_ = turns_between_looks_;
    bool has_looked_ = false;  // since it woke up
    sync::clock::time_point looked_;
    sync::clock::time_point glanced_;  // or the first look
    unsigned turn_of_notice_ = 0;
    sync::clock::time_point notice_;
    unsigned budget_ = budget_of_a_task;
    bool searching_ = false;
    bool events_found_ = false;
    event_source* seat_ = nullptr;                                               // whose seat this worker holds
    stay away_from_seat_{sync::sizes.measured_sitting, sync::sizes.long_stay};   // WRK4
    stay with_lone_task_{sync::sizes.measured_lone, sync::sizes.fork_patience};  // WRK5
    bool delivers_ = false;
    std::size_t delivered_ = 0;
    // How long the batch at hand keeps this worker, if that is measured.
    bool measures_batch_ = false;
    std::uint64_t resumed_before_batch_ = 0;
    sync::clock::time_point begin_of_batch_;
    std::minstd_rand random_;

    static constexpr sync::clock::rep no_hold = std::numeric_limits<sync::clock::rep>::min();
    sync::atomic<sync::clock::rep> end_of_hold_{no_hold};  // WRK6

    counter resumed_;
    counter injected_;
    counter stolen_;
    counter parked_;
};

// The calling worker, for what only a task on a worker may do: reports and terminates on any other thread.
[[nodiscard]] worker& this_worker() noexcept;

}  // namespace brigade::detail
