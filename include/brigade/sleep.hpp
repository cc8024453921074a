// Waiting for a moment.
#pragma once

#include <chrono>
#include <coroutine>

#include <brigade/detail/deadline.hpp>
#include <brigade/detail/promise.hpp>
#include <brigade/detail/timer.hpp>
#include <brigade/detail/waiter.hpp>
#include <brigade/stop.hpp>

namespace brigade {

namespace detail {

class timer_shard;

// The timer and the place in the stop source's list are bases: so each finds the awaiter without a pointer.
class sleep_awaiter : private timer, private stop_hook {
public:
    explicit sleep_awaiter(time_limit limit) noexcept
        : timer(&sleep_awaiter::wake), stop_hook(&sleep_awaiter::stop), is_relative_(limit.is_relative()) {
        timer::deadline = limit.from({});  // suspend() sees to the rest
    }
    sleep_awaiter(const sleep_awaiter&) = delete;
    sleep_awaiter& operator=(const sleep_awaiter&) = delete;
    // Takes the timer back when the task is destroyed while it sleeps.
    ~sleep_awaiter() {
        if (asleep_) {
            give_up();
        }
    }

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <runtime_promise P>
    bool await_suspend(std::coroutine_handle<P> self) {
        return suspend(self, self.promise().stop);
    }
    void await_resume() {
        asleep_ = false;
        detach();
        if (stopped_) {
            throw operation_cancelled();
        }
    }

private:
    bool suspend(std::coroutine_handle<> self, stop_source* source);
    void give_up() noexcept;
    static void wake(timer& expired) noexcept;
    static void stop(stop_hook& hook) noexcept;

    waiter waiter_;
    timer_shard* shard_ = nullptr;
    const bool is_relative_;
    bool stopped_ = false;
    bool asleep_ = false;  // from suspend() until the task goes on
};

// A sleep that has not begun.
class [[nodiscard]] sleep_operation {
public:
    explicit sleep_operation(time_limit limit) noexcept : limit_(limit) {}
    sleep_awaiter operator co_await() const noexcept { return sleep_awaiter(limit_); }

private:
    time_limit limit_;
};

}  // namespace detail

// `co_await sleep_until(t)`, `co_await sleep_for(d)`: wakes at the deadline or later, never earlier; a deadline in the
// past lets others run once. The time of sleep_for() begins with the await. By the executor's clock (now()). Throws
// operation_cancelled when the task is asked to stop, and std::system_error when the system refuses the reactor that
// the first of them starts. Tasks only.
[[nodiscard]] inline detail::sleep_operation sleep_until(std::chrono::steady_clock::time_point deadline) noexcept {
    return detail::sleep_operation(detail::time_limit::at(deadline));
}
template <class Rep, class Period>
[[nodiscard]] detail::sleep_operation sleep_for(std::chrono::duration<Rep, Period> duration) {
    return detail::sleep_operation(detail::time_limit::after(duration));
}

}  // namespace brigade
