// The simulated machine's side of the door: the same names as include/brigade/detail/sync.hpp, which this header
// replaces when the runtime's sources are built to be simulated. Objects are as large as the real ones and share cache
// lines with the same neighbours; what is done with them takes virtual time (machine.hpp).
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <source_location>
#include <type_traits>
#include <utility>

#include <brigade/detail/sizes.hpp>

#include "tests/explore/scale/machine.hpp"

namespace brigade::detail::sync {

using scale::machine;

template <class T>
    requires std::is_trivially_copyable_v<T>
class atomic {
public:
    using value_type = T;
    using place = std::source_location;

    atomic() = default;
    constexpr atomic(T value) : value_(value) {}  // NOLINT: as std::atomic
    atomic(const atomic&) = delete;
    atomic& operator=(const atomic&) = delete;

    [[nodiscard]] T load(std::memory_order /*order*/ = std::memory_order_seq_cst,
                         const place& where = place::current()) const {
        machine::the().read(this, where);
        return value_;
    }
    void store(T value, std::memory_order order = std::memory_order_seq_cst, const place& where = place::current()) {
        machine::the().write(this, order == std::memory_order_seq_cst, where);
        value_ = value;
    }
    T exchange(T value, std::memory_order /*order*/ = std::memory_order_seq_cst,
               const place& where = place::current()) {
        machine::the().write(this, true, where);
        return std::exchange(value_, value);
    }
    bool compare_exchange_strong(T& expected, T value, std::memory_order /*success*/, std::memory_order /*failure*/,
                                 const place& where = place::current()) {
        machine::the().write(this, true, where);
        if (value_ != expected) {
            expected = value_;
            return false;
        }
        value_ = value;
        return true;
    }
    bool compare_exchange_strong(T& expected, T value, std::memory_order order = std::memory_order_seq_cst,
                                 const place& where = place::current()) {
        return compare_exchange_strong(expected, value, order, order, where);
    }
    bool compare_exchange_weak(T& expected, T value, std::memory_order success, std::memory_order failure,
                               const place& where = place::current()) {
        return compare_exchange_strong(expected, value, success, failure, where);
    }
    bool compare_exchange_weak(T& expected, T value, std::memory_order order = std::memory_order_seq_cst,
                               const place& where = place::current()) {
        return compare_exchange_strong(expected, value, order, order, where);
    }
    T fetch_add(T n, std::memory_order order = std::memory_order_seq_cst, const place& where = place::current())
        requires std::integral<T>
    {
        return change(static_cast<T>(value_of(order, where) + n));
    }
    T fetch_sub(T n, std::memory_order order = std::memory_order_seq_cst, const place& where = place::current())
        requires std::integral<T>
    {
        return change(static_cast<T>(value_of(order, where) - n));
    }
    T fetch_and(T n, std::memory_order order = std::memory_order_seq_cst, const place& where = place::current())
        requires std::integral<T>
    {
        return change(static_cast<T>(value_of(order, where) & n));
    }
    T fetch_or(T n, std::memory_order order = std::memory_order_seq_cst, const place& where = place::current())
        requires std::integral<T>
    {
        return change(static_cast<T>(value_of(order, where) | n));
    }
    T fetch_xor(T n, std::memory_order order = std::memory_order_seq_cst, const place& where = place::current())
        requires std::integral<T>
    {
        return change(static_cast<T>(value_of(order, where) ^ n));
    }

private:
    // Before a read-modify-write: whatever its order says, it takes the line for itself.
    T value_of(std::memory_order /*order*/, const place& where) {
        machine::the().write(this, true, where);
        return value_;
    }
    T change(T value) { return std::exchange(value_, value); }

    T value_{};
};

struct clock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<clock>;
    static constexpr bool is_steady = true;
    [[nodiscard]] static time_point now() noexcept {
        machine::the().read_clock();
        return time_point(duration(machine::the().now() / 1000));
    }
};

inline void futex_wait(atomic<std::uint32_t>& word, std::uint32_t expected,
                       const std::source_location& where = std::source_location::current()) noexcept {
    const bool holds_expected = word.load(std::memory_order_relaxed, where) == expected;
    machine::the().futex_wait(&word, holds_expected, machine::never);
}
inline void futex_wait_for(atomic<std::uint32_t>& word, std::uint32_t expected, std::chrono::nanoseconds limit,
                           const std::source_location& where = std::source_location::current()) noexcept {
    const bool holds_expected = word.load(std::memory_order_relaxed, where) == expected;
    machine::the().futex_wait(&word, holds_expected, machine::the().now() + limit.count() * 1000);
}
inline void futex_wake(atomic<std::uint32_t>& word) noexcept {
    machine::the().futex_wake(&word, 1);
}
struct backoff {
    void pause() noexcept { machine::the().yield(); }
};
[[nodiscard]] inline unsigned this_thread_number() noexcept {
    return machine::the().current();
}
// What is simulated here spawns one task, and forks.
[[nodiscard]] inline unsigned earlier_calls_of_this_thread() noexcept {
    return 0;
}

// As glibc's: a futex that says free, held, or held with somebody asleep. Does not spin, and is not handed over.
class mutex {
public:
    void lock() {
        std::uint32_t seen = free;
        if (word_.compare_exchange_strong(seen, held)) {
            return;
        }
        while (word_.exchange(contended) != free) {
            futex_wait(word_, contended);
        }
    }
    bool try_lock() {
        std::uint32_t seen = free;
        return word_.compare_exchange_strong(seen, held);
    }
    void unlock() {
        if (word_.exchange(free) == contended) {
            futex_wake(word_);
        }
    }

private:
    static constexpr std::uint32_t free = 0;
    static constexpr std::uint32_t held = 1;
    static constexpr std::uint32_t contended = 2;

    atomic<std::uint32_t> word_{free};
};
using lock = std::unique_lock<mutex>;

// Counted as a mutex, which is a little more expensive.
using spinlock = mutex;
using spinlock_guard = lock;

class condition_variable {
public:
    void notify_one() { notify(1); }
    void notify_all() { notify(scale::most_processors); }
    void wait(lock& l) { wait_once(l, machine::never); }
    template <std::predicate P>
    void wait(lock& l, P holds) {
        while (!holds()) {
            wait_once(l, machine::never);
        }
    }
    template <class Clock, class Duration, std::predicate P>
    bool wait_until(lock& l, std::chrono::time_point<Clock, Duration> limit, P holds) {
        constexpr std::int64_t longest = machine::never / 1000;  // what picoseconds can say
        const auto until = std::chrono::ceil<std::chrono::nanoseconds>(limit.time_since_epoch()).count();
        while (!holds()) {
            if (clock::now() >= limit) {
                return false;
            }
            wait_once(l, until < longest ? until * 1000 : machine::never);
        }
        return true;
    }
    template <class Rep, class Period, std::predicate P>
    bool wait_for(lock& l, std::chrono::duration<Rep, Period> limit, P holds) {
        return wait_until(l, clock::now() + limit, std::move(holds));
    }

private:
    void wait_once(lock& l, std::int64_t until) {
        const std::uint32_t seen = notifications_.load(std::memory_order_relaxed);
        l.unlock();
        machine::the().futex_wait(&notifications_, notifications_.load(std::memory_order_relaxed) == seen, until);
        l.lock();
    }
    void notify(unsigned most) {
        notifications_.fetch_add(1, std::memory_order_relaxed);
        machine::the().futex_wake(&notifications_, most);
    }

    atomic<std::uint32_t> notifications_{0};
};

class thread {
public:
    thread() = default;
    template <std::invocable F>
        requires(!std::same_as<std::decay_t<F>, thread>)
    explicit thread(F&& body)
        : number_(machine::the().start_thread(std::function<void()>(std::forward<F>(body)))), joinable_(true) {}
    thread(thread&& other) noexcept : number_(other.number_), joinable_(std::exchange(other.joinable_, false)) {}
    thread& operator=(thread&& other) noexcept {
        if (joinable_) {
            std::terminate();
        }
        number_ = other.number_;
        joinable_ = std::exchange(other.joinable_, false);
        return *this;
    }
    ~thread() {
        if (joinable_) {
            std::terminate();
        }
    }
    void join() {
        machine::the().join_thread(number_);
        joinable_ = false;
    }
    [[nodiscard]] bool joinable() const noexcept { return joinable_; }

private:
    unsigned number_ = 0;
    bool joinable_ = false;
};

inline constexpr std::size_t cache_line = 64;

inline constexpr const size_settings& sizes = real_sizes;

template <class T, T* Initial = nullptr>
class thread_pointer {
public:
    [[nodiscard]] static T* get() noexcept { return values[machine::the().current()]; }
    static void set(T* p) noexcept { values[machine::the().current()] = p; }

private:
    static inline auto values = [] {
        std::array<T*, scale::most_processors> all;
        all.fill(Initial);
        return all;
    }();
};

inline void at_thread_end(void (*last)() noexcept) noexcept {
    machine::the().at_thread_end(last);
}

inline constexpr bool prefetches = false;
inline void prefetch_suspended(std::uintptr_t /*address*/) noexcept {}

// One for each simulation.
template <class T>
[[nodiscard]] T& process_wide() {
    static T* only = nullptr;
    if (only == nullptr) {
        only = new T;
        machine::the().at_process_end([] { delete std::exchange(only, nullptr); });
    }
    return *only;
}

inline void asymmetric_fence_light() noexcept {
    machine::the().light_fence();
}
inline bool asymmetric_fence_light_if_free() noexcept {
    asymmetric_fence_light();
    return true;
}
inline void asymmetric_fence_heavy() noexcept {
    machine::the().heavy_fence();
}
inline void full_fence() noexcept {
    machine::the().full_fence();
}
inline void prepare_asymmetric_fences() noexcept {}

inline void retire(void* /*block*/, std::size_t /*size*/, std::size_t /*kept*/) noexcept {}
inline void reuse(void* /*block*/, std::size_t /*size*/) noexcept {}

inline void discard(atomic<void*>* /*slots*/, std::size_t /*count*/) noexcept {}
inline void say(const char* /*text*/) noexcept {}

template <std::predicate Holds>
void invariant(const char* /*name*/, Holds&& /*holds*/) noexcept {}

}  // namespace brigade::detail::sync
