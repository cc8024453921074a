// A timer: lives inside the operation that waits, so that setting one allocates nothing.
#pragma once

#include <cstddef>

#include <brigade/detail/sync.hpp>

namespace brigade::detail {

struct timer {
    using function = void (*)(timer&) noexcept;

    static constexpr std::size_t not_set = static_cast<std::size_t>(-1);

    explicit timer(function f) noexcept : expire(f) {}
    timer(const timer&) = delete;
    timer& operator=(const timer&) = delete;

    sync::clock::time_point deadline;
    std::size_t place = not_set;  // in the heap
    const function expire;        // runs on the thread that polls; may destroy the timer
};

}  // namespace brigade::detail
