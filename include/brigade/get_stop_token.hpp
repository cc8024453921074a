// How a task asks whether its result is still wanted.
#pragma once

#include <coroutine>

#include <brigade/detail/promise.hpp>
#include <brigade/stop.hpp>

namespace brigade {

namespace detail {

class stop_token_awaiter {
public:
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <runtime_promise P>
    bool await_suspend(std::coroutine_handle<P> self) noexcept {
        token_ = stop_token(self.promise().stop);
        return false;  // does not suspend
    }
    [[nodiscard]] stop_token await_resume() const noexcept { return token_; }

private:
    stop_token token_;
};

}  // namespace detail

// `co_await get_stop_token()` gives the token that this task inherited. For loops that compute without awaiting, and
// for calls into libraries that take a callback to stop them.
[[nodiscard]] inline detail::stop_token_awaiter get_stop_token() noexcept {
    return {};
}

}  // namespace brigade
