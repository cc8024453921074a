// Letting others run.
#pragma once

#include <coroutine>

#include <brigade/detail/promise.hpp>
#include <brigade/detail/waiter.hpp>

namespace brigade {

namespace detail {

struct yield_awaiter {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> self) const noexcept { post_yielded(self); }
    void await_resume() const noexcept {}
};

// Every operation that can complete at once awaits this first, so that a task whose operations always complete at once
// still lets others run.
struct cooperate_awaiter {
    [[nodiscard]] bool await_ready() const noexcept { return consume_budget(); }
    void await_suspend(std::coroutine_handle<> self) const noexcept { post_yielded(self); }
    void await_resume() const noexcept {}
};

[[nodiscard]] inline cooperate_awaiter cooperate() noexcept {
    return {};
}

}  // namespace detail

// `co_await yield()` puts the task behind everything that its worker has queued. Tasks only.
[[nodiscard]] inline detail::yield_awaiter yield() noexcept {
    return {};
}

}  // namespace brigade
