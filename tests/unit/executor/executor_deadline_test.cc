// The deadline of a shutdown: past it, what is suspended is destroyed and what runs is waited for, aloud.
#include <brigade/executor.hpp>

#include <atomic>
#include <chrono>
#include <coroutine>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/captured_stderr.hpp"
#include "tests/support/counted.hpp"
#include "tests/support/latch.hpp"
#include "tests/support/throws.hpp"

namespace {

using brigade::executor;
using brigade::join_handle;
using brigade::operation_cancelled;
using brigade::task;
using namespace std::chrono_literals;

constexpr const char* deadline_has_passed =
    "brigade: executor 'slow' is shutting down; the deadline has passed, and these have not ended:\n  #";

task<> sleep_long() {
    co_await brigade::sleep_for(24h);
}

task<> join(join_handle<>& handle) {
    co_await handle;
}

// Waits for nothing that would ever come.
struct never {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> /*self*/) noexcept {}
    void await_resume() const noexcept {}
};

task<> wait_for_ever(test::counted /*kept*/, test::latch& started) {
    started.count_down();
    co_await never();
}

TEST(executor_deadline, destroys_what_is_suspended_past_the_deadline) {
    test::tally tally;
    join_handle<> kept;
    std::string text;
    {
        test::captured_stderr output;
        {
            test::latch started(3);
            executor e({.workers = 2, .name = "slow", .shutdown_deadline = 10ms});
            // One at the end of a chain of awaits, one under when_all, and one whose handle outlives the executor.
            e.spawn([argument = test::counted(tally), &tally, &started]() -> task<> {
                 const test::counted local(tally);
                 co_await wait_for_ever(test::counted(tally), started);
             }).detach();
            e.spawn([&]() -> task<> {
                 std::vector<task<>> children;
                 children.push_back(wait_for_ever(test::counted(tally), started));
                 co_await brigade::when_all(std::move(children));
             }).detach();
            kept = e.spawn(wait_for_ever, test::counted(tally), std::ref(started));
            started.wait();
        }
        text = output.text();
        EXPECT_EQ(tally.alive(), 0);
    }
    EXPECT_NE(text.find(deadline_has_passed), std::string::npos) << text;
    EXPECT_TRUE(kept.done());
    executor other({.workers = 1});
    EXPECT_TRUE(
        other.block_on([&]() -> task<bool> { co_return co_await test::throws<operation_cancelled>(join(kept)); }));
}

TEST(executor_deadline, destroys_a_task_that_only_yields_and_one_that_awaits_it) {
    test::tally tally;
    test::captured_stderr output;
    {
        test::latch started;
        executor e({.workers = 1, .shutdown_deadline = 10ms});
        e.spawn([&]() -> task<> {
             join_handle<> endless = brigade::spawn([local = test::counted(tally), &started]() -> task<> {
                 started.count_down();
                 for (;;) {
                     co_await brigade::yield();
                 }
             });
             const test::counted mine(tally);
             co_await endless;
         }).detach();
        started.wait();
    }
    EXPECT_EQ(tally.alive(), 0);
}

TEST(executor_deadline, gives_up_blocking_jobs_that_have_not_begun_past_the_deadline) {
    std::atomic<int> ran = 0;
    test::captured_stderr output;
    join_handle<> second;
    {
        test::latch started;
        executor e({.workers = 1, .blocking_threads = 1, .shutdown_deadline = 10ms});
        e.spawn_blocking([&] {
             started.count_down();
             while (output.text().find("waits for blocking jobs") == std::string::npos) {
                 std::this_thread::yield();
             }
             ++ran;
         }).detach();
        started.wait();
        second = e.spawn_blocking([&] { ++ran; });
    }
    EXPECT_EQ(ran, 1);
    EXPECT_TRUE(second.done());
    second.detach();
}

TEST(executor_deadline, on_request_ends_it_once_and_refuses_newcomers_of_any_kind) {
    executor e({.workers = 2});
    executor other({.workers = 1});
    e.spawn(sleep_long).detach();
    e.shutdown(10s);
    e.shutdown(10s);
    EXPECT_THROW(static_cast<void>(e.spawn(sleep_long)), std::runtime_error);
    EXPECT_THROW(static_cast<void>(e.spawn_blocking([] {})), std::runtime_error);
    EXPECT_TRUE(other.block_on([&]() -> task<bool> {
        try {
            e.spawn(sleep_long).detach();
        } catch (const std::runtime_error&) {
            co_return true;
        }
        co_return false;
    }));
}

TEST(executor_deadline, on_request_of_one_of_its_own_tasks_is_an_error) {
    executor e({.workers = 1});
    EXPECT_TRUE(e.block_on([&]() -> task<bool> {
        try {
            e.shutdown(1s);
        } catch (const std::logic_error&) {
            co_return true;
        }
        co_return false;
    }));
}

TEST(executor_deadline, without_a_deadline_destroys_at_once) {
    test::tally tally;
    test::captured_stderr output;
    test::latch started;
    executor e({.workers = 1});
    e.spawn(wait_for_ever, test::counted(tally), std::ref(started)).detach();
    started.wait();
    e.shutdown(0ms);
    EXPECT_EQ(tally.alive(), 0);
}

TEST(executor_deadline, a_blocking_job_that_begins_while_the_workers_leave_runs_to_its_end) {
    std::atomic<int> ran = 0;
    test::captured_stderr output;
    executor e({.workers = 1, .shutdown_deadline = 10ms});
    test::latch started;
    e.spawn([&]() -> task<> {
         started.count_down();
         // Computes until the workers are asked to leave, and then begins a job.
         while (output.text().find("still running") == std::string::npos) {
             std::this_thread::yield();
         }
         brigade::spawn_blocking([&] {
             for (int i = 0; i < 1000; ++i) {
                 std::this_thread::yield();
             }
             ++ran;
         }).detach();
         co_return;
     }).detach();
    started.wait();
    e.shutdown(0ms);
    EXPECT_LE(ran, 1);  // it ran, or was given up
}

TEST(executor_deadline, a_blocking_job_that_waits_for_a_task_of_the_executor_is_let_go) {
    test::captured_stderr output;
    executor e({.workers = 1, .shutdown_deadline = 10ms});
    test::latch started;
    test::tally tally;
    join_handle<bool> job = e.spawn_blocking([&] {
        try {
            e.block_on(wait_for_ever, test::counted(tally), std::ref(started));
        } catch (const operation_cancelled&) {
            return true;
        }
        return false;
    });
    started.wait();
    e.shutdown(10ms);
    executor other({.workers = 1});
    EXPECT_TRUE(other.block_on([&]() -> task<bool> { co_return co_await job; }));
    EXPECT_EQ(tally.alive(), 0);
}

TEST(executor_deadline, an_executor_inside_a_task_of_another_leaves_the_thread_to_that_one) {
    executor outer({.workers = 1});
    EXPECT_TRUE(outer.block_on([&]() -> task<bool> {
        {
            const executor inner({.workers = 1});
        }
        co_await brigade::sleep_for(1ms);
        co_return &executor::current() == &outer;
    }));
    join_handle<bool> job = outer.spawn_blocking([&] {
        executor inner({.workers = 1});
        inner.shutdown(1s);
        return executor::try_current() == &outer;
    });
    EXPECT_TRUE(outer.block_on([&]() -> task<bool> { co_return co_await job; }));
}

TEST(executor_deadline, who_awaits_a_handle_of_another_task_may_be_destroyed_after_both) {
    test::captured_stderr output;
    executor e({.workers = 1, .shutdown_deadline = 10ms});
    test::latch started(2);
    std::atomic<join_handle<>*> shared = nullptr;
    e.spawn([&]() -> task<> {
         join_handle<> handle = brigade::spawn([]() -> task<> { co_await never(); });
         shared = &handle;
         started.count_down();
         co_await never();
     }).detach();
    e.spawn([&]() -> task<> {
         while (shared == nullptr) {
             co_await brigade::yield();
         }
         started.count_down();
         co_await *shared.load();
     }).detach();
    started.wait();
    // The worker computes, so that the one that is stopped stands in a queue when it is destroyed.
    test::latch computing;
    e.spawn([&]() -> task<> {
         computing.count_down();
         while (output.text().find("still running") == std::string::npos) {
             std::this_thread::yield();
         }
         co_return;
     }).detach();
    computing.wait();
    e.shutdown(0ms);
}

TEST(executor_deadline, a_computation_that_forks_ends_at_a_fork) {
    test::captured_stderr output;
    executor e({.workers = 1});
    test::latch started;
    e.spawn([&]() -> task<> {
         started.count_down();
         for (;;) {
             co_await brigade::fork([]() -> task<> { co_return; }());
             co_await brigade::join();
         }
     }).detach();
    started.wait();
    e.shutdown(0ms);
}

}  // namespace
