// Ticks at a steady pace.
#pragma once

#include <chrono>
#include <cstdint>
#include <stdexcept>

#include <brigade/detail/deadline.hpp>
#include <brigade/manual_clock.hpp>
#include <brigade/sleep.hpp>

namespace brigade {

// What becomes of ticks that are missed: that are due, and the one after them as well, before the task awaits them. The
// policies are those of tokio's Interval; but a tick that is late by less than the period is never taken for a missed
// one, so no policy lets the schedule drift while the task keeps up.
enum class missed_ticks : std::uint8_t {
    burst,  // all are made up for, without a wait in between
    delay,  // none is: the next comes a period after the late one, and so on from there
    skip,   // none is: the next comes at the next moment of the old schedule
};

// A schedule of moments, a period apart. One task at a time awaits its ticks.
class interval {
    using duration = std::chrono::steady_clock::duration;
    using time_point = std::chrono::steady_clock::time_point;

    class tick_awaiter : public detail::sleep_awaiter {
    public:
        explicit tick_awaiter(interval& ticks) noexcept
            : sleep_awaiter(detail::time_limit::at(ticks.next_)), ticks_(ticks) {}
        time_point await_resume() {
            sleep_awaiter::await_resume();
            return ticks_.take(now());
        }

    private:
        interval& ticks_;
    };
    // A wait for a tick that has not begun.
    class [[nodiscard]] tick_operation {
    public:
        explicit tick_operation(interval& ticks) noexcept : ticks_(&ticks) {}
        tick_awaiter operator co_await() const noexcept { return tick_awaiter(*ticks_); }

    private:
        interval* ticks_;
    };

public:
    // The first tick comes a period from now(). Throws std::invalid_argument when the period is not positive. It is
    // rounded up to the clock's tick.
    template <class Rep, class Period>
    explicit interval(std::chrono::duration<Rep, Period> period, missed_ticks policy = missed_ticks::burst)
        : period_(checked(detail::ticks_of(period))), policy_(policy), next_(detail::later_by(now(), period_)) {}
    // The first tick comes at `first`.
    template <class Rep, class Period>
    interval(std::chrono::steady_clock::time_point first, std::chrono::duration<Rep, Period> period,
             missed_ticks policy = missed_ticks::burst)
        : period_(checked(detail::ticks_of(period))), policy_(policy), next_(first) {}

    // `co_await ticks.tick()`: waits for the next tick, and gives the moment for which that was planned: it never comes
    // earlier. Throws as sleep_until() does; then the schedule is as before, so a with_timeout() around it loses none.
    [[nodiscard]] tick_operation tick() noexcept { return tick_operation(*this); }

    // The next tick comes a period from now().
    void reset() noexcept { next_ = detail::later_by(now(), period_); }
    [[nodiscard]] std::chrono::steady_clock::time_point next() const noexcept { return next_; }
    [[nodiscard]] std::chrono::steady_clock::duration period() const noexcept { return period_; }

private:
    [[nodiscard]] static duration checked(duration period) {
        if (period == duration::zero()) {
            throw std::invalid_argument("brigade: the period of an interval must be positive");
        }
        return period;
    }
    // The tick that is due; plans the next.
    [[nodiscard]] time_point take(time_point at) noexcept {
        const time_point planned = next_;
        next_ = detail::later_by(planned, period_);
        if (policy_ != missed_ticks::burst && next_ <= at) {
            const duration since = policy_ == missed_ticks::skip ? (at - planned) % period_ : duration::zero();
            next_ = detail::later_by(at - since, period_);
        }
        return planned;
    }

    duration period_;
    missed_ticks policy_;
    time_point next_;
};

}  // namespace brigade
