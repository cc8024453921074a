// Models of fork and join: who goes on with the parent, and when the join is over.
#include <memory>
#include <string>

#include <brigade/executor.hpp>
#include <brigade/fork.hpp>
#include <brigade/get_stop_token.hpp>
#include <brigade/multiple_errors.hpp>
#include <brigade/schedule_on.hpp>
#include <brigade/yield.hpp>

#include "tests/explore/parts_of_models.hpp"

#include "executor/scheduler.hpp"

namespace explore {
namespace {

using brigade::call;
using brigade::executor;
using brigade::fork;
using brigade::join;
using brigade::multiple_errors;
using brigade::task;
using brigade::yield;
using brigade::detail::scheduler;

// Results that live in memory of their own: what a join gives must be visible through and through.
using boxed = std::unique_ptr<int>;

task<boxed> give(int value) {
    co_return std::make_unique<int>(value);
}
task<boxed> give_after_yield(int value) {
    co_await yield();
    co_return std::make_unique<int>(value);
}
task<boxed> fail_instead() {
    throw failure();
    co_return nullptr;
}
task<boxed> fail_after_yield() {
    co_await yield();
    throw failure();
}
task<> wait_for(event& e) {
    e.wait();
    co_return;
}
task<> yield_and_tell(event& e) {
    co_await yield();
    e.happen();
}

// Runs a body on `count` workers and waits for its end.
template <class Body>
void on_workers(unsigned count, Body&& body) {
    event done;
    workers w(count);
    const auto whole = [&]() -> stray {
        co_await body();
        done.happen();
    };
    w.post(whole().handle);
    done.wait();
}

template <class First, class Second>
task<> fork_two(First first, Second second, int& sum) {
    boxed a;
    boxed b;
    co_await fork(a, first());
    co_await fork(b, second());
    co_await join();
    sum = *a + *b;
}

MODEL_WITH(fork_model, two_children_that_end_at_once, orders_only(2)) {
    int sum = 0;
    on_workers(1, [&] { return fork_two([] { return give(1); }, [] { return give(10); }, sum); });
    require(sum == 11, "both results");
}

MODEL_WITH(fork_model, two_children_that_end_at_once_beside_a_thief, orders_only(2, 4'000)) {
    int sum = 0;
    on_workers(2, [&] { return fork_two([] { return give(1); }, [] { return give(10); }, sum); });
    require(sum == 11, "both results");
}

MODEL_WITH(fork_model, the_first_child_yields, orders_only(2)) {
    int sum = 0;
    on_workers(1, [&] { return fork_two([] { return give_after_yield(1); }, [] { return give(10); }, sum); });
    require(sum == 11, "both results");
}

MODEL_WITH(fork_model, the_first_child_yields_beside_a_thief, orders_only(1, 4'000)) {
    int sum = 0;
    on_workers(2, [&] { return fork_two([] { return give_after_yield(1); }, [] { return give(10); }, sum); });
    require(sum == 11, "both results");
}

MODEL_WITH(fork_model, both_children_yield_beside_a_thief, orders_only(1, 4'000)) {
    int sum = 0;
    on_workers(2,
               [&] { return fork_two([] { return give_after_yield(1); }, [] { return give_after_yield(10); }, sum); });
    require(sum == 11, "both results");
}

MODEL_WITH(fork_model, the_continuation_is_stolen_while_the_child_computes, orders_only(1, 4'000)) {
    event told;
    on_workers(2, [&]() -> task<> {
        co_await fork(wait_for(told));  // WRK1: nobody else can tell
        told.happen();
        co_await join();
    });
}

MODEL_WITH(fork_model, two_continuations_are_stolen_by_two_thieves, orders_only(0, 2'000)) {
    event first;
    event second;
    on_workers(3, [&]() -> task<> {
        co_await fork(wait_for(first));
        co_await fork(wait_for(second));
        first.happen();
        second.happen();
        co_await join();
    });
}

MODEL_WITH(fork_model, a_sibling_takes_the_continuation_back, orders_only(2)) {
    std::string order;
    on_workers(1, [&]() -> task<> {
        const auto child = [](std::string& o, char name, int yields) -> task<> {
            for (; yields > 0; --yields) {
                co_await yield();
            }
            o += name;
        };
        // a waits; b is forked and waits as well; when a ends, b's fork may be what stands on the deque (FORK2).
        co_await fork(child(order, 'a', 1));
        co_await fork(child(order, 'b', 2));
        co_await fork(child(order, 'c', 0));
        co_await join();
        order += '.';
    });
    require(order.size() == 4 && order[3] == '.', "the join is over when all have ended");
}

MODEL_WITH(fork_model, the_exception_of_a_child_comes_out_of_the_join, orders_only(1, 4'000)) {
    int seen = 0;
    on_workers(2, [&]() -> task<> {
        boxed a;
        boxed b;
        co_await fork(a, fail_instead());
        co_await fork(b, give(1));
        try {
            co_await join();
        } catch (const failure&) {
            seen = *b;
        }
    });
    require(seen == 1, "after the other has ended");
}

MODEL_WITH(fork_model, exceptions_of_two_children_on_two_workers, orders_only(1, 4'000)) {
    std::size_t errors = 0;
    on_workers(2, [&]() -> task<> {
        boxed a;
        boxed b;
        co_await fork(a, fail_after_yield());
        co_await fork(b, fail_instead());
        try {
            co_await join();
        } catch (const multiple_errors& e) {
            errors = e.errors().size();
        }
    });
    require(errors == 2, "none is lost");
}

MODEL_WITH(fork_model, a_call_and_a_fork, orders_only(1, 4'000)) {
    int sum = 0;
    on_workers(2, [&]() -> task<> {
        boxed a;
        boxed b;
        co_await fork(a, give_after_yield(1));
        co_await call(b, give_after_yield(10));
        co_await join();
        sum = *a + *b;
    });
    require(sum == 11, "both results");
}

MODEL_WITH(fork_model, a_join_and_then_another, orders_only(1, 4'000)) {
    int sum = 0;
    on_workers(2, [&]() -> task<> {
        for (int round = 0; round < 2; ++round) {
            boxed a;
            co_await fork(a, give_after_yield(1));
            co_await join();
            sum += *a;
        }
    });
    require(sum == 2, "each join waits for its own");
}

MODEL_WITH(fork_model, a_join_without_a_fork, orders_only()) {
    bool over = false;
    on_workers(1, [&]() -> task<> {
        co_await join();
        over = true;
    });
    require(over, "it does not suspend");
}

task<boxed> nested(int depth) {
    if (depth == 0) {
        co_return std::make_unique<int>(1);
    }
    boxed a;
    boxed b;
    co_await fork(a, nested(depth - 1));
    co_await call(b, nested(depth - 1));
    co_await join();
    co_return std::make_unique<int>(*a + *b);
}

MODEL_WITH(fork_model, forks_below_forks_beside_a_thief, orders_only(1, 4'000)) {
    int sum = 0;
    on_workers(2, [&]() -> task<> { sum = *co_await nested(2); });
    require(sum == 4, "all leaves");
}

MODEL_WITH(fork_model, a_ready_task_has_its_turn_between_forks, orders_only()) {
    std::string order;
    on_workers(1, [&]() -> task<> {
        event unused;
        const auto other = [](std::string& o) -> stray {
            o += 'r';
            co_return;
        };
        const auto child = [](std::string& o) -> task<> {
            o += 'c';
            co_return;
        };
        brigade::detail::current_scheduler()->post(other(order).handle);
        for (int i = 0; i < 4; ++i) {
            co_await fork(child(order));
        }
        co_await join();
    });
    require(order.find('r') < 4, "before the last child");  // WRK3
}

MODEL_WITH(fork_model, a_child_is_resumed_by_another_thread, orders_only(1, 4'000)) {
    event told;
    on_workers(1, [&]() -> task<> {
        co_await fork(yield_and_tell(told));
        co_await join();
    });
    told.wait();
}

MODEL_WITH(fork_model, a_stop_reaches_a_forked_child, orders_only()) {
    executor ex({.workers = 1});
    event started;
    bool child_saw = false;
    auto handle = ex.spawn([&]() -> task<> {
        const auto child = [&]() -> task<> {
            const brigade::stop_token token = co_await brigade::get_stop_token();
            started.happen();
            while (!token.stop_requested()) {
                brigade::detail::sync::yield_thread();
                co_await yield();
            }
            child_saw = true;
        };
        co_await fork(child());
        co_await join();
    });
    started.wait();
    handle.request_stop();
    ex.block_on([&]() -> task<> { co_await handle; });
    require(child_saw, "the parent's stop is the child's");
}

MODEL_WITH(fork_model, a_child_ends_on_another_executor, orders_only()) {
    executor there({.workers = 1});
    executor here({.workers = 1});
    const auto body = [&]() -> task<int> {
        boxed a;
        const auto child = [&]() -> task<boxed> {
            co_await brigade::resume_on(there);
            co_return std::make_unique<int>(7);
        };
        co_await fork(a, child());
        co_await join();
        co_return *a;
    };
    require(here.block_on(body) == 7, "the parent goes on where it joined");
}

}  // namespace
}  // namespace explore
