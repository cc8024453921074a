// Moving between executors.
#pragma once

#include <coroutine>
#include <utility>

#include <brigade/awaitable.hpp>
#include <brigade/detail/promise.hpp>
#include <brigade/detail/result.hpp>
#include <brigade/executor.hpp>
#include <brigade/task.hpp>

namespace brigade {

namespace detail {

// Whether the caller is one of its workers.
[[nodiscard]] bool is_worker_of(const executor& where) noexcept;
// Posts the coroutine to the executor. Any thread.
void post(executor& where, std::coroutine_handle<> handle) noexcept;

class resume_on_awaiter {
public:
    explicit resume_on_awaiter(executor& target) noexcept : target_(target) {}
    [[nodiscard]] bool await_ready() const noexcept { return is_worker_of(target_); }
    template <runtime_promise P>
    void await_suspend(std::coroutine_handle<P> self) const noexcept {
        post(target_, self);
    }
    void await_resume() const noexcept {}

private:
    executor& target_;
};

}  // namespace detail

// `co_await resume_on(other)`: the task goes on on a worker of `other`, and stays there. It still belongs to the
// executor that spawned it; `other` must live, and not be shut down, until the task has ended or left. Does nothing
// when already there.
[[nodiscard]] inline detail::resume_on_awaiter resume_on(executor& target) noexcept {
    return detail::resume_on_awaiter(target);
}

// Runs `body` on a worker of `target` and comes back with its result, or exception, to the executor where this began.
template <class T>
task<T> schedule_on(executor& target, task<T> body) {
    executor& home = executor::current();
    detail::result<T> outcome;
    co_await resume_on(target);
    try {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(body);
            outcome.set_value();
        } else {
            outcome.set_value(co_await std::move(body));
        }
    } catch (...) {
        outcome.set_exception(std::current_exception());
    }
    co_await resume_on(home);
    co_return outcome.take();
}

// The same for any other awaitable.
template <detail::other_awaitable A>
auto schedule_on(executor& target, A&& awaited) {
    return schedule_on(target, detail::into_task(std::forward<A>(awaited)));
}

}  // namespace brigade
