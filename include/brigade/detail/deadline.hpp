// From a duration to a moment.
#pragma once

#include <chrono>

#include <brigade/detail/sync.hpp>

namespace brigade::detail {

// The deadline that lies `d` from now, rounded up to the clock's tick and kept from overflowing; now when `d` is
// negative.
template <class Rep, class Period>
[[nodiscard]] sync::clock::time_point deadline_after(std::chrono::duration<Rep, Period> d) {
    using ticks = sync::clock::duration;
    const sync::clock::time_point now = sync::clock::now();
    if (d <= d.zero()) {
        return now;
    }
    const auto room = std::chrono::duration<double>(sync::clock::time_point::max() - now);
    if (std::chrono::duration<double>(d) >= room / 2) {  // a century or more: for ever
        return sync::clock::time_point::max();
    }
    return now + std::chrono::ceil<ticks>(d);
}

}  // namespace brigade::detail
