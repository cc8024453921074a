// A computation that forks for ever keeps nobody waiting, and is not kept waiting (WRK3).
#include <brigade/fork.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/latch.hpp"

namespace {

using brigade::call;
using brigade::executor;
using brigade::fork;
using brigade::join;
using brigade::task;

task<> nothing() {
    co_return;
}

task<> set(std::atomic<bool>& flag) {
    flag = true;
    co_return;
}

// Forks until somebody says so.
task<> fork_until(std::atomic<bool>& done) {
    while (!done) {
        co_await fork(nothing());
    }
    co_await join();
}

task<> recurse_until(std::atomic<bool>& done, int depth) {
    if (depth > 0 && !done) {
        co_await fork(recurse_until(done, depth - 1));
        co_await call(recurse_until(done, depth - 1));
        co_await join();
    }
}

TEST(fork_fairness, runs_a_spawned_task_although_a_loop_forks_for_ever) {
    executor one({.workers = 1});
    one.block_on([]() -> task<> {
        std::atomic<bool> done = false;
        brigade::join_handle<> ready = brigade::spawn(set, std::ref(done));
        co_await fork_until(done);
        co_await ready;
    });
}

TEST(fork_fairness, runs_a_spawned_task_although_a_deep_recursion_forks) {
    executor one({.workers = 1});
    one.block_on([]() -> task<> {
        std::atomic<bool> done = false;
        brigade::join_handle<> ready = brigade::spawn(set, std::ref(done));
        co_await recurse_until(done, 60);  // without a turn for the other task: 2^60 leaves
        co_await ready;
    });
}

TEST(fork_fairness, runs_what_another_thread_spawns) {
    for (const unsigned workers : {1U, 2U}) {
        executor e({.workers = workers});
        std::atomic<bool> done = false;
        std::array<test::latch, 2> begun;
        std::vector<brigade::join_handle<>> computations;
        for (unsigned w = 0; w < workers; ++w) {
            computations.push_back(e.spawn([&done, &mine = begun.at(w)]() -> task<> {
                mine.count_down();
                co_await recurse_until(done, 60);
            }));
            begun.at(w).wait();
        }
        e.spawn(set, std::ref(done)).detach();
        for (brigade::join_handle<>& computation : computations) {
            e.block_on([&]() -> task<> { co_await computation; });
        }
    }
}

TEST(fork_fairness, runs_a_timer) {
    executor one({.workers = 1});
    one.block_on([]() -> task<> {
        std::atomic<bool> done = false;
        brigade::join_handle<> timer = brigade::spawn([&done]() -> task<> {
            co_await brigade::sleep_for(std::chrono::milliseconds(1));
            done = true;
        });
        co_await recurse_until(done, 60);
        co_await timer;
    });
}

TEST(fork_fairness, goes_on_with_a_computation_although_others_yield_for_ever) {
    executor one({.workers = 1});
    one.block_on([]() -> task<> {
        std::atomic<bool> done = false;
        std::vector<brigade::join_handle<>> yielders;
        for (int i = 0; i < 10; ++i) {
            yielders.push_back(brigade::spawn([&done]() -> task<> {
                while (!done) {
                    co_await brigade::yield();
                }
            }));
        }
        for (int i = 0; i < 10'000; ++i) {
            co_await fork(nothing());
        }
        co_await join();
        done = true;
        for (brigade::join_handle<>& yielder : yielders) {
            co_await yielder;
        }
    });
}

// Children that compute for a millisecond each, as long as somebody waits for the end of the first that ran late.
TEST(fork_fairness, a_ready_task_waits_for_two_long_children_at_most) {
    executor one({.workers = 1});
    one.block_on([]() -> task<> {
        const auto compute = [](int& count) -> task<> {
            const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
            while (std::chrono::steady_clock::now() < end) {
            }
            ++count;
            co_return;
        };
        int children = 0;
        int children_before = -1;
        brigade::join_handle<> ready = brigade::spawn([&]() -> task<> {
            children_before = children;
            co_return;
        });
        for (int i = 0; i < 20; ++i) {
            co_await fork(compute(children));
        }
        co_await join();
        co_await ready;
        EXPECT_GE(children_before, 0);
        EXPECT_LE(children_before, 2);
    });
}

}  // namespace
