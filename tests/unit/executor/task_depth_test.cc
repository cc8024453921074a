// Awaits do not grow the stack, however many follow each other or stand inside each other, with every compiler and at
// every level of optimisation.
#include <brigade/task.hpp>

#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/throws.hpp"

namespace {

using brigade::task;

constexpr int million = 1'000'000;
constexpr int deep = 100'000;

task<int> one() {
    co_return 1;
}

task<> nothing() {
    co_return;
}

task<int> throw_now() {
    throw std::runtime_error("thrown");
    co_return 0;
}

task<int> down(int levels) {
    if (levels == 0) {
        co_return 0;
    }
    co_return 1 + co_await down(levels - 1);
}

task<> down_to_yield(int levels) {
    if (levels == 0) {
        co_await brigade::yield();
        co_return;
    }
    co_await down_to_yield(levels - 1);
}

task<int> down_to_exception(int levels) {
    if (levels == 0) {
        throw std::runtime_error("from the bottom");
    }
    co_return 1 + co_await down_to_exception(levels - 1);
}

task<bool> is_odd(int n);
task<bool> is_even(int n) {
    if (n == 0) {
        co_return true;
    }
    co_return co_await is_odd(n - 1);
}
task<bool> is_odd(int n) {
    if (n == 0) {
        co_return false;
    }
    co_return co_await is_even(n - 1);
}

task<int> fork_down(int levels) {
    if (levels == 0) {
        co_return 0;
    }
    const std::tuple<int, int> results = co_await brigade::when_all(fork_down(levels - 1), one());
    co_return std::get<0>(results) + std::get<1>(results);
}

task<int> spawn_down(int levels) {
    if (levels == 0) {
        co_return 0;
    }
    brigade::join_handle<int> below = brigade::spawn(spawn_down, levels - 1);
    co_return 1 + co_await below;
}

class task_depth : public testing::Test {
protected:
    brigade::executor executor_{{.workers = 2}};
};

TEST_F(task_depth, a_million_awaits_in_a_row) {
    const int sum = executor_.block_on([]() -> task<int> {
        int count = 0;
        for (int i = 0; i < million; ++i) {
            count += co_await one();
        }
        co_return count;
    });
    EXPECT_EQ(sum, million);
}

TEST_F(task_depth, a_million_awaits_of_nothing_in_a_row) {
    int count = 0;
    executor_.block_on([&]() -> task<> {
        for (; count < million; ++count) {
            co_await nothing();
        }
    });
    EXPECT_EQ(count, million);
}

TEST_F(task_depth, a_hundred_thousand_exceptions_in_a_row) {
    const int sum = executor_.block_on([]() -> task<int> {
        int caught = 0;
        for (int i = 0; i < deep; ++i) {
            try {
                static_cast<void>(co_await throw_now());
            } catch (const std::runtime_error&) {
                ++caught;
            }
        }
        co_return caught;
    });
    EXPECT_EQ(sum, deep);
}

TEST_F(task_depth, a_hundred_thousand_awaits_inside_each_other) {
    EXPECT_EQ(executor_.block_on(down(deep)), deep);
}

TEST_F(task_depth, a_hundred_thousand_awaits_that_end_in_a_suspension) {
    executor_.block_on(down_to_yield(deep));
}

TEST_F(task_depth, a_hundred_thousand_awaits_that_end_in_an_exception) {
    const std::string message =
        test::message_of_call<std::runtime_error>([&] { return executor_.block_on(down_to_exception(deep)); });
    EXPECT_EQ(message, "from the bottom");
}

TEST_F(task_depth, a_hundred_thousand_awaits_of_two_functions_in_turn) {
    EXPECT_TRUE(executor_.block_on(is_even(deep)));
    EXPECT_FALSE(executor_.block_on(is_odd(deep)));
}

TEST_F(task_depth, a_million_yields_in_a_row) {
    int count = 0;
    executor_.block_on([&]() -> task<> {
        for (; count < million; ++count) {
            co_await brigade::yield();
        }
    });
    EXPECT_EQ(count, million);
}

TEST_F(task_depth, a_hundred_thousand_forks_in_a_row) {
    const int sum = executor_.block_on([]() -> task<int> {
        int count = 0;
        for (int i = 0; i < deep; ++i) {
            const std::tuple<int, int> results = co_await brigade::when_all(one(), one());
            count += std::get<0>(results) + std::get<1>(results);
        }
        co_return count;
    });
    EXPECT_EQ(sum, 2 * deep);
}

TEST_F(task_depth, fifty_thousand_forks_inside_each_other) {
    EXPECT_EQ(executor_.block_on(fork_down(deep / 2)), deep / 2);
}

TEST_F(task_depth, a_hundred_thousand_children_of_one_parent) {
    const int sum = executor_.block_on([]() -> task<int> {
        std::vector<task<int>> children;
        for (int i = 0; i < deep; ++i) {
            children.push_back(one());
        }
        const std::vector<int> results = co_await brigade::when_all(std::move(children));
        int count = 0;
        for (const int result : results) {
            count += result;
        }
        co_return count;
    });
    EXPECT_EQ(sum, deep);
}

TEST_F(task_depth, fifty_thousand_joins_inside_each_other) {
    EXPECT_EQ(executor_.block_on(spawn_down, deep / 2), deep / 2);
}

TEST_F(task_depth, a_hundred_thousand_spawns_and_joins_in_a_row) {
    const int sum = executor_.block_on([]() -> task<int> {
        int count = 0;
        for (int i = 0; i < deep; ++i) {
            brigade::join_handle<int> handle = brigade::spawn(one);
            count += co_await handle;
        }
        co_return count;
    });
    EXPECT_EQ(sum, deep);
}

TEST_F(task_depth, a_hundred_thousand_moves_between_executors_in_a_row) {
    brigade::executor other({.workers = 1});
    int count = 0;
    executor_.block_on([&]() -> task<> {
        brigade::executor& home = brigade::executor::current();
        for (; count < deep / 10; ++count) {
            co_await brigade::resume_on(other);
            co_await brigade::resume_on(home);
        }
    });
    EXPECT_EQ(count, deep / 10);
}

}  // namespace
