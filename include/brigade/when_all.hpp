// when_all: run tasks in parallel, wait for all of them, collect the results.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <brigade/detail/promise.hpp>
#include <brigade/detail/waiter.hpp>
#include <brigade/task.hpp>

namespace brigade {

// Thrown by when_all when more than one child threw; one exception alone is rethrown as it is.
class multiple_errors final : public std::exception {
public:
    explicit multiple_errors(std::vector<std::exception_ptr> errors)
        : errors_(std::move(errors)), what_("brigade: " + std::to_string(errors_.size()) + " tasks failed") {}

    [[nodiscard]] const char* what() const noexcept override { return what_.c_str(); }
    // In the order of the children.
    [[nodiscard]] const std::vector<std::exception_ptr>& errors() const noexcept { return errors_; }

private:
    std::vector<std::exception_ptr> errors_;
    std::string what_;
};

namespace detail {

// Starts the children: the first in place of the parent, the others from the deque. They take over the parent's stop
// source. The parent goes on when the last has arrived, on whichever worker that was.
class when_all_awaiter {
public:
    explicit when_all_awaiter(std::size_t children) : counter_(children) { children_.reserve(children); }

    template <class P>
    void add(std::coroutine_handle<P> child) {
        if (!child) {
            throw std::logic_error("brigade: when_all of a task that is empty: moved from, or awaited before");
        }
        children_.push_back({child, &child.promise()});
    }

    [[nodiscard]] bool await_ready() const noexcept { return children_.empty(); }
    template <runtime_promise P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> parent) noexcept {
        for (const entry& child : children_) {
            child.promise->continuation = parent;
            child.promise->stop = parent.promise().stop;
            child.promise->join = &counter_;
        }
        // Last in, first out: from the back, so that the second child is next on this worker. The awaiter outlives the
        // loop, since the first child has not arrived.
        for (std::size_t i = children_.size() - 1; i > 0; --i) {
            post_forked(children_[i].handle);
        }
        return transfer(children_.front().handle);
    }
    void await_resume() const noexcept {}

private:
    struct entry {
        std::coroutine_handle<> handle;
        promise_base* promise;
    };

    std::vector<entry> children_;
    join_counter counter_;
};

template <class T>
void collect_error(std::vector<std::exception_ptr>& errors, result<T>& r) {
    if (r.failed()) {
        errors.push_back(r.take_exception());
    }
}

inline void rethrow(std::vector<std::exception_ptr> errors) {
    if (errors.size() == 1) {
        std::rethrow_exception(std::move(errors.front()));
    }
    if (!errors.empty()) {
        throw multiple_errors(std::move(errors));
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
    detail::when_all_awaiter all(sizeof...(Ts));
    std::apply([&all](auto&... frame) { (all.add(frame.handle()), ...); }, frames);
    co_await all;
    std::vector<std::exception_ptr> errors;
    std::apply([&errors](auto&... frame) { (detail::collect_error(errors, frame.promise().result()), ...); }, frames);
    detail::rethrow(std::move(errors));
    co_return std::apply(
        [](auto&... frame) {
            return std::tuple<detail::when_all_element<Ts>...>(frame.promise().result().take_stored()...);
        },
        frames);
}

// As above, for any number of tasks of one type; the results stand in the order of the tasks. References come as
// std::reference_wrapper.
template <class T>
task<std::conditional_t<std::is_void_v<T>, void, std::vector<detail::stored<T>>>> when_all(std::vector<task<T>> tasks) {
    std::vector<detail::frame<detail::task_promise<T>>> frames;
    frames.reserve(tasks.size());
    detail::when_all_awaiter all(tasks.size());
    for (task<T>& t : tasks) {
        frames.push_back(std::move(t).release());
        all.add(frames.back().handle());
    }
    co_await all;
    std::vector<std::exception_ptr> errors;
    for (auto& frame : frames) {
        detail::collect_error(errors, frame.promise().result());
    }
    detail::rethrow(std::move(errors));
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
