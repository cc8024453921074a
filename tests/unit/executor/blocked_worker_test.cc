// A task that keeps its worker, by computing or by blocking, holds up no task that another worker could run: not even
// the one that it has just made ready, and that would have run there next.
#include <brigade/executor.hpp>

#include <chrono>
#include <functional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/latch.hpp"

namespace {

using brigade::auto_reset_event;
using brigade::executor;
using brigade::task;

// Two tasks that wake each other, so that the worker learns that tasks which are ready alone do not wait long.
task<> answer(auto_reset_event& question, auto_reset_event& reply, int times) {
    for (int i = 0; i < times; ++i) {
        co_await question;
        reply.set();
    }
}
task<> wake_each_other(int times) {
    auto_reset_event question;
    auto_reset_event reply;
    auto other = brigade::spawn(answer, std::ref(question), std::ref(reply), times);
    for (int i = 0; i < times; ++i) {
        question.set();
        co_await reply;
    }
    co_await std::move(other);
}

task<> arrive(test::latch& happened) {
    happened.count_down();
    co_return;
}
task<> wait_and_arrive(auto_reset_event& signal, test::latch& happened) {
    co_await signal;
    happened.count_down();
}

TEST(blocked_worker, does_not_keep_the_task_that_was_spawned_last) {
    executor e({.workers = 2});
    for (int i = 0; i < 20; ++i) {
        e.block_on([]() -> task<> {
            co_await wake_each_other(200);
            test::latch ran(1);
            auto spawned = brigade::spawn(arrive, std::ref(ran));
            ran.wait();  // on the worker
            co_await std::move(spawned);
        });
    }
}

TEST(blocked_worker, does_not_keep_the_task_that_was_woken_last) {
    executor e({.workers = 2});
    for (int i = 0; i < 20; ++i) {
        e.block_on([]() -> task<> {
            auto_reset_event signal;
            test::latch ran(1);
            auto waiting = brigade::spawn(wait_and_arrive, std::ref(signal), std::ref(ran));
            co_await wake_each_other(200);
            signal.set();
            ran.wait();  // on the worker
            co_await std::move(waiting);
        });
    }
}

// Each waits, on its worker, for the one that it has woken.
task<> wake_and_wait(test::latch& own, int more) {
    own.count_down();
    if (more > 0) {
        test::latch next(1);
        auto spawned = brigade::spawn(wake_and_wait, std::ref(next), more - 1);
        next.wait();
        co_await std::move(spawned);
    }
}

TEST(blocked_worker, does_not_keep_a_chain_of_tasks_as_long_as_one_worker_is_left) {
    constexpr int workers = 4;
    executor e({.workers = workers});
    for (int i = 0; i < 20; ++i) {
        e.block_on([]() -> task<> {
            co_await wake_each_other(200);
            test::latch ran(1);
            auto first = brigade::spawn(wake_and_wait, std::ref(ran), workers - 2);
            ran.wait();  // on the worker
            co_await std::move(first);
        });
    }
}

// Waits, on its worker, for those that are woken together with it.
task<> sleep_and_meet(std::chrono::steady_clock::time_point until, test::latch& all) {
    co_await brigade::sleep_until(until);
    all.count_down();
    all.wait();
}

TEST(blocked_worker, does_not_keep_the_tasks_that_were_woken_together_with_its_own) {
    constexpr unsigned workers = 3;
    executor e({.workers = workers});
    for (int i = 0; i < 20; ++i) {
        e.block_on([]() -> task<> {
            test::latch all(workers);
            const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds(2);
            std::vector<brigade::join_handle<void>> tasks;
            for (unsigned k = 0; k < workers; ++k) {
                tasks.push_back(brigade::spawn(sleep_and_meet, soon, std::ref(all)));
            }
            for (brigade::join_handle<void>& one : tasks) {
                co_await std::move(one);
            }
        });
    }
}

}  // namespace
