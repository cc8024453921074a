// From a duration to a moment.
#pragma once

#include <chrono>

#include <brigade/detail/sync.hpp>

namespace brigade::detail {

// `d` rounded up to the clock's tick and kept from overflowing; zero when it is negative.
template <class Rep, class Period>
[[nodiscard]] sync::clock::duration ticks_of(std::chrono::duration<Rep, Period> d) {
    using ticks = sync::clock::duration;
    if (d <= d.zero()) {
        return ticks::zero();
    }
    if (std::chrono::duration<double>(d) >= std::chrono::duration<double>(ticks::max()) / 2) {  // more than a century
        return ticks::max();
    }
    return std::chrono::ceil<ticks>(d);
}

// The later moment; the end of time when it is that late. `d` is not negative.
[[nodiscard]] inline sync::clock::time_point later_by(sync::clock::time_point start, sync::clock::duration d) noexcept {
    return sync::clock::time_point::max() - d < start ? sync::clock::time_point::max() : start + d;
}

// The deadline that lies `d` from now, by the real clock; now when `d` is negative.
template <class Rep, class Period>
[[nodiscard]] sync::clock::time_point deadline_after(std::chrono::duration<Rep, Period> d) {
    return later_by(sync::clock::now(), ticks_of(d));
}

// A deadline that an operation was given: a moment, or a time from when the operation begins.
class time_limit {
public:
    [[nodiscard]] static time_limit at(sync::clock::time_point t) noexcept { return {t.time_since_epoch(), false}; }
    template <class Rep, class Period>
    [[nodiscard]] static time_limit after(std::chrono::duration<Rep, Period> d) {
        return {ticks_of(d), true};
    }

    [[nodiscard]] bool is_relative() const noexcept { return relative_; }
    [[nodiscard]] sync::clock::time_point from(sync::clock::time_point now) const noexcept {
        return relative_ ? later_by(now, time_) : sync::clock::time_point(time_);
    }

private:
    time_limit(sync::clock::duration time, bool relative) noexcept : time_(time), relative_(relative) {}

    sync::clock::duration time_;
    bool relative_;
};

}  // namespace brigade::detail
