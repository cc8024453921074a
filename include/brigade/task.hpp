// task<T>: a lazy coroutine with a result. It runs when it is awaited or spawned, and not before.
#pragma once

#include <coroutine>
#include <exception>
#include <type_traits>
#include <utility>

#include <brigade/detail/promise.hpp>
#include <brigade/detail/result.hpp>

namespace brigade {

// What a task may give. Not an rvalue reference: who awaits could only guess whose object it may move from, and whether
// that is still there. The object itself, or an lvalue reference, says so.
template <class T>
concept task_result = std::is_void_v<T> || std::is_object_v<T> || std::is_lvalue_reference_v<T>;

template <task_result T>
class task;

namespace detail {

template <class T>
class promise_with_result : public promise_base {
public:
    // To the parent that joins, or kept for who awaits.
    void unhandled_exception() noexcept {
        std::exception_ptr error = std::current_exception();
        if (open()) [[unlikely]] {
            end_unjoined(error);
        }
        const caller::seen next = continuation.get();
        if (next.how() == caller::kind::called || next.how() == caller::kind::forked) {
            next.parent().add_error(std::move(error));
        } else {
            result_.set_exception(std::move(error));
        }
    }
    [[nodiscard]] detail::result<T>& result() noexcept { return result_; }
    // The value is to go there as soon as it is there, and not to be kept here.
    void deliver_to(result_place<T> place) noexcept { place_ = place; }

protected:
    [[no_unique_address]] result_place<T> place_;
    detail::result<T> result_;
};

// return_value and return_void may not stand in one class.
template <class T>
class returning_promise : public promise_with_result<T> {
public:
    template <std::convertible_to<T> U = T>
    [[gnu::always_inline]] void return_value(U&& value) {
        if (this->place_) [[likely]] {
            this->place_.deliver(std::forward<U>(value));
            return;
        }
        this->result_.set_value(std::forward<U>(value));
    }
};

template <>
class returning_promise<void> : public promise_with_result<void> {
public:
    void return_void() { result_.set_value(); }
};

template <class T>
class task_promise final : public returning_promise<T> {
public:
    task<T> get_return_object() noexcept;
    [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
    [[nodiscard, gnu::always_inline]] final_awaiter final_suspend() noexcept { return final_awaiter(hand_over(*this)); }
};

// Owns a coroutine frame.
template <class Promise>
class BRIGADE_TRIVIAL_ABI frame {
public:
    frame() = default;
    explicit frame(std::coroutine_handle<Promise> handle) noexcept : handle_(handle) {}
    frame(frame&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    frame& operator=(frame&& other) noexcept {
        const frame old(std::move(*this));
        handle_ = std::exchange(other.handle_, nullptr);
        return *this;
    }
    [[gnu::always_inline]] ~frame() {
        if (handle_) {
            destroy(handle_);
        }
    }

    explicit operator bool() const noexcept { return static_cast<bool>(handle_); }
    [[nodiscard]] std::coroutine_handle<Promise> handle() const noexcept { return handle_; }
    [[nodiscard]] Promise& promise() const noexcept { return handle_.promise(); }
    // Nobody owns the frame any more.
    [[nodiscard]] std::coroutine_handle<Promise> release() noexcept { return std::exchange(handle_, nullptr); }

private:
    static void destroy(std::coroutine_handle<Promise> handle) {
        handle.promise().destroy_children();  // FORK8
        handle.destroy();
    }

    std::coroutine_handle<Promise> handle_;
};

// Runs the task in place of its parent, and the parent again when it has finished. Owns the frame, so that a task can
// be awaited only once and is gone at the end of the await.
template <class T>
class task_awaiter {
public:
    explicit task_awaiter(frame<task_promise<T>> child) noexcept : child_(std::move(child)) {}

    [[nodiscard]] bool await_ready() const {
        if (!child_) [[unlikely]] {
            refuse_empty_task("co_await");
        }
        return false;
    }
    template <runtime_promise P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> parent) noexcept {
        return start(parent, static_cast<const promise_base&>(parent.promise()).stop);
    }
    T await_resume() { return child_.promise().result().take(); }

protected:
    std::coroutine_handle<> start(std::coroutine_handle<> parent, stop_source* stop) noexcept {
        child_.promise().continuation.set_awaiting(parent);
        child_.promise().stop = stop;
        return transfer(child_.handle());
    }

private:
    frame<task_promise<T>> child_;
};

}  // namespace detail

// Move-only. T may be void, move-only, or an lvalue reference. Destroying a task that was never awaited destroys its
// frame. An exception that leaves the coroutine comes out of the co_await.
template <task_result T = void>
class [[nodiscard]] BRIGADE_TRIVIAL_ABI task {
public:
    using promise_type = detail::task_promise<T>;
    using value_type = T;

    task() = default;

    // Only for a task on a worker: another task, or anything it awaits. Throws std::logic_error when empty.
    detail::task_awaiter<T> operator co_await() && noexcept { return detail::task_awaiter<T>(std::move(frame_)); }

    // False when moved from or awaited.
    explicit operator bool() const noexcept { return static_cast<bool>(frame_); }

    // Hands the coroutine to the runtime's own combinators. Leaves the task empty.
    detail::frame<promise_type> release() && noexcept { return std::move(frame_); }

private:
    friend promise_type;
    explicit task(std::coroutine_handle<promise_type> handle) noexcept : frame_(handle) {}

    detail::frame<promise_type> frame_;
};

template <class T>
task<T> detail::task_promise<T>::get_return_object() noexcept {
    return task<T>(std::coroutine_handle<task_promise>::from_promise(*this));
}

namespace detail {

template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<task<T>> = true;

}  // namespace detail

// A call with these arguments gives a task.
template <class F, class... Args>
concept task_function =
    std::invocable<F, Args...> && detail::is_task<std::remove_cvref_t<std::invoke_result_t<F, Args...>>>;

}  // namespace brigade
