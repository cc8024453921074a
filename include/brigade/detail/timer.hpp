// A timer: lives inside the operation that waits, so that setting one allocates nothing.
#pragma once

#include <brigade/detail/sync.hpp>

namespace brigade::detail {

struct timer {
    using function = void (*)(timer&) noexcept;

    explicit timer(function f) noexcept : expire(f) {}
    timer(const timer&) = delete;
    timer& operator=(const timer&) = delete;

    // The queue's (io/timer_queue.hpp), as long as the timer is set.
    sync::clock::time_point deadline;
    timer* next = nullptr;   // in a list
    timer** link = nullptr;  // what points to this; null when it is not set
    timer* child = nullptr;  // in the heap: the first of those that are not earlier
    const function expire;   // on the thread that polls, or moves a manual clock; may destroy the timer
};

}  // namespace brigade::detail
