// Whose turn it is: what is queued runs in order, and nobody keeps others from running by being ready all the time. All
// on one worker, where a mistake would last for ever.
#include <brigade/yield.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/latch.hpp"

namespace {

using brigade::executor;
using brigade::join_handle;
using brigade::spawn;
using brigade::task;
using brigade::when_all;

task<> nothing() {
    co_return;
}

task<> yield_until(bool& flag, int& turns) {
    while (!flag) {
        ++turns;
        co_await brigade::yield();
    }
}

task<> set(bool& flag) {
    flag = true;
    co_return;
}

task<> join_all(std::vector<join_handle<>>& handles) {
    for (join_handle<>& handle : handles) {
        co_await handle;
    }
}

class yield_test : public testing::Test {
protected:
    executor executor_{{.workers = 1}};
};

TEST_F(yield_test, lets_every_ready_task_run_once) {
    executor_.block_on([]() -> task<> {
        std::string order;
        const auto write = [](std::string& text, char letter) -> task<> {
            for (int i = 0; i < 3; ++i) {
                text += letter;
                co_await brigade::yield();
            }
        };
        std::vector<join_handle<>> handles;
        for (const char letter : {'a', 'b', 'c', 'd'}) {
            handles.push_back(spawn(write, std::ref(order), letter));
        }
        co_await join_all(handles);
        EXPECT_EQ(order, "abcdabcdabcd");
    });
}

TEST_F(yield_test, runs_spawned_tasks_in_order) {
    executor_.block_on([]() -> task<> {
        std::vector<int> order;
        std::vector<join_handle<>> handles;
        for (int i = 0; i < 1000; ++i) {
            handles.push_back(spawn([&order, i]() -> task<> {
                order.push_back(i);
                co_return;
            }));
        }
        co_await join_all(handles);
        EXPECT_EQ(order.size(), 1000U);
        EXPECT_TRUE(std::ranges::is_sorted(order));
    });
}

TEST_F(yield_test, runs_tasks_from_other_threads_although_others_yield_for_ever) {
    bool done = false;
    int turns = 0;
    test::latch started;
    join_handle<> yielder = executor_.spawn([&]() -> task<> {
        started.count_down();
        co_await yield_until(done, turns);
    });
    started.wait();
    for (int i = 0; i < 100; ++i) {
        executor_.block_on(nothing());
    }
    executor_.block_on(set(done));
    executor_.block_on([&]() -> task<> { co_await yielder; });
    EXPECT_GT(turns, 0);
}

TEST_F(yield_test, runs_yielding_tasks_although_other_threads_spawn_for_ever) {
    constexpr int most = 100;  // who spawns faster than the tasks run makes every queue longer and longer
    std::atomic<int> waiting = 0;
    int turns = 0;
    test::latch ended;
    join_handle<> yielder = executor_.spawn([&]() -> task<> {
        while (turns < 1000) {
            ++turns;
            co_await brigade::yield();
        }
        ended.count_down();
    });
    while (!ended.reached()) {
        if (waiting < most) {
            ++waiting;
            executor_
                .spawn([&]() -> task<> {
                    --waiting;
                    co_return;
                })
                .detach();
        }
    }
    executor_.block_on([&]() -> task<> { co_await yielder; });
    EXPECT_EQ(turns, 1000);
    while (waiting != 0) {
        std::this_thread::yield();
    }
}

// With many ready tasks a worker looks less often for those that other threads spawn.
TEST_F(yield_test, runs_a_task_from_another_thread_hardly_later_than_after_those_that_were_ready) {
    for (const int yielders : {1, 7, 8, 15, 16, 40, 64, 200, 1000}) {
        executor_.block_on([&]() -> task<> {
            bool done = false;
            int turns = 0;
            std::vector<join_handle<>> handles;
            for (int i = 0; i < yielders; ++i) {
                handles.push_back(spawn(yield_until, std::ref(done), std::ref(turns)));
            }
            for (int i = 0; i < 20; ++i) {
                co_await brigade::yield();
            }
            int turns_before_it = 0;
            join_handle<> from_outside;
            std::thread([&] {
                from_outside = executor_.spawn([&]() -> task<> {
                    turns_before_it = turns;
                    co_return;
                });
            }).join();
            const int turns_before = turns;
            co_await from_outside;
            EXPECT_LE(turns_before_it - turns_before, yielders + yielders / 4) << yielders << " yielders";
            done = true;
            co_await join_all(handles);
        });
    }
}

// A task that ends hands its worker to the one that joins it. A chain of such tasks must not keep a third out.
TEST_F(yield_test, lets_others_run_between_tasks_that_wake_each_other) {
    executor_.block_on([]() -> task<> {
        constexpr int length = 1000;
        const std::function<task<>(int, bool&)> chain = [&chain](int below, bool& go) -> task<> {
            if (below > 0) {
                join_handle<> next = spawn(std::ref(chain), below - 1, std::ref(go));
                co_await next;
            } else {
                while (!go) {
                    co_await brigade::yield();
                }
            }
        };
        bool go = false;
        bool ended = false;
        join_handle<> first = spawn(std::ref(chain), length, std::ref(go));
        for (int i = 0; i < length + 10; ++i) {
            co_await brigade::yield();  // the whole chain waits for its last link
        }
        int turns = 0;
        join_handle<> other = spawn(yield_until, std::ref(ended), std::ref(turns));
        go = true;
        co_await first;
        ended = true;
        co_await other;
        EXPECT_GE(turns, length / 10);
    });
}

TEST_F(yield_test, runs_forked_children_although_others_yield_for_ever) {
    executor_.block_on([]() -> task<> {
        bool done = false;
        int turns = 0;
        std::vector<join_handle<>> yielders;
        for (int i = 0; i < 10; ++i) {
            yielders.push_back(spawn(yield_until, std::ref(done), std::ref(turns)));
        }
        int own = 0;
        // The first child runs at once and never ends unless the second, which stands in the deque, gets its turn.
        co_await when_all(yield_until(done, own), set(done));
        co_await join_all(yielders);
    });
}

TEST_F(yield_test, runs_ready_tasks_although_others_fork_for_ever) {
    executor_.block_on([]() -> task<> {
        bool done = false;
        join_handle<> ready = spawn(set, std::ref(done));
        while (!done) {
            co_await when_all(nothing(), nothing());
        }
        co_await ready;
    });
}

TEST_F(yield_test, runs_ready_tasks_although_a_deep_recursion_forks) {
    executor_.block_on([]() -> task<> {
        bool done = false;
        join_handle<> ready = spawn(set, std::ref(done));
        const std::function<task<>(int)> tree = [&](int depth) -> task<> {
            if (depth > 0 && !done) {
                co_await when_all(tree(depth - 1), tree(depth - 1));
            }
        };
        co_await tree(40);  // without a turn for the other task: 2^40 leaves
        co_await ready;
    });
}

TEST_F(yield_test, goes_on_at_once_when_alone) {
    const std::uint64_t before = executor_.counters().parked;
    executor_.block_on([]() -> task<> {
        for (int i = 0; i < 1000; ++i) {
            co_await brigade::yield();
        }
    });
    EXPECT_LE(executor_.counters().parked - before, 10U);  // around the task, not inside
}

TEST_F(yield_test, lets_a_task_move_to_a_free_worker) {
    executor two({.workers = 2});
    two.block_on([]() -> task<> {
        bool blocked = true;
        test::latch go;
        // One worker is kept busy; the tasks that yield go on on the other.
        join_handle<> blocker = spawn([&]() -> task<> {
            go.wait();
            blocked = false;
            co_return;
        });
        for (int i = 0; i < 1000; ++i) {
            co_await brigade::yield();
        }
        EXPECT_TRUE(blocked);
        go.count_down();
        co_await blocker;
        EXPECT_FALSE(blocked);
    });
}

}  // namespace
