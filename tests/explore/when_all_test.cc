// Models of fork points: children that end on different threads, and the parent that goes on after the last.
#include <array>
#include <coroutine>
#include <memory>
#include <vector>

#include <brigade/executor.hpp>
#include <brigade/get_stop_token.hpp>
#include <brigade/when_all.hpp>
#include <brigade/yield.hpp>

#include "tests/explore/parts_of_models.hpp"

namespace explore {
namespace {

using brigade::executor;
using brigade::get_stop_token;
using brigade::join_handle;
using brigade::multiple_errors;
using brigade::stop_source;
using brigade::task;
using brigade::when_all;
using brigade::yield;
using brigade::detail::join_counter;
namespace sync = brigade::detail::sync;

// ------------------------------------------------------------ children that the model resumes on threads of its own

using boxed = std::unique_ptr<int>;
using child_frame = brigade::detail::frame<brigade::detail::task_promise<boxed>>;

task<boxed> give(int value) {
    co_return std::make_unique<int>(value);
}
task<boxed> fail_with(int value) {
    if (value >= 0) {
        throw failure();
    }
    co_return nullptr;
}

// What when_all keeps in its frame. The parent frees it all, and tells.
struct fork_point {
    explicit fork_point(std::size_t children) : counter(children) {}
    void add(task<boxed> child, stop_source* stop = nullptr) {
        children.push_back(std::move(child).release());
        children.back().promise().join = &counter;
        children.back().promise().stop = stop;
    }
    join_counter counter;
    std::vector<child_frame> children;
};

struct outcome {
    int sum = 0;
    int failed = 0;
    int parents = 0;
    event done;
};

stray parent_of(std::unique_ptr<fork_point> all, outcome& to) {
    for (child_frame& child : all->children) {
        if (child.promise().result().failed()) {
            ++to.failed;
        } else {
            to.sum += *child.promise().result().take();
        }
    }
    ++to.parents;
    all.reset();  // before the event: whoever has arrived must not need it any more
    to.done.happen();
    co_return;
}

// Gives the children, ready to be resumed.
template <class... Children>
std::array<std::coroutine_handle<>, sizeof...(Children)> fork(outcome& to, stop_source* stop, Children... children) {
    auto all = std::make_unique<fork_point>(sizeof...(Children));
    fork_point& there = *all;
    (there.add(std::move(children), stop), ...);
    const std::coroutine_handle<> parent = parent_of(std::move(all), to).handle;
    std::array<std::coroutine_handle<>, sizeof...(Children)> handles;
    for (std::size_t i = 0; i < handles.size(); ++i) {
        there.children[i].promise().continuation = parent;
        handles[i] = there.children[i].handle();
    }
    return handles;
}

MODEL(join_model, the_last_of_two_resumes_the_parent) {
    outcome o;
    const auto children = fork(o, nullptr, give(1), give(10));
    const model_thread other([&] { children[1].resume(); });
    children[0].resume();
    o.done.wait();
    require(o.sum == 11 && o.parents == 1, "with both results");
}

MODEL(join_model, the_last_of_three_resumes_the_parent) {
    outcome o;
    const auto children = fork(o, nullptr, give(1), give(10), give(100));
    const model_thread first([&] { children[1].resume(); });
    const model_thread second([&] { children[2].resume(); });
    children[0].resume();
    o.done.wait();
    require(o.sum == 111 && o.parents == 1, "with all results");
}

MODEL(join_model, an_exception_waits_for_the_others) {
    outcome o;
    const auto children = fork(o, nullptr, fail_with(1), give(10));
    const model_thread other([&] { children[1].resume(); });
    children[0].resume();
    o.done.wait();
    require(o.sum == 10 && o.failed == 1, "a value and an exception");
}

MODEL(join_model, two_exceptions_meet) {
    outcome o;
    const auto children = fork(o, nullptr, fail_with(1), fail_with(2));
    const model_thread other([&] { children[1].resume(); });
    children[0].resume();
    o.done.wait();
    require(o.failed == 2 && o.parents == 1, "both are kept");
}

// Suspends until the model resumes it.
struct suspension {
    struct awaiter {
        suspension& where;
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> h) const noexcept {
            suspension& s = where;  // the frame may be resumed, and gone, as soon as the event is told
            s.handle = h;
            s.suspended.happen();
        }
        void await_resume() const noexcept {}
    };
    awaiter operator co_await() noexcept { return {*this}; }
    void resume() {
        suspended.wait();
        handle.resume();
    }
    std::coroutine_handle<> handle;
    event suspended;
};

task<boxed> give_later(suspension& s, int value) {
    co_await s;
    co_return std::make_unique<int>(value);
}

MODEL(join_model, a_child_that_was_suspended_ends_on_another_thread) {
    outcome o;
    suspension s;
    const auto children = fork(o, nullptr, give_later(s, 1), give(10));
    const model_thread waker([&] { s.resume(); });
    const model_thread other([&] { children[1].resume(); });
    children[0].resume();
    o.done.wait();
    require(o.sum == 11, "both");
}

MODEL(join_model, two_suspended_children_are_resumed_at_once) {
    outcome o;
    std::array<suspension, 2> s;
    const auto children = fork(o, nullptr, give_later(s[0], 1), give_later(s[1], 10));
    children[0].resume();
    children[1].resume();
    const model_thread waker([&] { s[1].resume(); });
    s[0].resume();
    o.done.wait();
    require(o.sum == 11, "both");
}

MODEL(join_model, a_fork_point_below_a_child) {
    outcome inner;
    outcome outer;
    suspension s;
    // The second child of the outer one ends when the inner one has.
    const auto outer_children = fork(outer, nullptr, give(100), give_later(s, 1'000));
    const auto inner_children = fork(inner, nullptr, give(1), give(10));
    outer_children[1].resume();
    const model_thread other([&] {
        inner_children[1].resume();
        outer_children[0].resume();
    });
    inner_children[0].resume();
    inner.done.wait();
    s.resume();
    outer.done.wait();
    require(inner.sum + outer.sum == 1'111, "both fork points");
}

task<boxed> give_unless_stopped(int value) {
    const brigade::stop_token token = co_await get_stop_token();
    if (token.stop_requested()) {
        throw brigade::operation_cancelled();
    }
    co_return std::make_unique<int>(value);
}

MODEL(join_model, a_stop_reaches_each_child_or_comes_too_late) {
    outcome o;
    stop_source source;
    const auto children = fork(o, &source, give_unless_stopped(1), give_unless_stopped(1));
    const model_thread stopper([&] { source.request_stop(); });
    const model_thread other([&] { children[1].resume(); });
    children[0].resume();
    o.done.wait();
    require(o.sum + o.failed == 2, "each ends in one way");
}

task<boxed> give_with_callback(int& runs, int value) {
    const brigade::stop_callback callback(co_await get_stop_token(), [&runs] { ++runs; });
    co_return std::make_unique<int>(value);
}

MODEL(join_model, a_childs_stop_callback_is_gone_before_its_frame) {
    outcome o;
    stop_source source;
    std::array<int, 2> runs{};
    const auto children = fork(o, &source, give_with_callback(runs[0], 1), give_with_callback(runs[1], 10));
    const model_thread stopper([&] { source.request_stop(); });
    const model_thread other([&] { children[1].resume(); });
    children[0].resume();
    o.done.wait();
    require(o.sum == 11 && runs[0] <= 1 && runs[1] <= 1, "STOP2");
}

// ----------------------------------------------------------------------------------------------------- on an executor

task<int> number(int value) {
    co_return value;
}
task<int> number_after_yield(int value) {
    co_await yield();
    co_return value;
}
task<int> no_number(int value) {
    if (value >= 0) {
        throw failure();
    }
    co_return value;
}
task<int> sum_of_two(int a, int b) {
    const auto [x, y] = co_await when_all(number(a), number(b));
    co_return x + y;
}

MODEL_WITH(when_all_model, two_children_on_one_worker, orders_only()) {
    executor ex({.workers = 1});
    require(ex.block_on(sum_of_two(1, 10)) == 11, "both");
}

MODEL_WITH(when_all_model, two_children_on_two_workers, orders_only()) {
    executor ex({.workers = 2});
    require(ex.block_on(sum_of_two(1, 10)) == 11, "both");
}

MODEL_WITH(when_all_model, three_children_in_a_vector_on_two_workers, orders_only()) {
    executor ex({.workers = 2});
    const auto body = []() -> task<int> {
        std::vector<task<int>> tasks;
        for (const int value : {1, 10, 100}) {
            tasks.push_back(number(value));
        }
        const std::vector<int> results = co_await when_all(std::move(tasks));
        co_return results[0] + 2 * results[1] + 3 * results[2];
    };
    require(ex.block_on(body) == 321, "in the order of the tasks");
}

MODEL_WITH(when_all_model, no_children, orders_only()) {
    executor ex({.workers = 1});
    const auto body = []() -> task<std::size_t> { co_return (co_await when_all(std::vector<task<int>>())).size(); };
    require(ex.block_on(body) == 0, "it does not suspend");
}

MODEL_WITH(when_all_model, the_exception_of_one_child_comes_out, orders_only()) {
    executor ex({.workers = 2});
    int ended = 0;
    const auto other = [&]() -> task<int> {
        co_await yield();
        ++ended;
        co_return 1;
    };
    const auto body = [&]() -> task<> { co_await when_all(no_number(1), other()); };
    bool caught = false;
    try {
        ex.block_on(body);
    } catch (const failure&) {
        caught = true;
    }
    require(caught && ended == 1, "after the other has ended");
}

MODEL_WITH(when_all_model, the_exceptions_of_two_children_come_out_together, orders_only()) {
    executor ex({.workers = 2});
    const auto body = []() -> task<> { co_await when_all(no_number(1), number(2), no_number(3)); };
    std::size_t errors = 0;
    try {
        ex.block_on(body);
    } catch (const multiple_errors& e) {
        errors = e.errors().size();
    }
    require(errors == 2, "both");
}

MODEL_WITH(when_all_model, children_that_yield_are_resumed_anywhere, orders_only()) {
    executor ex({.workers = 2});
    const auto body = []() -> task<int> {
        const auto [x, y] = co_await when_all(number_after_yield(1), number_after_yield(10));
        co_return x + y;
    };
    require(ex.block_on(body) == 11, "both");
}

MODEL_WITH(when_all_model, a_fork_point_below_a_fork_point, orders_only()) {
    executor ex({.workers = 1});
    const auto body = []() -> task<int> {
        const auto [x, y] = co_await when_all(sum_of_two(1, 10), sum_of_two(100, 1'000));
        co_return x + y;
    };
    require(ex.block_on(body) == 1'111, "all four");
}

MODEL_WITH(when_all_model, a_child_that_computes_does_not_hold_up_its_sibling, orders_only()) {
    executor ex({.workers = 2});
    event sibling_ran;
    const auto computing = [&]() -> task<int> {
        sibling_ran.wait();  // WRK1: the sibling is stolen meanwhile
        co_return 1;
    };
    const auto sibling = [&]() -> task<int> {
        sibling_ran.happen();
        co_return 10;
    };
    const auto body = [&]() -> task<int> {
        const auto [x, y] = co_await when_all(computing(), sibling());
        co_return x + y;
    };
    require(ex.block_on(body) == 11, "in parallel");
}

MODEL_WITH(when_all_model, children_that_join_spawned_tasks, orders_only()) {
    executor ex({.workers = 1});
    const auto child = [&](int value) -> task<int> { co_return co_await ex.spawn(number(value)); };
    const auto body = [&]() -> task<int> {
        const auto [x, y] = co_await when_all(child(1), child(10));
        co_return x + y;
    };
    require(ex.block_on(body) == 11, "both");
}

MODEL_WITH(when_all_model, a_stop_of_the_parent_ends_children_that_wait, orders_only()) {
    executor ex({.workers = 1});
    event started;
    const auto endless = [&]() -> task<> {
        const brigade::stop_token token = co_await get_stop_token();
        while (!token.stop_requested()) {
            sync::yield_thread();
            co_await yield();
        }
        throw brigade::operation_cancelled();
    };
    const auto body = [&]() -> task<> {
        started.happen();
        co_await when_all(endless(), endless());
    };
    join_handle<> handle = ex.spawn(body);
    started.wait();
    handle.request_stop();
    int errors = 0;
    const auto joiner = [&]() -> task<> {
        try {
            co_await handle;
        } catch (const multiple_errors& e) {
            errors = static_cast<int>(e.errors().size());
        }
    };
    ex.block_on(joiner);
    require(errors == 2, "both were cancelled");
}

}  // namespace
}  // namespace explore
