// A deadline on any task.
#pragma once

#include <chrono>
#include <expected>
#include <system_error>
#include <type_traits>
#include <utility>

#include <brigade/detail/timer.hpp>
#include <brigade/get_stop_token.hpp>
#include <brigade/sleep.hpp>
#include <brigade/stop.hpp>
#include <brigade/task.hpp>

namespace brigade {

namespace detail {

// Asks `target` to stop at the deadline, unless it is destroyed before.
class deadline_alarm {
public:
    deadline_alarm(sync::clock::time_point deadline, stop_source& target);
    ~deadline_alarm();
    deadline_alarm(const deadline_alarm&) = delete;
    deadline_alarm& operator=(const deadline_alarm&) = delete;

    [[nodiscard]] bool expired() const noexcept {
        return expired_.load(std::memory_order_relaxed);  // tells who stopped the task; carries nothing else
    }

private:
    struct alarm_clock : timer {
        explicit alarm_clock(deadline_alarm& a) noexcept : timer(&deadline_alarm::ring), owner(a) {}
        deadline_alarm& owner;
    };
    static void ring(timer& expired) noexcept;

    reactor& reactor_;
    stop_source& target_;
    sync::atomic<bool> expired_{false};
    alarm_clock timer_;
};

// Awaits a task that sees `source` instead of the parent's stop source.
template <class T>
class await_with_stop : public task_awaiter<T> {
public:
    await_with_stop(task<T> child, stop_source& source) noexcept
        : task_awaiter<T>(std::move(child).release()), source_(source) {}

    template <runtime_promise P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> parent) noexcept {
        return this->start(parent, &source_);
    }

private:
    stop_source& source_;
};

template <class T>
struct timeout_result {
    using type = std::expected<T, std::error_code>;
};
template <class T>
struct timeout_result<std::expected<T, std::error_code>> {
    using type = std::expected<T, std::error_code>;
};

template <class T>
inline constexpr bool gives_error_code = false;
template <class T>
inline constexpr bool gives_error_code<std::expected<T, std::error_code>> = true;

}  // namespace detail

// Runs `body`; when it has not ended after `limit`, asks it to stop *and waits until it has ended*. Then the result is
// std::errc::timed_out, unless the body has a result all the same, which is not lost. A body that already gives
// std::expected<U, std::error_code> keeps its type. Exceptions come out as they are. A stop of the awaiting task
// reaches the body. The body's stop_callbacks run on the thread that waits for events, a worker as a rule, and must be
// short. A body with an error type of its own lets operation_cancelled through, or it says itself what a time-out is.
template <class Rep, class Period, class T>
    requires(!std::is_reference_v<T>)
task<typename detail::timeout_result<T>::type> with_timeout(std::chrono::duration<Rep, Period> limit, task<T> body) {
    stop_source source;
    const stop_token outer = co_await get_stop_token();
    const stop_callback inherit(outer, [&source] { source.request_stop(); });
    const detail::deadline_alarm alarm(detail::deadline_after(limit), source);
    const auto timed_out = [&alarm, &outer] { return alarm.expired() && !outer.stop_requested(); };
    try {
        if constexpr (std::is_void_v<T>) {
            co_await detail::await_with_stop<T>(std::move(body), source);
            co_return {};
        } else {
            typename detail::timeout_result<T>::type result =
                co_await detail::await_with_stop<T>(std::move(body), source);
            if constexpr (detail::gives_error_code<T>) {
                if (!result && result.error() == std::errc::operation_canceled && timed_out()) {
                    result = std::unexpected(std::make_error_code(std::errc::timed_out));
                }
            }
            co_return result;
        }
    } catch (const operation_cancelled&) {
        if (!timed_out()) {
            throw;
        }
    }
    co_return std::unexpected(std::make_error_code(std::errc::timed_out));
}

}  // namespace brigade
