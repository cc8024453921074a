#include <brigade/executor.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <latch>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/latch.hpp"
#include "tests/support/this_process.hpp"
#include "tests/support/throws.hpp"

namespace {

using brigade::executor;
using brigade::join_handle;
using brigade::spawn_blocking;
using brigade::task;

template <class T>
task<T> join(join_handle<T> handle) {
    co_return co_await handle;
}

class spawn_blocking_test : public testing::Test {
protected:
    executor executor_{{.workers = 1, .blocking_threads = 4}};
};

TEST_F(spawn_blocking_test, gives_the_result) {
    const auto add = [](int a, int b) { return a + b; };
    EXPECT_EQ(executor_.block_on(join(executor_.spawn_blocking(add, 1, 2))), 3);
    executor_.block_on([&]() -> task<> {
        join_handle<int> handle = spawn_blocking(add, 3, 4);
        const int sum = co_await handle;
        EXPECT_EQ(sum, 7);
    });
}

TEST_F(spawn_blocking_test, may_give_nothing) {
    bool ran = false;
    executor_.block_on(join(executor_.spawn_blocking([&] { ran = true; })));
    EXPECT_TRUE(ran);
}

TEST_F(spawn_blocking_test, gives_move_only_results_of_move_only_arguments) {
    const auto pass = [](std::unique_ptr<int> n) { return n; };
    const std::unique_ptr<int> same =
        executor_.block_on(join(executor_.spawn_blocking(pass, std::make_unique<int>(5))));
    EXPECT_EQ(*same, 5);
}

TEST_F(spawn_blocking_test, takes_move_only_callables) {
    auto job = [owned = std::make_unique<int>(6)] { return *owned; };
    EXPECT_EQ(executor_.block_on(join(executor_.spawn_blocking(std::move(job)))), 6);
}

TEST_F(spawn_blocking_test, gives_references) {
    int number = 0;
    const auto lend = [](int& n) -> int& { return n; };
    int& same = executor_.block_on(join(executor_.spawn_blocking(lend, std::ref(number))));
    EXPECT_EQ(&same, &number);
}

TEST_F(spawn_blocking_test, rethrows) {
    const auto fail = [] { throw std::runtime_error("from a blocking thread"); };
    const std::string message = executor_.block_on([&]() -> task<std::string> {
        co_return co_await test::message_of<std::runtime_error>(join(spawn_blocking(fail)));
    });
    EXPECT_EQ(message, "from a blocking thread");
}

TEST_F(spawn_blocking_test, keeps_no_worker_from_its_tasks) {
    executor_.block_on([]() -> task<> {
        test::latch go;
        join_handle<> blocked = spawn_blocking([&] { go.wait(); });
        for (int i = 0; i < 10; ++i) {
            co_await brigade::yield();
        }
        EXPECT_FALSE(blocked.done());
        go.count_down();
        co_await blocked;
    });
}

TEST_F(spawn_blocking_test, runs_as_many_at_once_as_there_may_be_threads) {
    std::latch all(4);
    std::vector<join_handle<>> handles;
    for (int i = 0; i < 4; ++i) {
        handles.push_back(executor_.spawn_blocking([&] { all.arrive_and_wait(); }));
    }
    for (join_handle<>& handle : handles) {
        executor_.block_on(join(std::move(handle)));
    }
}

TEST_F(spawn_blocking_test, runs_no_more_at_once_than_there_may_be_threads) {
    std::atomic<int> running = 0;
    std::atomic<int> most = 0;
    std::atomic<int> ran = 0;
    std::vector<join_handle<>> handles;
    for (int i = 0; i < 1000; ++i) {
        handles.push_back(executor_.spawn_blocking([&] {
            const int now = ++running;
            int seen = most;
            while (now > seen && !most.compare_exchange_weak(seen, now)) {
            }
            std::this_thread::yield();
            --running;
            ++ran;
        }));
    }
    for (join_handle<>& handle : handles) {
        executor_.block_on(join(std::move(handle)));
    }
    EXPECT_EQ(ran, 1000);
    EXPECT_LE(most, 4);
    EXPECT_LE(test::threads_named("brigade-b").size(), 4U);
}

TEST_F(spawn_blocking_test, runs_what_queues_in_order) {
    executor one({.workers = 1, .blocking_threads = 1});
    test::latch go;
    std::vector<int> order;
    std::vector<join_handle<>> handles;
    handles.push_back(one.spawn_blocking([&] { go.wait(); }));
    for (int i = 0; i < 50; ++i) {
        handles.push_back(one.spawn_blocking([&order, i] { order.push_back(i); }));
    }
    go.count_down();
    for (join_handle<>& handle : handles) {
        one.block_on(join(std::move(handle)));
    }
    EXPECT_EQ(order.size(), 50U);
    EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST_F(spawn_blocking_test, starts_no_thread_before_the_first_job) {
    const executor e({.workers = 1, .name = "unblocked"});
    EXPECT_TRUE(test::threads_named("unblocked-b").empty());
}

TEST_F(spawn_blocking_test, jobs_belong_to_the_executor) {
    EXPECT_EQ(executor_.block_on(join(executor_.spawn_blocking([] { return executor::try_current(); }))), &executor_);
}

TEST_F(spawn_blocking_test, jobs_may_spawn_and_wait) {
    const int sum = executor_.block_on(join(executor_.spawn_blocking([] {
        executor& here = executor::current();
        int count = 0;
        for (int i = 0; i < 20; ++i) {
            count += here.block_on([]() -> task<int> {
                const int one = co_await join(spawn_blocking([] { return 1; }));
                co_return one;
            });
        }
        return count;
    })));
    EXPECT_EQ(sum, 20);
}

TEST_F(spawn_blocking_test, is_not_interrupted_by_a_stop) {
    test::latch started;
    test::latch go;
    join_handle<int> handle = executor_.spawn_blocking([&] {
        started.count_down();
        go.wait();
        return 1;
    });
    started.wait();
    handle.request_stop();
    EXPECT_FALSE(handle.done());
    go.count_down();
    EXPECT_EQ(executor_.block_on(join(std::move(handle))), 1);
}

TEST_F(spawn_blocking_test, works_from_many_threads_at_once) {
    std::atomic<int> ran = 0;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&] {
                for (int i = 0; i < 250; ++i) {
                    executor_.block_on(join(executor_.spawn_blocking([&] { ++ran; })));
                }
            });
        }
    }
    EXPECT_EQ(ran, 1000);
}

}  // namespace
