// Models of when_all on whole executors.
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
using brigade::task;
using brigade::when_all;
using brigade::yield;
namespace sync = brigade::detail::sync;

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
    int stopped = 0;
    const auto endless = [&]() -> task<> {
        const brigade::stop_token token = co_await get_stop_token();
        while (!token.stop_requested()) {
            sync::yield_thread();
            co_await yield();
        }
        ++stopped;
        throw brigade::operation_cancelled();
    };
    const auto body = [&]() -> task<> {
        started.happen();
        co_await when_all(endless(), endless());
    };
    join_handle<> handle = ex.spawn(body);
    started.wait();
    handle.request_stop();
    bool cancelled = false;
    const auto joiner = [&]() -> task<> {
        try {
            co_await handle;
        } catch (const brigade::operation_cancelled&) {
            cancelled = true;
        }
    };
    ex.block_on(joiner);
    require(stopped == 2 && cancelled, "both were cancelled, and that is one cancellation");
}

}  // namespace
}  // namespace explore
