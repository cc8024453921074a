// The timers of an executor: what is set, and when the poller has to wake for it.
//
// A timer stands in one of several *shards*, each with a lock and a queue (io/timer_queue.hpp) of its own: in that of
// the worker that has set it. So workers do not meet, except where a task is woken on one and has its timer on another.
//
// The poller sleeps until `wakes_at_`, an atomic word: a moment that is not later than any deadline, and a bit that
// says whether it sleeps.
//   TIM1  A timer is in its queue from set() until exactly one of expiry and cancel() takes it out, under the shard's
//         lock.
//   TIM2  Who sets a timer that is earlier than `wakes_at_` lowers it, and interrupts the poller when the exchange
//         finds the bit. The poller puts the bit there by an exchange as well, and sleeps until the moment that this
//         one gives. So one of the two sees the other.
//   TIM3  `wakes_at_` is never later than a deadline, but may be earlier: a cancel leaves it. Then the poller wakes for
//         nothing, once, and finds the next. So to set a time-out and to cancel it, again and again, is no matter of
//         the poller's: it wakes once in the time that is the limit.
//   TIM4  Only the poller moves it to a later moment: first to the end of time; then it goes round the shards, takes
//         out what is due, and lowers it to what is left there. A timer that is set meanwhile stands in its shard
//         before the poller comes by there, or whoever sets it comes after the poller, by the lock, and sees the end
//         of time.
//   TIM5  `expiring_` is the timer of the shard whose function runs. cancel_and_wait() returns only when that is
//         another, so the timer's memory may go.
// A timer expires at its deadline or later: the moment is rounded up to two ticks of the clock, for the bit.
//
// Rejected: one lock for all, and the same under it that TIM2 does with an exchange. Each look of the poller at its
// sockets takes the lock twice then, whether there are timers or not; and two workers wait for each other (to cancel
// and set, with 500,000 timers each: 45 ns of CPU time instead of 39).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <brigade/detail/sync.hpp>
#include <brigade/detail/timer.hpp>
#include <brigade/manual_clock.hpp>
#include <brigade/stop.hpp>

#include "executor/event_source.hpp"
#include "io/timer_queue.hpp"

namespace brigade::detail {

class timers;

class timer_shard {
public:
    timer_shard() = default;
    timer_shard(const timer_shard&) = delete;
    timer_shard& operator=(const timer_shard&) = delete;

    [[nodiscard]] sync::clock::time_point now() const noexcept;
    // Sets `t`. Returns false, and does not, when `stop` has been requested. Any thread.
    [[nodiscard]] bool set(timer& t, sync::clock::time_point deadline, const stop_source* stop) noexcept;
    // Whether the timer, one of this shard, was taken before it expired. If not, its function may be running. Any
    // thread.
    bool cancel(timer& t) noexcept;
    // As cancel(), and when it returns the function neither runs nor will. Not from the function itself.
    void cancel_and_wait(timer& t) noexcept;

private:
    friend class timers;

    // Runs the functions of those that are due, no more than `budget`, which it counts down.
    [[nodiscard]] bool expire(sync::clock::time_point now, std::size_t& budget) noexcept;

    timers* home_ = nullptr;
    sync::spinlock lock_;
    const timer* expiring_ = nullptr;
    timer_queue queue_;
};

class timers {
public:
    // `poller` is interrupted when it has to wake earlier than it thinks; it outlives this.
    // `manual` may be null.
    timers(event_source& poller, unsigned workers, const manual_clock* manual);
    timers(const timers&) = delete;
    timers& operator=(const timers&) = delete;

    // For a timer that the calling thread sets.
    [[nodiscard]] timer_shard& here() noexcept;
    // That of a worker.
    [[nodiscard]] timer_shard& at(unsigned worker) noexcept { return shards_[worker % count_]; }

    // By the clock that the deadlines are of.
    [[nodiscard]] sync::clock::time_point now() const noexcept {
        return manual_ != nullptr ? manual_->now() : sync::clock::now();
    }

    // For the poller. With a manual clock nothing is due, and expire_by() is for whoever moves that.

    // Before it sleeps: for how long, at most `limit`.
    [[nodiscard]] std::chrono::nanoseconds time_to_sleep(std::chrono::nanoseconds limit) noexcept;
    // After that. Whether a timer may be due.
    [[nodiscard]] bool end_of_sleep() noexcept;
    // Runs the functions of the timers that are due, or of many of them: then the next sleep is none. Whether there
    // were some.
    [[nodiscard]] bool expire() noexcept;

    // For who moves a manual clock.

    // Not later than any deadline, and no earlier than needed. The end of time when there is none.
    [[nodiscard]] sync::clock::time_point earliest() noexcept;
    // As expire(), for another thread, at another time.
    void expire_by(sync::clock::time_point now) noexcept;

private:
    friend class timer_shard;

    static constexpr std::int64_t never = std::chrono::nanoseconds::max().count() - 1;  // even
    static constexpr std::int64_t asleep = 1;
    static constexpr unsigned most_shards = 16;
    // What is done before the sockets have their turn: timers that are due again as soon as they have expired could go
    // on for ever.
    static constexpr std::size_t portion = 1024;

    void wake_by(sync::clock::time_point deadline) noexcept;

    event_source& poller_;
    const manual_clock* const manual_;
    sync::atomic<std::int64_t> wakes_at_{never};
    const unsigned count_;  // one with a manual clock, so that all expire in the order of their deadlines
    const std::unique_ptr<timer_shard[]> shards_;  // NOLINT(*-avoid-c-arrays): neither copied nor moved
};

}  // namespace brigade::detail
