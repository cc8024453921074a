// Letting others run.
#pragma once

#include <coroutine>

#include <brigade/detail/promise.hpp>
#include <brigade/detail/waiter.hpp>

namespace brigade {

namespace detail {

struct yield_awaiter {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <runtime_promise P>
    void await_suspend(std::coroutine_handle<P> self) const noexcept {
        post_yielded(self);
    }
    void await_resume() const noexcept {}
};

// Every operation that can complete at once awaits this first, so that a task whose operations always complete at once
// still lets others run.
struct cooperate_awaiter {
    [[nodiscard]] bool await_ready() const noexcept { return consume_budget(); }
    template <runtime_promise P>
    void await_suspend(std::coroutine_handle<P> self) const noexcept {
        post_yielded(self);
    }
    void await_resume() const noexcept {}
};

// For a computation that does not fork, every some microseconds: lets others run as a fork does.
struct make_way_awaiter {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <runtime_promise P>
    bool await_suspend(std::coroutine_handle<P> self) const noexcept {
        return make_way(self);
    }
    void await_resume() const noexcept {}
};

[[nodiscard]] inline cooperate_awaiter cooperate() noexcept {
    return {};
}

}  // namespace detail

// `co_await yield()` puts the task behind everything that its worker has queued. Tasks only. It waits for nothing, so a
// stop does not end it: a loop that only yields asks get_stop_token().
[[nodiscard]] inline detail::yield_awaiter yield() noexcept {
    return {};
}

}  // namespace brigade
