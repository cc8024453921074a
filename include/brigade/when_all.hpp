// when_all: run tasks in parallel, wait for all of them, collect the results.
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <brigade/awaitable.hpp>
#include <brigade/detail/promise.hpp>
#include <brigade/fork.hpp>
#include <brigade/multiple_errors.hpp>
#include <brigade/task.hpp>

namespace brigade {

namespace detail {

// A child that is forked; its frame belongs to the when_all, which fetches its outcome there after the join.
class kept_child {
public:
    kept_child() = default;
    template <class P>
    explicit kept_child(std::coroutine_handle<P> child) {
        if (!child) {
            refuse_empty_task("when_all");
        }
        promise_ = &child.promise();
    }

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <runtime_promise P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> parent) const noexcept {
        static_assert(!std::is_polymorphic_v<P>);  // promise_base::handle()
        return run_child(parent.promise(), *promise_, caller::kind::kept);
    }
    void await_resume() const noexcept {}

private:
    promise_base* promise_ = nullptr;
};

template <class T>
void collect_error(std::vector<std::exception_ptr>& errors, result<T>& r) {
    if (r.failed()) {
        errors.push_back(r.take_exception());
    }
}

// The element of when_all's results for a T.
template <class T>
using when_all_element = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

}  // namespace detail

// Runs the tasks in parallel and gives their results as a tuple, with std::monostate for void. Ends when all have
// ended, whatever the outcome; then rethrows what a child threw, or multiple_errors when several did. A stop of the
// awaiting task reaches the children.
template <class... Ts>
task<std::tuple<detail::when_all_element<Ts>...>> when_all(task<Ts>... tasks) {
    auto frames = std::make_tuple(std::move(tasks).release()...);
    const std::array<detail::kept_child, sizeof...(Ts)> children = std::apply(
        [](auto&... frame) {
            return std::array<detail::kept_child, sizeof...(Ts)>{detail::kept_child(frame.handle())...};
        },
        frames);
    for (const detail::kept_child& child : children) {
        co_await child;
    }
    co_await join();
    std::vector<std::exception_ptr> errors;
    std::apply([&errors](auto&... frame) { (detail::collect_error(errors, frame.promise().result()), ...); }, frames);
    detail::throw_errors(std::move(errors));
    co_return std::apply(
        [](auto&... frame) {
            return std::tuple<detail::when_all_element<Ts>...>(frame.promise().result().take_stored()...);
        },
        frames);
}

// As above, where some are other awaitables. One given as an lvalue must outlive the result.
template <awaitable... As>
    requires(detail::other_awaitable<As> || ...)
auto when_all(As&&... awaited) {
    return when_all(detail::into_task(std::forward<As>(awaited))...);
}

// As above, for any number of tasks of one type; the results stand in the order of the tasks. References come as
// std::reference_wrapper.
template <class T>
task<std::conditional_t<std::is_void_v<T>, void, std::vector<detail::stored<T>>>> when_all(std::vector<task<T>> tasks) {
    std::vector<detail::frame<detail::task_promise<T>>> frames;
    frames.reserve(tasks.size());
    std::vector<detail::kept_child> children;
    children.reserve(tasks.size());
    for (task<T>& t : tasks) {
        frames.push_back(std::move(t).release());
        children.emplace_back(frames.back().handle());
    }
    for (const detail::kept_child& child : children) {
        co_await child;
    }
    co_await join();
    std::vector<std::exception_ptr> errors;
    for (auto& frame : frames) {
        detail::collect_error(errors, frame.promise().result());
    }
    detail::throw_errors(std::move(errors));
    if constexpr (!std::is_void_v<T>) {
        std::vector<detail::stored<T>> results;
        results.reserve(frames.size());
        for (auto& frame : frames) {
            results.push_back(frame.promise().result().take_stored());
        }
        co_return results;
    }
}

}  // namespace brigade
