// The explorer's side of the door: the same names as include/brigade/detail/sync.hpp, which this header replaces when
// the runtime's sources are built for exploration. Every operation is a step of the model that runs.
//
// Objects of these types live inside a model only.
#pragma once

#include <atomic>
#include <bit>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include <brigade/detail/sizes.hpp>

#include "tests/explore/engine.hpp"

namespace brigade::detail::sync {

using explore::engine;
using explore::operation;

template <class T>
    requires std::is_trivially_copyable_v<T> && (sizeof(T) <= sizeof(std::uint64_t))
class atomic {
public:
    using value_type = T;
    using place = std::source_location;

    atomic() : atomic(T()) {}
    atomic(T value) : state_(engine::the().create_atomic(this, pack(value))) {}  // NOLINT: as std::atomic
    atomic(const atomic&) = delete;
    atomic& operator=(const atomic&) = delete;
    ~atomic() { engine::the().destroy_atomic(state_); }

    [[nodiscard]] T load(std::memory_order order = std::memory_order_seq_cst, place where = place::current()) const {
        return unpack(engine::the().load(state_, order, where));
    }
    void store(T value, std::memory_order order = std::memory_order_seq_cst, place where = place::current()) {
        engine::the().store(state_, order, pack(value), where);
    }
    T exchange(T value, std::memory_order order = std::memory_order_seq_cst, place where = place::current()) {
        return change(operation::exchange, [value](T /*before*/) { return value; }, order, where);
    }
    bool compare_exchange_strong(T& expected, T value, std::memory_order success, std::memory_order failure,
                                 place where = place::current()) {
        return compare_exchange(expected, value, success, failure, false, where);
    }
    bool compare_exchange_strong(T& expected, T value, std::memory_order order = std::memory_order_seq_cst,
                                 place where = place::current()) {
        return compare_exchange(expected, value, order, failure_of(order), false, where);
    }
    bool compare_exchange_weak(T& expected, T value, std::memory_order success, std::memory_order failure,
                               place where = place::current()) {
        return compare_exchange(expected, value, success, failure, true, where);
    }
    bool compare_exchange_weak(T& expected, T value, std::memory_order order = std::memory_order_seq_cst,
                               place where = place::current()) {
        return compare_exchange(expected, value, order, failure_of(order), true, where);
    }
    T fetch_add(T n, std::memory_order order = std::memory_order_seq_cst, place where = place::current())
        requires std::integral<T>
    {
        return change(operation::fetch_add, [n](T before) { return static_cast<T>(before + n); }, order, where);
    }
    T fetch_sub(T n, std::memory_order order = std::memory_order_seq_cst, place where = place::current())
        requires std::integral<T>
    {
        return change(operation::fetch_sub, [n](T before) { return static_cast<T>(before - n); }, order, where);
    }
    T fetch_and(T n, std::memory_order order = std::memory_order_seq_cst, place where = place::current())
        requires std::integral<T>
    {
        return change(operation::fetch_and, [n](T before) { return static_cast<T>(before & n); }, order, where);
    }
    T fetch_or(T n, std::memory_order order = std::memory_order_seq_cst, place where = place::current())
        requires std::integral<T>
    {
        return change(operation::fetch_or, [n](T before) { return static_cast<T>(before | n); }, order, where);
    }
    T fetch_xor(T n, std::memory_order order = std::memory_order_seq_cst, place where = place::current())
        requires std::integral<T>
    {
        return change(operation::fetch_xor, [n](T before) { return static_cast<T>(before ^ n); }, order, where);
    }

    [[nodiscard]] explore::location& state() const noexcept { return state_; }

private:
    static std::uint64_t pack(T value) noexcept {
        std::uint64_t bits = 0;
        __builtin_memcpy(&bits, &value, sizeof(T));
        return bits;
    }
    static T unpack(std::uint64_t bits) noexcept {
        T value;
        __builtin_memcpy(&value, &bits, sizeof(T));
        return value;
    }
    static constexpr std::memory_order failure_of(std::memory_order o) noexcept {
        return o == std::memory_order_acq_rel   ? std::memory_order_acquire
               : o == std::memory_order_release ? std::memory_order_relaxed
                                                : o;
    }

    template <class F>
    T change(operation what, F f, std::memory_order order, const place& where) {
        const auto apply = [](std::uint64_t& bits, void* with) {
            bits = pack((*static_cast<F*>(with))(unpack(bits)));
            return true;
        };
        return unpack(engine::the()
                          .read_modify_write(state_, order, std::memory_order_relaxed, false, what, apply, &f, where)
                          .before);
    }
    bool compare_exchange(T& expected, T value, std::memory_order success, std::memory_order failure, bool weak,
                          const place& where) {
        struct both {
            std::uint64_t expected;
            std::uint64_t value;
        } values{pack(expected), pack(value)};
        const auto apply = [](std::uint64_t& bits, void* with) {
            const both& v = *static_cast<both*>(with);
            if (bits != v.expected) {
                return false;
            }
            bits = v.value;
            return true;
        };
        const auto r = engine::the().read_modify_write(
            state_, success, failure, weak, weak ? operation::compare_exchange_weak : operation::compare_exchange,
            apply, &values, where);
        if (!r.stored) {
            expected = unpack(r.before);
        }
        return r.stored;
    }

    explore::location& state_;
};

class mutex {
public:
    mutex() : object_(engine::the().create_object()) {}
    mutex(const mutex&) = delete;
    mutex& operator=(const mutex&) = delete;
    void lock(std::source_location where = std::source_location::current()) { engine::the().lock(object_, where); }
    void unlock(std::source_location where = std::source_location::current()) { engine::the().unlock(object_, where); }
    bool try_lock(std::source_location where = std::source_location::current()) {
        return engine::the().try_lock(object_, where);
    }

    [[nodiscard]] explore::sync_object& object() const noexcept { return object_; }

private:
    explore::sync_object& object_;
};

// As std::unique_lock, with the place where it was made.
class unique_lock {
public:
    using place = std::source_location;

    unique_lock() = default;
    explicit unique_lock(mutex& m, place where = place::current()) : mutex_(&m), where_(where) { lock(); }
    unique_lock(unique_lock&& other) noexcept
        : mutex_(std::exchange(other.mutex_, nullptr)),
          held_(std::exchange(other.held_, false)),
          where_(other.where_) {}
    unique_lock& operator=(unique_lock&& other) noexcept {
        const unique_lock old(std::move(*this));
        mutex_ = std::exchange(other.mutex_, nullptr);
        held_ = std::exchange(other.held_, false);
        where_ = other.where_;
        return *this;
    }
    ~unique_lock() {
        if (held_) {
            mutex_->unlock(where_);
        }
    }
    void lock() {
        mutex_->lock(where_);
        held_ = true;
    }
    void unlock() {
        mutex_->unlock(where_);
        held_ = false;
    }
    [[nodiscard]] bool owns_lock() const noexcept { return held_; }
    [[nodiscard]] sync::mutex& held() const noexcept { return *mutex_; }

private:
    sync::mutex* mutex_ = nullptr;
    bool held_ = false;
    place where_;
};
using lock = unique_lock;

// To a model a lock is a lock.
using spinlock = mutex;
using spinlock_guard = unique_lock;

// Time stands still, except that a wait which ends by its limit takes as long as that.
struct clock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<clock>;
    static constexpr bool is_steady = true;
    [[nodiscard]] static time_point now() noexcept { return time_point(duration(engine::the().time())); }
};

class condition_variable {
public:
    using place = std::source_location;

    condition_variable() : object_(engine::the().create_object()) {}
    condition_variable(const condition_variable&) = delete;
    condition_variable& operator=(const condition_variable&) = delete;

    void notify_one(place where = place::current()) { engine::the().notify(object_, false, where); }
    void notify_all(place where = place::current()) { engine::the().notify(object_, true, where); }
    void wait(lock& l, place where = place::current()) { wait_once(l, engine::never, where); }
    template <std::predicate P>
    void wait(lock& l, P holds, place where = place::current()) {
        while (!holds()) {
            wait_once(l, engine::never, where);
        }
    }
    template <class Clock, class Duration, std::predicate P>
    bool wait_until(lock& l, std::chrono::time_point<Clock, Duration> limit, P holds, place where = place::current()) {
        const std::int64_t until = std::chrono::ceil<std::chrono::nanoseconds>(limit.time_since_epoch()).count();
        while (!holds()) {
            if (!wait_once(l, until, where)) {
                return holds();
            }
        }
        return true;
    }
    template <class Rep, class Period, std::predicate P>
    bool wait_for(lock& l, std::chrono::duration<Rep, Period> limit, P holds, place where = place::current()) {
        return wait_until(l, clock::now() + limit, std::move(holds), where);
    }

private:
    bool wait_once(lock& l, std::int64_t until, const place& where) {
        return engine::the().wait(object_, l.held().object(), until, where);
    }

    explore::sync_object& object_;
};

class thread {
public:
    using place = std::source_location;

    thread() = default;
    template <std::invocable F>
        requires(!std::same_as<std::decay_t<F>, thread>)
    explicit thread(F&& body, place where = place::current())
        : number_(engine::the().start_thread(std::function<void()>(std::forward<F>(body)), where)), joinable_(true) {}
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
    void join(place where = place::current()) {
        engine::the().join_thread(number_, where);
        joinable_ = false;
    }
    [[nodiscard]] bool joinable() const noexcept { return joinable_; }

private:
    unsigned number_ = 0;
    bool joinable_ = false;
};

inline constexpr std::size_t cache_line = 64;

inline constexpr size_settings sizes{
    .first_ring = 2,
    .kept_ring = 1,
    .batch = 2,
    .ready_many = 2,
    .ready_enough = 4,
    .registry_shards = 2,
    .shard_turn = 1,
    .fork_patience = std::chrono::nanoseconds(0),
    .watch_period = std::chrono::nanoseconds(1),
    .long_stay = std::chrono::nanoseconds(0),
    .measured_sitting = 1,
    .measured_lone = 1,
    .standby = std::chrono::nanoseconds(1),
    .turns_to_glance = 2,
    .glance_period = std::chrono::nanoseconds(0),
    .frame_page = 2048,
    .frame_magazine = 2,
    .frame_pages_kept = 1,
};

inline void futex_wait(atomic<std::uint32_t>& word, std::uint32_t expected,
                       std::source_location where = std::source_location::current()) noexcept {
    engine::the().futex_wait(word.state(), expected, engine::never, where);
}
inline void futex_wait_for(atomic<std::uint32_t>& word, std::uint32_t expected, std::chrono::nanoseconds limit,
                           std::source_location where = std::source_location::current()) noexcept {
    engine::the().futex_wait(word.state(), expected, engine::the().time() + limit.count(), where);
}
inline void futex_wake(atomic<std::uint32_t>& word,
                       std::source_location where = std::source_location::current()) noexcept {
    engine::the().futex_wake(&word, where);
}
// For the models' own loops.
inline void yield_thread(std::source_location where = std::source_location::current()) noexcept {
    engine::the().yield(where);
}
// To a model a pause is a step after which each other thread that can makes one.
struct backoff {
    void pause(std::source_location where = std::source_location::current()) noexcept { yield_thread(where); }
};
[[nodiscard]] inline unsigned this_thread_number() noexcept {
    return engine::the().current();
}
// Threads share the few shards there are as it is.
[[nodiscard]] inline unsigned earlier_calls_of_this_thread() noexcept {
    return 0;
}

template <class T, T* Initial = nullptr>
class thread_pointer {
public:
    [[nodiscard]] static T* get() noexcept {
        void* const set_before = engine::the().thread_local_at(&key);
        return set_before == nullptr ? Initial : static_cast<T*>(set_before);
    }
    static void set(T* p) noexcept { engine::the().thread_local_at(&key) = p; }

private:
    static inline char key = 0;
};

inline void at_thread_end(void (*last)() noexcept) noexcept {
    engine::the().at_thread_end(last);
}

inline constexpr bool prefetches = false;
inline void prefetch_suspended(std::uintptr_t /*address*/) noexcept {}

template <class T>
[[nodiscard]] T& process_wide() {
    static char key;
    return *static_cast<T*>(engine::the().process_wide(
        &key, []() -> void* { return new T; }, [](void* object) { delete static_cast<T*>(object); }));
}

inline void asymmetric_fence_light(std::source_location where = std::source_location::current()) noexcept {
    engine::the().fence(operation::light_fence, std::memory_order_seq_cst, where);
}
inline bool asymmetric_fence_light_if_free(std::source_location where = std::source_location::current()) noexcept {
    asymmetric_fence_light(where);
    return true;
}
inline void asymmetric_fence_heavy(std::source_location where = std::source_location::current()) noexcept {
    engine::the().fence(operation::heavy_fence, std::memory_order_seq_cst, where);
}
inline void full_fence(std::source_location where = std::source_location::current()) noexcept {
    engine::the().fence(operation::fence, std::memory_order_seq_cst, where);
}
inline void prepare_asymmetric_fences() noexcept {}

inline void retire(void* block, std::size_t size, std::size_t kept) noexcept {
    engine::the().set_usable(static_cast<std::byte*>(block) + kept, size - kept, false);
}
inline void reuse(void* block, std::size_t size) noexcept {
    engine::the().set_usable(block, size, true);
}

inline void discard(atomic<void*>* slots, std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; ++i) {
        slots[i].store(nullptr, std::memory_order_relaxed);
    }
}
inline void say(const char* /*text*/) noexcept {}

template <std::predicate Holds>
void invariant(const char* name, Holds&& holds, std::source_location where = std::source_location::current()) noexcept {
    if (!engine::the().inspect([&holds] { return holds(); })) {
        engine::the().fail("the invariant " + std::string(name) + " does not hold (" + where.file_name() + ":" +
                           std::to_string(where.line()) + ")");
    }
}

}  // namespace brigade::detail::sync
