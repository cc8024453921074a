// Time that stands still: for tests of what waits.
#pragma once

#include <chrono>
#include <vector>

#include <brigade/detail/sync.hpp>

namespace brigade {

namespace detail {
struct executor_parts;
}

// The clock of an executor that is given it in executor_options::clock, or of several. It goes on only when it is told
// to; there is no auto-advance. sleep_for(), sleep_until(), intervals, with_timeout(), with_deadline() and now() follow
// it there.
//
// It does not affect anything else: std::chrono's clocks, the kernel's (a file's time, a socket's own time-outs, what
// another process or host does), executor_options::shutdown_deadline, nor who runs when. A socket answers as ever, so a
// test that advances past a deadline does so whether the bytes are still under way or not.
//
//     brigade::manual_clock clock;
//     brigade::executor executor({.clock = &clock});
//     auto hours = executor.spawn([]() -> brigade::task<> { co_await brigade::sleep_for(3h); });
//     clock.advance(2h);  // not done
//     clock.advance(1h);  // done
class manual_clock {
public:
    using time_point = detail::sync::clock::time_point;
    using duration = detail::sync::clock::duration;

    // It begins a day after the clock's epoch, and is the same in each run.
    manual_clock() noexcept : manual_clock(time_point(std::chrono::hours(24))) {}
    explicit manual_clock(time_point begin) noexcept : now_(begin.time_since_epoch().count()) {}
    // After its executors.
    ~manual_clock() = default;
    manual_clock(const manual_clock&) = delete;
    manual_clock& operator=(const manual_clock&) = delete;

    // Any thread.
    [[nodiscard]] time_point now() const noexcept {
        return time_point(duration(now_.load(std::memory_order_acquire)));  // pairs: advance()
    }

    // Goes on by `d`, from deadline to deadline, the earliest first. At each it stands still until the tasks that are
    // due have run and everything is at rest again: what these set for a moment within `d` is reached as well. So a
    // task that sleeps for a second ten times has woken ten times after an advance of ten seconds. At the end
    // everything is at rest, and what tasks wrote is visible to the caller.
    //
    // At rest means that every worker sleeps and no task is ready. What waits for something else than time (bytes, a
    // blocking job, another executor without this clock) counts as at rest, and is not waited for. A task that never
    // waits, or sleeps for no time again and again, keeps this from returning.
    //
    // Any thread but those of an executor with this clock: there it throws std::logic_error, as it would wait for the
    // caller. Throws std::invalid_argument for a negative duration, and for one that leads beyond the clock's range.
    // Calls by several threads go one after another. Executors with this clock are not to be made or destroyed by tasks
    // that it waits for.
    void advance(duration d);

private:
    friend struct detail::executor_parts;

    void attach(detail::executor_parts& e);
    void detach(detail::executor_parts& e) noexcept;
    void settle() noexcept;
    [[nodiscard]] time_point earliest_deadline() noexcept;
    void expire_timers() noexcept;

    detail::sync::atomic<duration::rep> now_;
    detail::sync::mutex mutex_;
    std::vector<detail::executor_parts*> executors_;  // under mutex_
};

// What time it is for the tasks of the current executor: by its manual clock, if it has one; else, and on threads that
// belong to none, by std::chrono::steady_clock. The clock of sleep_until(), with_deadline() and interval.
[[nodiscard]] detail::sync::clock::time_point now() noexcept;

}  // namespace brigade
