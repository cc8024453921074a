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

class reactor;

class sleep_awaiter {
public:
    explicit sleep_awaiter(sync::clock::time_point deadline) noexcept;
    sleep_awaiter(const sleep_awaiter&) = delete;
    sleep_awaiter& operator=(const sleep_awaiter&) = delete;
    // Takes the timer back when the task is destroyed while it sleeps.
    ~sleep_awaiter();

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <runtime_promise P>
    bool await_suspend(std::coroutine_handle<P> self) {
        return suspend(self, self.promise().stop);
    }
    void await_resume();

private:
    struct alarm_clock : timer {
        explicit alarm_clock(sleep_awaiter& s) noexcept : timer(&sleep_awaiter::wake), sleeper(s) {}
        sleep_awaiter& sleeper;
    };
    struct stop_reaction : stop_hook {
        explicit stop_reaction(sleep_awaiter& s) noexcept : stop_hook(&sleep_awaiter::stop), sleeper(s) {}
        sleep_awaiter& sleeper;
    };

    bool suspend(std::coroutine_handle<> self, stop_source* source);
    static void wake(timer& expired) noexcept;
    static void stop(stop_hook& hook) noexcept;

    sync::clock::time_point deadline_;
    reactor* reactor_ = nullptr;
    waiter waiter_;
    alarm_clock timer_;
    stop_reaction on_stop_;
    bool stopped_ = false;
    bool asleep_ = false;  // from suspend() until the task goes on
};

}  // namespace detail

// `co_await sleep_until(t)`, `co_await sleep_for(d)`: wakes at the deadline or later, never earlier; a deadline in the
// past lets others run once. Throws operation_cancelled when the task is asked to stop, and std::system_error when the
// system refuses the reactor that the first of them starts. Tasks only.
[[nodiscard]] inline detail::sleep_awaiter sleep_until(std::chrono::steady_clock::time_point deadline) noexcept {
    return detail::sleep_awaiter(deadline);
}
template <class Rep, class Period>
[[nodiscard]] detail::sleep_awaiter sleep_for(std::chrono::duration<Rep, Period> duration) {
    return detail::sleep_awaiter(detail::deadline_after(duration));
}

}  // namespace brigade
