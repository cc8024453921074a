// What a co_await accepts in a task, as concepts; and any of it as a task.
#pragma once

#include <concepts>
#include <coroutine>
#include <type_traits>
#include <utility>

#include <brigade/detail/promise.hpp>
#include <brigade/task.hpp>

namespace brigade {

namespace detail {

template <class A>
concept has_member_co_await = requires(A&& a) { std::forward<A>(a).operator co_await(); };
template <class A>
concept has_free_co_await = requires(A&& a) { operator co_await(std::forward<A>(a)); };

// The object whose await_ready() and so on a co_await of `a` calls. By value where that is made on the way.
template <class A>
decltype(auto) get_awaiter(A&& a) {
    if constexpr (has_member_co_await<A>) {
        return std::forward<A>(a).operator co_await();
    } else if constexpr (has_free_co_await<A>) {
        return operator co_await(std::forward<A>(a));
    } else {
        return std::forward<A>(a);
    }
}
template <class A>
using awaiter_of = decltype(detail::get_awaiter(std::declval<A>()));

template <class R>
concept suspension = std::is_void_v<R> || std::same_as<R, bool> || std::convertible_to<R, std::coroutine_handle<>>;

// That a task can wait for: its await_suspend() takes the handle of one.
template <class W>
concept task_awaiter_like = requires(W& w, std::coroutine_handle<task_promise<void>> task) {
    { w.await_ready() } -> std::convertible_to<bool>;
    { w.await_suspend(task) } -> suspension;
    w.await_resume();
};

}  // namespace detail

// What a task can `co_await`: a task, a join_handle, an event, a sleep, an I/O operation, or an awaitable of yours.
template <class A>
concept awaitable = requires { typename detail::awaiter_of<A>; } &&
                    detail::task_awaiter_like<std::remove_reference_t<detail::awaiter_of<A>>>;

// What the co_await gives.
template <awaitable A>
using await_result_t = decltype(std::declval<std::remove_reference_t<detail::awaiter_of<A>>&>().await_resume());

namespace detail {

// An awaitable that is no task, for what takes tasks: by into_task().
template <class A>
concept other_awaitable =
    awaitable<A> && !is_task<std::remove_cvref_t<A>> && (std::is_lvalue_reference_v<A> || std::move_constructible<A>);

// A result as a task gives it: no rvalue reference.
template <class R>
using task_value = std::conditional_t<std::is_rvalue_reference_v<R>, std::remove_cvref_t<R>, R>;

// `A` as for a forwarding reference: what is given as an lvalue must outlive the task, everything else lives in it.
template <awaitable A>
task<task_value<await_result_t<A>>> as_task(A awaited) {
    co_return co_await std::forward<A>(awaited);
}
template <class T>
[[nodiscard]] task<T> into_task(task<T> t) noexcept {
    return t;
}
template <other_awaitable A>
[[nodiscard]] auto into_task(A&& awaited) {
    return as_task<A>(std::forward<A>(awaited));
}

}  // namespace detail

}  // namespace brigade
