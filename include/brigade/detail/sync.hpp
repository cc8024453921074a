// The one door through which scheduling code reaches the machine: atomics, locks, futexes, threads, the clock.
//
// Everything in executor/ and io/ that two threads share is built from these names and from nothing else, so that the
// build that explores interleavings (tests/explore) can put its own header in this place and run the same sources. The
// real side adds next to nothing: aliases of the standard types, thin inline wrappers of the system calls, a spinlock.
#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <source_location>
#include <thread>

#include <brigade/detail/sizes.hpp>

namespace brigade::detail::sync {

// Which sanitizer is in the build: GCC says it by a macro for each, Clang by a feature.
#if defined(__has_feature)
#define BRIGADE_HAS_FEATURE(name) __has_feature(name)
#else
#define BRIGADE_HAS_FEATURE(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || BRIGADE_HAS_FEATURE(address_sanitizer)
inline constexpr bool under_address_sanitizer = true;
#else
inline constexpr bool under_address_sanitizer = false;
#endif
#if defined(__SANITIZE_THREAD__) || BRIGADE_HAS_FEATURE(thread_sanitizer)
inline constexpr bool under_thread_sanitizer = true;
#else
inline constexpr bool under_thread_sanitizer = false;
#endif
#undef BRIGADE_HAS_FEATURE
inline constexpr bool under_sanitizer = under_address_sanitizer || under_thread_sanitizer;

template <class T>
using atomic = std::atomic<T>;

using mutex = std::mutex;
using lock = std::unique_lock<mutex>;
using condition_variable = std::condition_variable;
using clock = std::chrono::steady_clock;
using thread = std::thread;

// For the few loops that wait for another thread to leave a section of some instructions, one object for each wait:
//     for (sync::backoff turn; still_inside(); turn.pause()) {
//     }
// Lets other threads run, and, when that does not help, sleeps for a moment before each look: so it leaves the
// processor to one that was preempted in the section, whatever its priority is.
class backoff {
public:
    void pause() noexcept;

private:
    static constexpr unsigned most_yields = 16;
    static constexpr std::chrono::microseconds moment{50};

    unsigned yields_ = 0;
};

// A mutex for sections of some instructions, where two threads hardly ever meet. It takes one atomic read-modify-write,
// and a store to unlock: half of what std::mutex takes (7 and 15 ns here, uncontended). Who finds it locked waits as
// backoff does. Who locks it after an unlock() may destroy it.
// Rejected: a futex word that says whether somebody sleeps. Its unlock is an exchange, and 12 ns of the 15 are back.
class spinlock {
public:
    spinlock() = default;
    spinlock(const spinlock&) = delete;
    spinlock& operator=(const spinlock&) = delete;

    void lock() noexcept {
        if (!try_lock()) [[unlikely]] {
            lock_contended();
        }
    }
    [[nodiscard]] bool try_lock() noexcept {
        return !locked_.exchange(true, std::memory_order_acquire);  // pairs: unlock()
    }
    void unlock() noexcept {
        locked_.store(false, std::memory_order_release);  // pairs: the exchange in try_lock()
    }

private:
    void lock_contended() noexcept;

    atomic<bool> locked_{false};
};
using spinlock_guard = std::unique_lock<spinlock>;

// Two objects that different threads write must not share a cache line; 64 bytes is the line of x86-64 and of most
// AArch64 cores.
inline constexpr std::size_t cache_line = 64;

inline constexpr const size_settings& sizes = real_sizes;

// Sleeps while `word` holds `expected`. May return early or for no reason: callers loop on their own condition.
// Terminates on an errno that only a programming error can cause.
void futex_wait(atomic<std::uint32_t>& word, std::uint32_t expected) noexcept;

// As above, but returns also once `limit` has passed.
void futex_wait_for(atomic<std::uint32_t>& word, std::uint32_t expected, std::chrono::nanoseconds limit) noexcept;

// Wakes one thread that sleeps on `word`. Touches only its address, so the word may already be gone.
void futex_wake(atomic<std::uint32_t>& word) noexcept;

// A small number that the calling thread keeps and no other living or dead thread has: dealt in the order of asking.
[[nodiscard]] unsigned this_thread_number() noexcept;

// How often the calling thread has called this before: a cheap way to spread what one thread does.
[[nodiscard]] unsigned earlier_calls_of_this_thread() noexcept;

// One pointer for each thread, `Initial` at first. get() may be inlined into coroutines, which suspend on one thread
// and go on on another: GCC enters the coroutine's function anew for each piece between two suspensions, and Clang,
// from 16 on, takes the address of a thread-local variable anew after each.
template <class T, T* Initial = nullptr>
class thread_pointer {
public:
    [[nodiscard]] static T* get() noexcept { return value; }
    static void set(T* p) noexcept { value = p; }

private:
    static inline constinit thread_local T* value = Initial;
};

// Has `last` called on the calling thread when it ends, after the destructors of its thread-local objects. From then on
// the thread may ask again, a few times. One function for each thread: a second call replaces the first. For the thread
// that returns from main() nothing is called: the process ends with it.
void at_thread_end(void (*last)() noexcept) noexcept;

// Whether it makes sense to fetch memory ahead of its use; for what is done only to find out what to fetch.
inline constexpr bool prefetches = true;
// Fetches the cache lines in which something that is suspended begins, of an operation or of a coroutine, before it is
// resumed. A hint: the address need not be one.
inline void prefetch_suspended(std::uintptr_t address) noexcept {
    for (std::size_t i = 0; i < 3; ++i) {
        // NOLINTNEXTLINE(performance-no-int-to-ptr): nothing is read or written
        __builtin_prefetch(reinterpret_cast<const void*>(address + i * cache_line), 1);
    }
}

// The process's one object of this type. Never destroyed: static objects may still need it at the very end.
template <class T>
[[nodiscard]] T& process_wide() {
    static T& only = *new T;
    return only;
}

// A pair of fences of which one side is rare. A light fence is ordered against every heavy one as if both were
// sequentially consistent fences; two light ones are not ordered against each other. After P1202 and folly. The heavy
// side makes every running thread of the process pass a barrier (membarrier), so that the light side need only hold the
// compiler. Where the system has no membarrier, and in sanitizer builds, both are plain fences.
namespace internal {
extern bool light_fence_is_free;  // written once, before anybody who uses the fences starts; an atomic costs more
}
// The light fence where it is free. False where it is not: no fence was made.
inline bool asymmetric_fence_light_if_free() noexcept {
    std::atomic_signal_fence(std::memory_order_seq_cst);  // pairs: asymmetric_fence_heavy()
    return internal::light_fence_is_free;
}
inline void asymmetric_fence_light() noexcept {
    if (!asymmetric_fence_light_if_free()) [[unlikely]] {
        std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs: asymmetric_fence_heavy()
    }
}
void asymmetric_fence_heavy() noexcept;
// An ordinary sequentially consistent fence. It is ordered against others of its kind and against heavy ones.
inline void full_fence() noexcept {
#if defined(__x86_64__)
    if constexpr (!under_thread_sanitizer) {
        // As GCC does it. Clang takes mfence, which costs 26 ns here behind another read-modify-write, and this one 5.
        asm volatile("lock; orl $0, (%%rsp)" : : : "memory", "cc");  // pairs: full_fence(), asymmetric_fence_heavy()
        return;
    }
#endif
    std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs: full_fence(), asymmetric_fence_heavy()
}
// Registers the process with membarrier, once. Before any thread uses the fences.
void prepare_asymmetric_fences() noexcept;

// AddressSanitizer's, which are there only with it. Its header need not be installed.
extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): the names are its own
void __asan_poison_memory_region(const volatile void* begin, std::size_t size);
void __asan_unpoison_memory_region(const volatile void* begin, std::size_t size);
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
}
// Memory that is kept for reuse: an access to it between retire() and reuse() is reported by AddressSanitizer, and by
// an exploring build. The first `kept` bytes stay accessible, for a list of free blocks.
inline void retire(void* block, std::size_t size, std::size_t kept) noexcept {
    if constexpr (under_address_sanitizer) {
        __asan_poison_memory_region(static_cast<std::byte*>(block) + kept, size - kept);
    }
}
inline void reuse(void* block, std::size_t size) noexcept {
    if constexpr (under_address_sanitizer) {
        __asan_unpoison_memory_region(block, size);
    }
}

// Gives the memory of slots that nobody uses back to the system. They stay accessible; what they hold is lost.
void discard(atomic<void*>* slots, std::size_t count) noexcept;

// Writes to standard error.
void say(const char* text) noexcept;

// Where assertions are on: ends the process with the invariant's name when it does not hold. `name` is that of the
// prose that heads the file.
[[noreturn]] void invariant_broken(const char* name, const std::source_location& where) noexcept;
template <std::predicate Holds>
void invariant([[maybe_unused]] const char* name, [[maybe_unused]] Holds&& holds,
               [[maybe_unused]] const std::source_location& where = std::source_location::current()) noexcept {
#ifndef NDEBUG
    if (!holds()) {
        invariant_broken(name, where);
    }
#endif
}

}  // namespace brigade::detail::sync
