// fork and join: run a part of a computation in parallel with the rest.
//
//     task<long> fib(int n) {
//         if (n < 2) {
//             co_return n;
//         }
//         long a = 0;
//         long b = 0;
//         co_await fork(a, fib(n - 1));
//         co_await call(b, fib(n - 2));
//         co_await join();
//         co_return a + b;
//     }
//
// `fork` runs the child at once, and lets another worker go on with the parent in the meantime; a child that nobody
// came by for costs little more than an await. Children may wait for anything, fork themselves, and move to another
// executor; the parent goes on meanwhile. `call` runs the child without offering the parent: for the last one before
// the join. A task may join and fork again, as often as it likes. In a loop of forks there are as many frames of
// children as children that run or wait: not one for each fork.
//
// Between a fork or call and the join,
//   - the result is written at some time, by some thread. Do not look at it before the join.
//   - the child may run after the statement that forked it, so it must not refer to that statement's temporaries: a
//     lambda with captures, a std::string made for a parameter of type const std::string&. Variables of the parent are
//     fine, and for a struct of several members the cheaper way: by value it is written member by member and then
//     copied whole into the child's frame, for which the processor waits (10 to 20 ns).
//   - the parent must not end, neither by co_return nor by an exception: that reports and terminates, as children would
//     write to variables that are gone. Where code in between may throw, keep the exception (std::current_exception()),
//     join behind the handler, and rethrow it. A stop throws as well, out of sleep_for, a join_handle or an awaited
//     task: better put such a wait into a child.
//
// A stop of the parent reaches the children. It does not cut the join short: the join ends when they have ended.
#pragma once

#include <coroutine>
#include <optional>
#include <type_traits>
#include <utility>

#include <brigade/awaitable.hpp>
#include <brigade/detail/compiler.hpp>
#include <brigade/detail/promise.hpp>
#include <brigade/detail/waiter.hpp>
#include <brigade/task.hpp>

namespace brigade {

namespace detail {

// Runs a child that belongs to the parent from here on (FORK6).
template <runtime_promise P, caller::kind How>
class child_awaiter {
public:
    explicit child_awaiter(P& child) noexcept : child_(child) {}

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <runtime_promise Parent>
    [[gnu::always_inline]] std::coroutine_handle<> await_suspend(std::coroutine_handle<Parent> parent) const noexcept {
        static_assert(!std::is_polymorphic_v<Parent> && !std::is_polymorphic_v<P>);  // promise_base::handle()
        return run_child(parent.promise(), child_, How);
    }
    void await_resume() const noexcept {}

private:
    P& child_;
};

// A child on its way from the expression to the co_await.
template <class T, caller::kind How>
class [[nodiscard]] BRIGADE_TRIVIAL_ABI forking {
public:
    explicit forking(task<T> child) noexcept : child_(std::move(child).release()) {}
    template <class Place>
    forking(Place* result, task<T> child) noexcept : forking(std::move(child)) {
        if (child_) {
            child_.promise().deliver_to(result_place<T>(result));
        }
    }

    forking(forking&&) noexcept = default;
    forking& operator=(forking&&) = delete;
    [[gnu::always_inline]] ~forking() = default;

    child_awaiter<task_promise<T>, How> operator co_await() && {
        if (!child_) [[unlikely]] {
            refuse_empty_task("fork or call");
        }
        return child_awaiter<task_promise<T>, How>(child_.release().promise());
    }

private:
    frame<task_promise<T>> child_;
};

template <class T>
using fork_of = forking<T, caller::kind::forked>;
template <class T>
using call_of = forking<T, caller::kind::called>;

class join_awaiter {
public:
    join_awaiter() noexcept : forks_(nullptr) {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <runtime_promise P>
    bool await_suspend(std::coroutine_handle<P> parent) noexcept {
        fork_state& forks = parent.promise();
        if (!forks.must_wait()) [[likely]] {
            forks.close();
            return false;
        }
        return wait(forks, parent);
    }
    void await_resume() {
        if (forks_ != nullptr) [[unlikely]] {
            forks_->finish_join();
        }
    }

private:
    BRIGADE_RARELY_CALLED bool wait(fork_state& forks, std::coroutine_handle<> parent) noexcept {
        forks_ = &forks;
        std::construct_at(&waiting)->suspend(parent);
        return forks.wait(waiting);
    }

    fork_state* forks_;  // when it had to wait
    union {
        waiter waiting;
    };
};

}  // namespace detail

// `co_await fork(result, child)`: starts the child. Its result is assigned to `result`, which is a variable of exactly
// its type; a std::optional, if one cannot be made in advance; or a pointer, if the child gives a reference. Throws
// std::logic_error when the task is empty.
template <class T>
    requires std::is_object_v<T> && std::is_move_assignable_v<T>
[[nodiscard]] detail::fork_of<T> fork(std::type_identity_t<T>& result, task<T> child) noexcept {
    return detail::fork_of<T>(std::addressof(result), std::move(child));
}
template <class T>
    requires std::is_object_v<T>
[[nodiscard]] detail::fork_of<T> fork(std::type_identity_t<std::optional<T>>& result, task<T> child) noexcept {
    return detail::fork_of<T>(std::addressof(result), std::move(child));
}
template <class T>
[[nodiscard]] detail::fork_of<T&> fork(std::type_identity_t<T*>& result, task<T&> child) noexcept {
    return detail::fork_of<T&>(std::addressof(result), std::move(child));
}
[[nodiscard]] inline detail::fork_of<void> fork(task<void> child) noexcept {
    return detail::fork_of<void>(std::move(child));
}

// The same for any other awaitable. One given as an lvalue must outlive the child.
template <class Result, detail::other_awaitable A>
[[nodiscard]] auto fork(Result& result, A&& awaited) {
    return fork(result, detail::into_task(std::forward<A>(awaited)));
}
template <detail::other_awaitable A>
[[nodiscard]] auto fork(A&& awaited) {
    return fork(detail::into_task(std::forward<A>(awaited)));
}

// `co_await call(result, child)`: as fork(), but the parent goes on only when the child has ended. An exception of the
// child comes out of the join all the same.
template <class T>
    requires std::is_object_v<T> && std::is_move_assignable_v<T>
[[nodiscard]] detail::call_of<T> call(std::type_identity_t<T>& result, task<T> child) noexcept {
    return detail::call_of<T>(std::addressof(result), std::move(child));
}
template <class T>
    requires std::is_object_v<T>
[[nodiscard]] detail::call_of<T> call(std::type_identity_t<std::optional<T>>& result, task<T> child) noexcept {
    return detail::call_of<T>(std::addressof(result), std::move(child));
}
template <class T>
[[nodiscard]] detail::call_of<T&> call(std::type_identity_t<T*>& result, task<T&> child) noexcept {
    return detail::call_of<T&>(std::addressof(result), std::move(child));
}
[[nodiscard]] inline detail::call_of<void> call(task<void> child) noexcept {
    return detail::call_of<void>(std::move(child));
}

// The same for any other awaitable.
template <class Result, detail::other_awaitable A>
[[nodiscard]] auto call(Result& result, A&& awaited) {
    return call(result, detail::into_task(std::forward<A>(awaited)));
}
template <detail::other_awaitable A>
[[nodiscard]] auto call(A&& awaited) {
    return call(detail::into_task(std::forward<A>(awaited)));
}

// `co_await join()`: waits until all that this task has forked have ended. Rethrows what a child threw, or
// multiple_errors when several did.
[[nodiscard]] inline detail::join_awaiter join() noexcept {
    return {};
}

}  // namespace brigade
