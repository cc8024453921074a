// Models of the end of an executor, while everything is still going on; and of tasks that go from one to another.
#include <array>
#include <coroutine>
#include <memory>
#include <optional>

#include <brigade/executor.hpp>
#include <brigade/fork.hpp>
#include <brigade/get_stop_token.hpp>
#include <brigade/schedule_on.hpp>
#include <brigade/yield.hpp>

#include "tests/explore/parts_of_models.hpp"

namespace explore {
namespace {

using brigade::executor;
using brigade::fork;
using brigade::get_stop_token;
using brigade::join;
using brigade::join_handle;
using brigade::operation_cancelled;
using brigade::resume_on;
using brigade::schedule_on;
using brigade::stop_token;
using brigade::task;
using brigade::yield;
namespace sync = brigade::detail::sync;

task<int> number(int value) {
    co_return value;
}
task<> endless() {
    const stop_token token = co_await get_stop_token();
    while (!token.stop_requested()) {
        sync::yield_thread();
        co_await yield();
    }
    throw operation_cancelled();
}

MODEL_WITH(shutdown_model, an_executor_that_had_no_task, orders_only(2)) {
    const executor ex({.workers = 1});
}

MODEL_WITH(shutdown_model, the_end_waits_for_a_task, orders_only()) {
    int ended = 0;
    {
        executor ex({.workers = 1});
        ex.spawn([&]() -> task<> {
              co_await yield();
              ++ended;
          }).detach();
    }
    require(ended == 1, "it has ended, and what it wrote is seen");
}

MODEL_WITH(shutdown_model, the_end_waits_for_two_tasks_on_two_workers, orders_only()) {
    std::array<int, 2> ended{};
    {
        executor ex({.workers = 2});
        for (int& e : ended) {
            ex.spawn([&e]() -> task<> {
                  ++e;
                  co_return;
              }).detach();
        }
    }
    require(ended[0] == 1 && ended[1] == 1, "both");
}

MODEL_WITH(shutdown_model, the_end_stops_a_task_that_would_go_on_for_ever, orders_only()) {
    unhandled_errors errors;
    {
        executor ex({.workers = 1, .unhandled_exception = errors.handler()});
        ex.spawn(endless).detach();
    }
    require(errors.count == 0, "JOIN4");
}

MODEL_WITH(shutdown_model, the_end_stops_a_task_that_awaits_another, orders_only()) {
    unhandled_errors errors;
    {
        executor ex({.workers = 1, .unhandled_exception = errors.handler()});
        ex.spawn([&]() -> task<> { co_await ex.spawn(endless); }).detach();
    }
    require(errors.count == 0, "JOIN4: one is stopped, the other may fail by its cancellation");
}

MODEL_WITH(shutdown_model, a_task_starts_another_while_the_executor_ends, orders_only()) {
    int ended = 0;
    {
        executor ex({.workers = 1});
        ex.spawn([&]() -> task<> {
              ex.spawn([&]() -> task<> {
                    ++ended;
                    co_return;
                }).detach();
              co_return;
          }).detach();
    }
    require(ended == 1, "REG1: it is waited for, too");
}

MODEL_WITH(shutdown_model, what_is_started_by_a_stopped_task_is_stopped, orders_only()) {
    unhandled_errors errors;
    bool stopped = false;
    {
        executor ex({.workers = 1, .unhandled_exception = errors.handler()});
        ex.spawn([&]() -> task<> {
              const stop_token token = co_await get_stop_token();
              while (!token.stop_requested()) {
                  sync::yield_thread();
                  co_await yield();
              }
              ex.spawn([&]() -> task<> { stopped = (co_await get_stop_token()).stop_requested(); }).detach();
          }).detach();
    }
    require(stopped, "the newcomer is asked at once");
    require(errors.count == 0, "nothing has failed");
}

MODEL_WITH(shutdown_model, a_stop_callback_runs_while_its_task_ends, orders_only()) {
    int runs = 0;
    {
        executor ex({.workers = 1});
        ex.spawn([&]() -> task<> {
              const brigade::stop_callback callback(co_await get_stop_token(), [&] { ++runs; });
              co_await yield();
          }).detach();
    }
    require(runs <= 1, "STOP1, STOP2");
}

MODEL_WITH(shutdown_model, a_stop_from_another_thread_comes_with_a_new_task, orders_only()) {
    int ended = 0;
    {
        executor ex({.workers = 1});
        const model_thread stopper([&] { ex.request_stop(); });
        ex.spawn([&]() -> task<> {
              try {
                  co_await endless();
              } catch (const operation_cancelled&) {
                  ++ended;
              }
          }).detach();
    }
    require(ended == 1, "it is asked whatever comes first");
}

MODEL_WITH(shutdown_model, the_end_waits_for_a_blocking_job, orders_only()) {
    int ran = 0;
    {
        executor ex({.workers = 1, .blocking_threads = 1});
        ex.spawn_blocking([&] { ++ran; }).detach();
    }
    require(ran == 1, "POOL3");
}

MODEL_WITH(shutdown_model, a_blocking_job_starts_a_task_while_the_executor_ends, orders_only()) {
    int ran = 0;
    {
        executor ex({.workers = 1, .blocking_threads = 1});
        ex.spawn_blocking([&] {
              ex.spawn([&]() -> task<> {
                    ++ran;
                    co_return;
                }).detach();
          }).detach();
    }
    require(ran == 1, "REG1");
}

MODEL_WITH(shutdown_model, a_task_starts_a_blocking_job_while_the_executor_ends, orders_only()) {
    int ran = 0;
    {
        executor ex({.workers = 1, .blocking_threads = 1});
        ex.spawn([&]() -> task<> {
              ex.spawn_blocking([&] { ++ran; }).detach();
              co_return;
          }).detach();
    }
    require(ran == 1, "REG1, POOL3");
}

MODEL_WITH(shutdown_model, a_handle_is_dropped_while_the_executor_ends, orders_only()) {
    join_handle<int> handle;
    std::optional<model_thread> dropper;
    {
        executor ex({.workers = 1});
        handle = ex.spawn(number(1));
        dropper.emplace([&] { handle.detach(); });
    }
    dropper.reset();
}

// ------------------------------------------------------------------------------------------------ several executors

MODEL_WITH(relay_model, a_task_runs_on_another_executor_and_comes_back, orders_only()) {
    executor home({.workers = 1});
    executor other({.workers = 1});
    int payload = 1;
    const auto body = [&]() -> task<int> {
        const auto there = [&]() -> task<int> {
            require(&executor::current() == &other, "it runs there");
            co_return payload + 1;
        };
        const int result = co_await schedule_on(other, there());
        require(&executor::current() == &home, "it has come back");
        co_return result;
    };
    require(home.block_on(body) == 2, "the value");
}

MODEL_WITH(relay_model, an_exception_comes_back, orders_only()) {
    executor home({.workers = 1});
    executor other({.workers = 1});
    const auto body = [&]() -> task<> {
        const auto there = []() -> task<> {
            throw failure();
            co_return;
        };
        co_await schedule_on(other, there());
    };
    bool caught = false;
    try {
        home.block_on(body);
    } catch (const failure&) {
        caught = true;
    }
    require(caught, "to the home of the task");
}

MODEL_WITH(relay_model, a_task_ends_away_from_home, orders_only()) {
    int ended = 0;
    executor other({.workers = 1});
    {
        executor home({.workers = 1});
        home.spawn([&]() -> task<> {
                co_await resume_on(other);
                ++ended;
            })
            .detach();
    }
    require(ended == 1, "its home has waited for it");
}

MODEL_WITH(relay_model, the_other_executor_goes_as_soon_as_the_task_has_left, orders_only()) {
    executor home({.workers = 1});
    auto other = std::make_unique<executor>(brigade::executor_options{.workers = 1});
    require(home.block_on([&]() -> task<int> { co_return co_await schedule_on(*other, number(3)); }) == 3, "the value");
    other.reset();
}

MODEL_WITH(relay_model, a_task_awaits_one_of_another_executor, orders_only()) {
    executor home({.workers = 1});
    executor other({.workers = 1});
    const auto body = [&]() -> task<int> { co_return co_await other.spawn(number(9)); };
    require(home.block_on(body) == 9, "woken from the other executor's worker");
}

MODEL_WITH(relay_model, who_awaits_at_home_while_the_other_executor_ends, orders_only()) {
    unhandled_errors errors;
    {
        executor home({.workers = 1, .unhandled_exception = errors.handler()});
        std::optional<join_handle<>> waiting;
        {
            executor other({.workers = 1, .unhandled_exception = errors.handler()});
            waiting = home.spawn([handle = other.spawn(endless)]() mutable -> task<> {
                try {
                    co_await handle;
                } catch (const operation_cancelled&) {
                    co_return;
                }
            });
        }
        while (!waiting->done()) {
            sync::yield_thread();
        }
    }
    require(errors.count == 0, "the cancellation was received");
}

MODEL_WITH(relay_model, two_tasks_change_places, orders_only()) {
    executor home({.workers = 1});
    executor other({.workers = 1});
    const model_thread second([&] {
        require(other.block_on([&]() -> task<int> { co_return co_await schedule_on(home, number(2)); }) == 2,
                "its own");
    });
    require(home.block_on([&]() -> task<int> { co_return co_await schedule_on(other, number(1)); }) == 1, "its own");
}

// Waits may end by their limit although others could go on: the deadline passes at any moment.
settings with_deadlines() {
    settings s = orders_only(1, 1'500);
    s.bounds.timeouts = 2;
    return s;
}

// JOIN1: past its deadline an executor destroys a task that another one may be about to wake.
MODEL_WITH(shutdown_model, a_task_that_another_executor_wakes_is_destroyed_behind_that, with_deadlines()) {
    executor there({.workers = 1});
    auto awaited = there.spawn([]() -> task<> { co_await yield(); });
    executor here({.workers = 1});
    here.spawn([&]() -> task<> { co_await awaited; }).detach();
    here.shutdown(std::chrono::milliseconds(0));
}

// FORK8
MODEL_WITH(shutdown_model, children_that_have_not_ended_are_destroyed_with_their_parent, with_deadlines()) {
    executor ex({.workers = 2});
    ex.spawn([]() -> task<> {
          const auto lent = std::make_unique<const int>(1);
          const auto child = [](const std::unique_ptr<const int>& of_parent, bool for_ever) -> task<> {
              const auto look = [](const int* there) { require(*there == 1, "the parent's local is there"); };
              const std::unique_ptr<const int, decltype(look)> borrowed(of_parent.get(), look);
              co_await yield();
              if (for_ever) {
                  co_await std::suspend_always();
              }
          };
          co_await fork(child(lent, true));
          co_await fork(child(lent, false));
          co_await join();
      }).detach();
    ex.shutdown(std::chrono::milliseconds(0));
}

// END3
MODEL_WITH(shutdown_model, a_job_that_comes_while_the_workers_leave_runs_or_is_given_up, with_deadlines()) {
    int ran = 0;
    {
        executor ex({.workers = 1});
        ex.spawn([&]() -> task<> {
              brigade::spawn_blocking([&] { ++ran; }).detach();
              co_return;
          }).detach();
        ex.shutdown(std::chrono::milliseconds(0));
    }
    require(ran <= 1, "once at most");
}

}  // namespace
}  // namespace explore
