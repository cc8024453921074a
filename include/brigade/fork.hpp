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
//     fine.
//   - the parent must not end, neither by co_return nor by an exception: that reports and terminates, as children would
//     write to variables that are gone. Where code in between may throw, keep the exception (std::current_exception()),
//     join behind the handler, and rethrow it. A stop throws as well, out of sleep_for, a join_handle or an awaited
//     task: better put such a wait into a child.
//
// A stop of the parent reaches the children. It does not cut the join short: the join ends when they have ended.
#pragma once

#include <coroutine>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <brigade/detail/promise.hpp>
#include <brigade/detail/waiter.hpp>
#include <brigade/task.hpp>

namespace brigade {

namespace detail {

// A child on its way from the expression to the worker.
template <class T>
class forking {
public:
    explicit forking(task<T> child) noexcept : child_(std::move(child).release()) {}
    template <class Place>
    forking(Place* result, task<T> child) noexcept : forking(std::move(child)) {
        if (child_) {
            child_.promise().result().deliver_to(result);
        }
    }

    [[nodiscard]] bool await_ready() const {
        if (!child_) {
            throw std::logic_error("brigade: fork or call of a task that is empty: moved from, or awaited before");
        }
        return false;
    }

protected:
    [[nodiscard]] std::coroutine_handle<task_promise<T>> child() const noexcept { return child_.handle(); }
    // FORK6
    std::coroutine_handle<task_promise<T>> give_up() noexcept { return child_.release(); }

private:
    static_assert(may_be_registered<task_promise<T>>, "brigade: a forked task's result is aligned too strictly");

    frame<task_promise<T>> child_;  // as long as the parent is suspended here
};

// Once await_suspend() has offered the parent, this may be gone.

template <class T>
class fork_awaiter : public forking<T> {
public:
    using forking<T>::forking;
    fork_awaiter(const fork_awaiter&) = delete;
    fork_awaiter& operator=(const fork_awaiter&) = delete;
    ~fork_awaiter() {
        if (this->child() && parent_ != nullptr && parent_->child_ended_early()) {
            this->give_up();  // FORK8
        }
    }

    template <runtime_promise P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> parent) noexcept {
        parent_ = &parent.promise().forks;
        const auto child = this->child();
        return fork_from(parent, parent.promise(), child, child.promise(), caller::kind::forked);
    }
    void await_resume() noexcept { parent_->go_on_beside(this->give_up().promise()); }

private:
    fork_state* parent_ = nullptr;
};

template <class T>
class call_awaiter : public forking<T> {
public:
    using forking<T>::forking;

    template <runtime_promise P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> parent) noexcept {
        const auto child = this->child();
        attach(parent, parent.promise(), child.promise(), caller::kind::called);
        return transfer(child);
    }
    void await_resume() noexcept { this->give_up(); }
};

class join_awaiter {
public:
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <runtime_promise P>
    bool await_suspend(std::coroutine_handle<P> parent) noexcept {
        forks_ = &parent.promise().forks;
        if (!forks_->must_wait()) [[likely]] {
            return false;
        }
        waiter_.suspend(parent);
        return forks_->wait(waiter_);
    }
    void await_resume() { forks_->finish_join(); }

private:
    fork_state* forks_ = nullptr;
    waiter waiter_;
};

}  // namespace detail

// `co_await fork(result, child)`: starts the child. Its result is assigned to `result`, which is a variable of exactly
// its type; a std::optional, if one cannot be made in advance; or a pointer, if the child gives a reference. Throws
// std::logic_error when the task is empty.
template <class T>
    requires std::is_object_v<T> && std::is_move_assignable_v<T>
[[nodiscard]] detail::fork_awaiter<T> fork(std::type_identity_t<T>& result, task<T> child) noexcept {
    return detail::fork_awaiter<T>(&result, std::move(child));
}
template <class T>
    requires std::is_object_v<T>
[[nodiscard]] detail::fork_awaiter<T> fork(std::type_identity_t<std::optional<T>>& result, task<T> child) noexcept {
    return detail::fork_awaiter<T>(&result, std::move(child));
}
template <class T>
[[nodiscard]] detail::fork_awaiter<T&> fork(std::type_identity_t<T*>& result, task<T&> child) noexcept {
    return detail::fork_awaiter<T&>(&result, std::move(child));
}
[[nodiscard]] inline detail::fork_awaiter<void> fork(task<void> child) noexcept {
    return detail::fork_awaiter<void>(std::move(child));
}

// `co_await call(result, child)`: as fork(), but the parent goes on only when the child has ended. An exception of the
// child comes out of the join all the same.
template <class T>
    requires std::is_object_v<T> && std::is_move_assignable_v<T>
[[nodiscard]] detail::call_awaiter<T> call(std::type_identity_t<T>& result, task<T> child) noexcept {
    return detail::call_awaiter<T>(&result, std::move(child));
}
template <class T>
    requires std::is_object_v<T>
[[nodiscard]] detail::call_awaiter<T> call(std::type_identity_t<std::optional<T>>& result, task<T> child) noexcept {
    return detail::call_awaiter<T>(&result, std::move(child));
}
template <class T>
[[nodiscard]] detail::call_awaiter<T&> call(std::type_identity_t<T*>& result, task<T&> child) noexcept {
    return detail::call_awaiter<T&>(&result, std::move(child));
}
[[nodiscard]] inline detail::call_awaiter<void> call(task<void> child) noexcept {
    return detail::call_awaiter<void>(std::move(child));
}

// `co_await join()`: waits until all that this task has forked have ended. Rethrows what a child threw, or
// multiple_errors when several did.
[[nodiscard]] inline detail::join_awaiter join() noexcept {
    return {};
}

}  // namespace brigade
