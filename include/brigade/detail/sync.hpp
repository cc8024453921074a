// The one door through which scheduling code reaches the machine: atomics, locks, futexes, the clock.
//
// Everything in executor/ and io/ that two threads share is built from these names and from nothing else, so that a
// build that explores interleavings can put its own header in this place and run the same sources. The real side adds
// nothing: aliases of the standard types and thin inline wrappers of the system calls.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace brigade::detail::sync {

template <class T>
using atomic = std::atomic<T>;

using mutex = std::mutex;
using lock = std::unique_lock<mutex>;
using condition_variable = std::condition_variable;
using clock = std::chrono::steady_clock;

// Two objects that different threads write must not share a cache line; 64 bytes is the line of x86-64 and of most
// AArch64 cores.
inline constexpr std::size_t cache_line = 64;

// Sleeps while `word` holds `expected`. May return early or for no reason: callers loop on their own condition.
// Terminates on an errno that only a programming error can cause.
void futex_wait(atomic<std::uint32_t>& word, std::uint32_t expected) noexcept;

// Wakes one thread that sleeps on `word`. Touches only its address, so the word may already be gone.
void futex_wake(atomic<std::uint32_t>& word) noexcept;

// For the few loops that wait for another thread to leave a section of some instructions.
void yield_thread() noexcept;

}  // namespace brigade::detail::sync
