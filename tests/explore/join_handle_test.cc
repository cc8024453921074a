// Models of spawned tasks and blocking jobs on an executor: who joins, who lets go, who is stopped.
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>

#include <brigade/executor.hpp>
#include <brigade/get_stop_token.hpp>
#include <brigade/yield.hpp>

#include "tests/explore/parts_of_models.hpp"

namespace explore {
namespace {

using brigade::executor;
using brigade::executor_options;
using brigade::get_stop_token;
using brigade::join_handle;
using brigade::operation_cancelled;
using brigade::stop_token;
using brigade::task;
using brigade::yield;
namespace sync = brigade::detail::sync;

executor_options counted(unsigned workers, unhandled_errors& errors) {
    return {.workers = workers, .unhandled_exception = errors.handler()};
}

task<int> number(int value) {
    co_return value;
}
task<int> no_number() {
    throw failure();
    co_return 0;
}
// Ends when it is asked to.
task<> endless() {
    const stop_token token = co_await get_stop_token();
    while (!token.stop_requested()) {
        sync::yield_thread();
        co_await yield();
    }
    throw operation_cancelled();
}

// ------------------------------------------------------------------------------------------------------ joining

MODEL_WITH(join_handle_model, a_spawned_task_is_awaited_on_one_worker, orders_only()) {
    executor ex({.workers = 1});
    const auto body = [&]() -> task<int> { co_return co_await ex.spawn(number(5)); };
    require(ex.block_on(body) == 5, "the value");
}

MODEL_WITH(join_handle_model, a_spawned_task_is_awaited_on_two_workers, orders_only()) {
    executor ex({.workers = 2});
    const auto body = [&]() -> task<int> { co_return co_await ex.spawn(number(5)); };
    require(ex.block_on(body) == 5, "the value");
}

MODEL_WITH(join_handle_model, a_task_that_has_finished_is_awaited, orders_only()) {
    executor ex({.workers = 1});
    const auto body = [&]() -> task<int> {
        join_handle<int> handle = ex.spawn(number(5));
        while (!handle.done()) {
            co_await yield();
        }
        co_return co_await handle;
    };
    require(ex.block_on(body) == 5, "without suspending");
}

MODEL_WITH(join_handle_model, two_tasks_are_awaited_in_the_other_order, orders_only()) {
    executor ex({.workers = 1});
    const auto body = [&]() -> task<int> {
        join_handle<int> first = ex.spawn(number(1));
        join_handle<int> second = ex.spawn(number(10));
        const int last = co_await second;
        co_return last - co_await first;
    };
    require(ex.block_on(body) == 9, "each its own value");
}

MODEL_WITH(join_handle_model, a_handle_goes_to_another_task, orders_only()) {
    executor ex({.workers = 2});
    const auto joiner = [](join_handle<int> handle) -> task<int> { co_return co_await handle; };
    require(ex.block_on(joiner, ex.spawn(number(7))) == 7, "the value");
}

MODEL_WITH(join_handle_model, two_threads_block_on_one_executor, orders_only()) {
    executor ex({.workers = 1});
    const model_thread other([&] { require(ex.block_on(number(2)) == 2, "its own"); });
    require(ex.block_on(number(1)) == 1, "its own");
}

MODEL_WITH(join_handle_model, a_task_starts_another_from_within_the_last, orders_only()) {
    executor ex({.workers = 1});
    const auto inner = [&]() -> task<int> { co_return co_await ex.spawn(number(3)) + 1; };
    const auto body = [&]() -> task<int> { co_return co_await ex.spawn(inner) + 1; };
    require(ex.block_on(body) == 5, "three deep");
}

MODEL_WITH(join_handle_model, done_is_seen_from_outside, orders_only()) {
    executor ex({.workers = 1});
    int written = 0;
    const join_handle<> handle = ex.spawn([&]() -> task<> {
        written = 1;
        co_return;
    });
    while (!handle.done()) {
        sync::yield_thread();
    }
    require(written == 1, "with all that the task wrote");
}

MODEL_WITH(join_handle_model, what_was_spawned_is_gone_before_its_end_is_told, orders_only()) {
    executor ex({.workers = 1});
    const auto kept = std::make_shared<int>(0);
    join_handle<> handle = ex.spawn([kept]() -> task<> { co_return; });
    while (!handle.done()) {
        sync::yield_thread();
    }
    require(kept.use_count() == 1, "a handle does not keep the callable");
}

// ---------------------------------------------------------------------------------------------------- letting go

MODEL_WITH(join_handle_model, a_handle_is_dropped_while_the_task_runs, orders_only(2)) {
    executor ex({.workers = 1});
    {
        const join_handle<int> handle = ex.spawn(number(1));
    }
}

MODEL_WITH(join_handle_model, a_handle_is_dropped_by_another_thread, orders_only()) {
    executor ex({.workers = 1});
    join_handle<int> handle = ex.spawn(number(1));
    const model_thread other([&] { handle.detach(); });
}

MODEL_WITH(join_handle_model, a_handle_outlives_its_executor, orders_only()) {
    join_handle<int> handle;
    {
        executor ex({.workers = 1});
        handle = ex.spawn(number(1));
    }
    require(handle.done(), "the executor has waited for the task");
}

MODEL_WITH(join_handle_model, a_dropped_task_outlives_the_task_that_dropped_it, orders_only()) {
    int ended = 0;
    {
        executor ex({.workers = 2});
        const auto child = [&]() -> task<> {
            co_await yield();
            ++ended;
        };
        const auto body = [&]() -> task<> {
            ex.spawn(child).detach();
            co_return;
        };
        ex.block_on(body);
    }
    require(ended == 1, "the executor has waited for it");
}

// ------------------------------------------------------------------------------------------------------- failing

MODEL_WITH(join_handle_model, a_failure_comes_out_of_the_await, orders_only()) {
    unhandled_errors errors;
    {
        executor ex(counted(1, errors));
        bool caught = false;
        const auto body = [&]() -> task<> {
            try {
                co_await ex.spawn(no_number());
            } catch (const failure&) {
                caught = true;
            }
        };
        ex.block_on(body);
        require(caught, "rethrown");
    }
    require(errors.count == 0, "JOIN4: and to nobody else");
}

MODEL_WITH(join_handle_model, a_failure_comes_out_of_block_on, orders_only(2)) {
    unhandled_errors errors;
    bool caught = false;
    {
        executor ex(counted(1, errors));
        try {
            ex.block_on(no_number());
        } catch (const failure&) {
            caught = true;
        }
    }
    require(caught && errors.count == 0, "JOIN4");
}

MODEL_WITH(join_handle_model, the_failure_of_a_task_that_was_let_go_is_reported, orders_only()) {
    unhandled_errors errors;
    {
        executor ex(counted(1, errors));
        ex.spawn(no_number()).detach();
    }
    require(errors.count == 1, "JOIN4: once, by the worker or by the one that let go");
}

MODEL_WITH(join_handle_model, a_failure_whose_handle_outlives_the_executor_is_reported, orders_only()) {
    unhandled_errors errors;
    join_handle<int> handle;
    {
        executor ex(counted(1, errors));
        handle = ex.spawn(no_number());
    }
    require(errors.count == 0, "somebody may still take it");
    handle.detach();
    require(errors.count == 1, "JOIN4");
}

// ------------------------------------------------------------------------------------------------------- stopping

MODEL_WITH(join_handle_model, a_stop_by_the_handle_ends_the_task, orders_only()) {
    unhandled_errors errors;
    {
        executor ex(counted(1, errors));
        join_handle<> handle = ex.spawn(endless);
        handle.request_stop();
    }
    require(errors.count == 0, "JOIN4: a cancellation after a stop is no failure");
}

MODEL_WITH(join_handle_model, a_stop_of_the_awaiting_task_ends_its_wait, orders_only()) {
    unhandled_errors errors;
    {
        executor ex(counted(1, errors));
        bool cancelled = false;
        bool still_there = false;
        const auto awaiting = [&]() -> task<> {
            join_handle<> child = ex.spawn(endless);
            try {
                co_await child;
            } catch (const operation_cancelled&) {
                cancelled = true;
                still_there = static_cast<bool>(child) && !child.done();
            }
            child.request_stop();
        };
        join_handle<> handle = ex.spawn(awaiting);
        handle.request_stop();
        while (!handle.done()) {
            sync::yield_thread();
        }
        require(cancelled && still_there, "and not what it waits for");
    }
    require(errors.count == 0, "JOIN4");
}

MODEL_WITH(join_handle_model, a_stop_of_the_awaiting_task_against_the_end_of_the_awaited, orders_only()) {
    executor ex({.workers = 1});
    int ways = 0;
    const auto awaiting = [&]() -> task<> {
        join_handle<int> child = ex.spawn(number(4));
        try {
            ways += co_await child == 4 ? 1 : 0;
        } catch (const operation_cancelled&) {
            ++ways;
        }
    };
    join_handle<> handle = ex.spawn(awaiting);
    handle.request_stop();
    while (!handle.done()) {
        sync::yield_thread();
    }
    require(ways == 1, "JOIN1: the value or the cancellation");
}

MODEL_WITH(join_handle_model, after_a_stopped_wait_the_next_one_gets_the_value, orders_only()) {
    executor ex({.workers = 2});
    const auto first = [](join_handle<int>& child) -> task<> {
        try {
            co_await child;
        } catch (const operation_cancelled&) {
            co_return;
        }
    };
    join_handle<int> child = ex.spawn(number(6));
    join_handle<> stopped = ex.spawn(first, std::ref(child));
    stopped.request_stop();
    while (!stopped.done()) {
        sync::yield_thread();
    }
    if (child) {
        const auto second = [&]() -> task<int> { co_return co_await child; };
        require(ex.block_on(second) == 6, "the handle is still good");
    }
}

MODEL_WITH(join_handle_model, a_task_that_ends_while_it_is_asked_to_stop, orders_only(2)) {
    executor ex({.workers = 1});
    join_handle<int> handle = ex.spawn(number(1));
    handle.request_stop();
}

MODEL_WITH(join_handle_model, an_empty_handle_is_refused, orders_only()) {
    executor ex({.workers = 1});
    bool refused = false;
    const auto body = [&]() -> task<> {
        join_handle<int> handle = ex.spawn(number(1));
        co_await handle;
        try {
            co_await handle;
        } catch (const std::logic_error&) {
            refused = true;
        }
    };
    ex.block_on(body);
    require(refused, "it was awaited before");
}

// -------------------------------------------------------------------------------------------------- blocking jobs

MODEL_WITH(join_handle_model, a_blocking_job_is_awaited, orders_only()) {
    executor ex({.workers = 1, .blocking_threads = 1});
    const auto body = [&]() -> task<int> { co_return co_await ex.spawn_blocking([] { return 8; }); };
    require(ex.block_on(body) == 8, "the value");
}

MODEL_WITH(join_handle_model, a_blocking_job_is_let_go, orders_only()) {
    int ran = 0;
    {
        executor ex({.workers = 1, .blocking_threads = 1});
        ex.spawn_blocking([&] { ++ran; }).detach();
    }
    require(ran == 1, "it runs all the same");
}

MODEL_WITH(join_handle_model, a_blocking_job_fails, orders_only()) {
    unhandled_errors errors;
    {
        executor ex(counted(1, errors));
        bool caught = false;
        const auto body = [&]() -> task<> {
            try {
                co_await ex.spawn_blocking([] { throw failure(); });
            } catch (const failure&) {
                caught = true;
            }
        };
        ex.block_on(body);
        require(caught, "rethrown");
    }
    require(errors.count == 0, "JOIN4");
}

MODEL_WITH(join_handle_model, a_blocking_job_starts_a_task, orders_only()) {
    event done;
    executor ex({.workers = 1, .blocking_threads = 1});
    ex.spawn_blocking([&] {
          brigade::spawn([&]() -> task<> {
              done.happen();
              co_return;
          }).detach();
      }).detach();
    done.wait();
}

MODEL_WITH(join_handle_model, a_stop_of_who_awaits_a_blocking_job, orders_only()) {
    event may_end;
    executor ex({.workers = 1, .blocking_threads = 1});
    bool cancelled = false;
    const auto awaiting = [&]() -> task<> {
        join_handle<> job = ex.spawn_blocking([&] { may_end.wait(); });
        try {
            co_await job;
        } catch (const operation_cancelled&) {
            cancelled = true;
        }
        may_end.happen();
    };
    join_handle<> handle = ex.spawn(awaiting);
    handle.request_stop();
    while (!handle.done()) {
        sync::yield_thread();
    }
    require(cancelled, "the job is not interrupted, the wait is");
}

}  // namespace
}  // namespace explore
