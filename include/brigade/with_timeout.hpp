// A deadline on whatever can be awaited.
#pragma once

#include <chrono>
#include <coroutine>
#include <expected>
#include <functional>
#include <system_error>
#include <type_traits>
#include <utility>

#include <brigade/awaitable.hpp>
#include <brigade/detail/deadline.hpp>
#include <brigade/detail/promise.hpp>
#include <brigade/detail/sync.hpp>
#include <brigade/detail/timer.hpp>
#include <brigade/stop.hpp>
#include <brigade/task.hpp>

namespace brigade {

namespace detail {

class timer_shard;

// While a task waits for one awaitable: a stop source between that and the task's own, which the deadline stops. It
// stands in the task's promise, where the awaitable finds it as it would find the task's.
class deadline_scope : private timer, private stop_hook {
public:
    explicit deadline_scope(time_limit limit) noexcept
        : timer(&deadline_scope::expire), stop_hook(&deadline_scope::pass_on), limit_(limit) {}
    deadline_scope(const deadline_scope&) = delete;
    deadline_scope& operator=(const deadline_scope&) = delete;
    ~deadline_scope() { end(); }

    // Once, when the task is about to suspend. `place` is what its promise has as the stop source. Throws
    // std::system_error when the system refuses a reactor.
    void begin(stop_source*& place);
    // The task goes on, or is destroyed. Waits for a stop in progress.
    void end() noexcept {
        if (place_ != nullptr) {
            leave();
        }
    }
    // After end(): whether the deadline has stopped the awaitable, and nobody the task.
    [[nodiscard]] bool timed_out() const noexcept {
        return expired_.load(std::memory_order_relaxed)  // end() has waited for who stores it
               && (outer_ == nullptr || !outer_->stop_requested());
    }

private:
    void leave() noexcept;
    static void expire(timer& expired) noexcept;
    static void pass_on(stop_hook& hook) noexcept;

    const time_limit limit_;
    stop_source source_;
    stop_source** place_ = nullptr;  // from begin() to end()
    stop_source* outer_ = nullptr;
    timer_shard* shard_ = nullptr;  // while the timer is set, or may run
    sync::atomic<bool> expired_{false};
};

template <class R>
struct timeout_result {
    using type = std::expected<std::remove_cvref_t<R>, std::error_code>;
};
template <class R>
struct timeout_result<R&> {
    using type = std::expected<std::reference_wrapper<R>, std::error_code>;
};
template <>
struct timeout_result<void> {
    using type = std::expected<void, std::error_code>;
};
template <class T>
struct timeout_result<std::expected<T, std::error_code>> {
    using type = std::expected<T, std::error_code>;
};

template <class R>
inline constexpr bool gives_error_code = false;
template <class T>
inline constexpr bool gives_error_code<std::expected<T, std::error_code>> = true;

// `A` as timed_operation has it.
template <class A>
class timed_awaiter {
    using result = await_result_t<A>;

public:
    using value_type = typename timeout_result<result>::type;

    // NOLINTNEXTLINE(cppcoreguidelines-rvalue-reference-param-not-moved): forwarded
    timed_awaiter(time_limit limit, A&& awaited) : scope_(limit), awaiter_(get_awaiter(std::forward<A>(awaited))) {}

    // What is ready needs no deadline.
    [[nodiscard]] bool await_ready() { return awaiter_.await_ready(); }
    template <runtime_promise P>
    auto await_suspend(std::coroutine_handle<P> self) {
        scope_.begin(static_cast<promise_base&>(self.promise()).stop);
        return awaiter_.await_suspend(self);  // then this may be gone
    }
    // The awaiter first: it may be one of these itself, and leaves the promise as it has found it.
    value_type await_resume() {
        try {
            if constexpr (std::is_void_v<result>) {
                awaiter_.await_resume();
                scope_.end();
                return {};
            } else if constexpr (gives_error_code<std::remove_cvref_t<result>>) {
                value_type given = awaiter_.await_resume();
                scope_.end();
                if (!given && given.error() == std::errc::operation_canceled && scope_.timed_out()) {
                    given = std::unexpected(std::make_error_code(std::errc::timed_out));
                }
                return given;
            } else {
                value_type given(std::in_place, awaiter_.await_resume());
                scope_.end();
                return given;
            }
        } catch (const operation_cancelled&) {
            scope_.end();
            if (!scope_.timed_out()) {
                throw;
            }
        }
        return std::unexpected(std::make_error_code(std::errc::timed_out));
    }

private:
    deadline_scope scope_;  // goes after the awaiter, which has its stop source
    awaiter_of<A> awaiter_;
};

// An awaitable and its deadline, until they are awaited. `A` is an lvalue reference, a type that is moved in, or an
// rvalue reference to what can not be moved: then both are awaited in the expression that makes them.
template <class A>
class [[nodiscard]] timed_operation {
public:
    // NOLINTNEXTLINE(cppcoreguidelines-rvalue-reference-param-not-moved): forwarded
    timed_operation(time_limit limit, A&& awaited) : limit_(limit), awaited_(std::forward<A>(awaited)) {}

    timed_awaiter<A> operator co_await() && { return timed_awaiter<A>(limit_, std::forward<A>(awaited_)); }
    // Where a task is wanted.
    // clang-format off: it takes the constraint for something else
    operator task<typename timed_awaiter<A>::value_type>() &&  // NOLINT(google-explicit-constructor)
        requires(!std::is_rvalue_reference_v<A>)
    {
        return as_task<timed_operation>(std::move(*this));
    }

private:
    // clang-format on
    time_limit limit_;
    A awaited_;
};

template <class A>
using timed = timed_operation<std::conditional_t<std::is_lvalue_reference_v<A> || std::move_constructible<A>, A, A&&>>;

}  // namespace detail

// `co_await with_timeout(limit, awaited)`: awaits `awaited`; when it has not ended after `limit`, asks it to stop *and
// waits until it has ended*. Then the result is std::errc::timed_out, unless it has a result all the same, which is not
// lost. What gives std::expected<U, std::error_code> keeps its type; any other type T becomes
// std::expected<T, std::error_code>, a reference a std::reference_wrapper. Exceptions come out as they are. A stop of
// the awaiting task reaches `awaited` as ever. What has an error type of its own lets operation_cancelled through, or
// it says itself what a time-out is.
//
// `awaited` is anything that a task can await: a task, which it takes over; an I/O operation or a sleep; a join_handle
// or an event, as lvalues, where only the wait ends; or an awaitable of yours, if it takes its stop source from the
// promise as those do. One that does not notice a stop is waited for. Something that is ready costs no timer. Tasks
// only. Stop callbacks that the deadline runs do so on the thread that waits for events, a worker as a rule, and must
// be short.
template <class Rep, class Period, awaitable A>
[[nodiscard]] detail::timed<A> with_timeout(std::chrono::duration<Rep, Period> limit, A&& awaited) {
    return detail::timed<A>(detail::time_limit::after(limit), std::forward<A>(awaited));
}

// The same, until a moment of the executor's clock (now()).
template <awaitable A>
[[nodiscard]] detail::timed<A> with_deadline(std::chrono::steady_clock::time_point deadline, A&& awaited) {
    return detail::timed<A>(detail::time_limit::at(deadline), std::forward<A>(awaited));
}

}  // namespace brigade
