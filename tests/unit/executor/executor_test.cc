#include <brigade/executor.hpp>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/latch.hpp"
#include "tests/support/throws.hpp"

namespace {

using brigade::executor;
using brigade::join_handle;
using brigade::task;

task<int> give(int n) {
    co_return n;
}

task<executor*> where_am_i() {
    co_return &executor::current();
}

struct counter {
    int count = 0;
    task<int> add(int n) {
        count += n;
        co_return count;
    }
};

constexpr const char* nowhere = "brigade: no executor here: this thread is neither a worker nor a blocking thread";
constexpr const char* on_a_worker = "brigade: block_on on a worker would keep it from its tasks; co_await instead";

class executor_test : public testing::Test {
protected:
    executor executor_{{.workers = 2}};
};

TEST_F(executor_test, block_on_takes_a_task_or_what_makes_one) {
    EXPECT_EQ(executor_.block_on(give(1)), 1);
    EXPECT_EQ(executor_.block_on(give, 2), 2);
    EXPECT_EQ(executor_.block_on([] { return give(3); }), 3);
    EXPECT_EQ(brigade::block_on(executor_, give, 4), 4);
}

TEST_F(executor_test, block_on_rethrows) {
    EXPECT_THROW(executor_.block_on([]() -> task<> {
        throw std::runtime_error("from a task");
        co_return;
    }),
                 std::runtime_error);
}

TEST_F(executor_test, block_on_rethrows_what_the_callable_throws) {
    EXPECT_THROW(executor_.block_on([]() -> task<> { throw std::runtime_error("no coroutine"); }), std::runtime_error);
}

TEST_F(executor_test, block_on_works_from_many_threads_at_once) {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([this, t] {
            for (int i = 0; i < 200; ++i) {
                EXPECT_EQ(executor_.block_on(give, t * i), t * i);
            }
        });
    }
}

TEST_F(executor_test, block_on_on_a_worker_is_refused) {
    executor other({.workers = 1});
    executor_.block_on([&]() -> task<> {
        for (executor* const e : {&executor_, &other}) {
            EXPECT_EQ(test::message_of_call<std::logic_error>([&] { return e->block_on(give, 1); }), on_a_worker);
            EXPECT_EQ(test::message_of_call<std::logic_error>([&] { return e->block_on(give(1)); }), on_a_worker);
        }
        co_return;
    });
}

TEST_F(executor_test, block_on_works_on_a_blocking_thread) {
    auto handle = executor_.spawn_blocking([] { return brigade::block_on(executor::current(), give, 5); });
    EXPECT_EQ(executor_.block_on([&]() -> task<int> { co_return co_await handle; }), 5);
}

TEST_F(executor_test, spawn_works_from_the_main_thread) {
    join_handle<int> handle = executor_.spawn(give, 1);
    EXPECT_EQ(executor_.block_on([&]() -> task<int> { co_return co_await handle; }), 1);
}

TEST_F(executor_test, spawn_works_from_other_threads) {
    std::vector<join_handle<int>> handles(4);
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&, t] { handles[static_cast<std::size_t>(t)] = executor_.spawn(give, t); });
        }
    }
    executor_.block_on([&]() -> task<> {
        for (int t = 0; t < 4; ++t) {
            const int given = co_await handles[static_cast<std::size_t>(t)];
            EXPECT_EQ(given, t);
        }
    });
}

TEST_F(executor_test, spawn_works_from_a_task) {
    executor_.block_on([&]() -> task<> {
        join_handle<int> here = brigade::spawn(give, 1);
        join_handle<int> by_name = executor_.spawn(give(2));
        const int one = co_await here;
        const int two = co_await by_name;
        EXPECT_EQ(one, 1);
        EXPECT_EQ(two, 2);
    });
}

TEST_F(executor_test, spawn_works_from_a_blocking_thread) {
    auto blocking = executor_.spawn_blocking([] { return brigade::spawn(give, 6); });
    const int given = executor_.block_on([&]() -> task<int> {
        join_handle<int> handle = co_await blocking;
        co_return co_await handle;
    });
    EXPECT_EQ(given, 6);
}

TEST_F(executor_test, spawn_takes_callables_of_every_kind) {
    counter c;
    const auto lambda = [](int n) { return give(n); };
    const std::function<task<int>(int)> function = lambda;
    EXPECT_EQ(executor_.block_on(lambda, 1), 1);
    EXPECT_EQ(executor_.block_on(function, 2), 2);
    EXPECT_EQ(executor_.block_on(&give, 3), 3);
    EXPECT_EQ(executor_.block_on(&counter::add, &c, 4), 4);
    EXPECT_EQ(executor_.block_on(&counter::add, std::ref(c), 4), 8);
    EXPECT_EQ(c.count, 8);
    auto moves = [owned = std::make_unique<int>(9)]() -> task<int> { co_return *owned; };
    EXPECT_EQ(executor_.block_on(std::move(moves)), 9);
}

TEST_F(executor_test, spawn_keeps_captures_and_arguments_until_the_task_ends) {
    test::latch go;
    join_handle<std::string> handle;
    {
        const std::string captured = "captured, and too long for the small string buffer";
        const std::string argument = "an argument, and too long for the small string buffer";
        handle = executor_.spawn(
            [captured, &go](std::string by_value, const std::string& by_reference) -> task<std::string> {
                co_await go.wait_in_task();
                co_return captured + ", " + by_value + ", " + by_reference;
            },
            argument, std::string(argument));
    }
    go.count_down();
    const std::string text = executor_.block_on([&]() -> task<std::string> { co_return co_await handle; });
    EXPECT_EQ(text,
              "captured, and too long for the small string buffer, "
              "an argument, and too long for the small string buffer, "
              "an argument, and too long for the small string buffer");
}

TEST_F(executor_test, spawn_takes_arguments_by_reference_only_when_told) {
    int by_value = 1;
    int by_reference = 1;
    const auto change = [](int copy, int& original) -> task<> {
        copy = 2;
        original = copy;
        co_return;
    };
    executor_.block_on(change, by_value, std::ref(by_reference));
    EXPECT_EQ(by_value, 1);
    EXPECT_EQ(by_reference, 2);
}

TEST_F(executor_test, spawn_takes_move_only_arguments) {
    const auto take = [](std::unique_ptr<int> n) -> task<int> { co_return *n; };
    EXPECT_EQ(executor_.block_on(take, std::make_unique<int>(3)), 3);
}

TEST_F(executor_test, block_on_gives_references) {
    int number = 0;
    int& same = executor_.block_on([&]() -> task<int&> { co_return number; });
    EXPECT_EQ(&same, &number);
    int& again = brigade::block_on(executor_, [&]() -> task<int&> { co_return number; });
    EXPECT_EQ(&again, &number);
}

TEST_F(executor_test, current_is_the_one_that_the_thread_belongs_to) {
    EXPECT_EQ(executor::try_current(), nullptr);
    EXPECT_EQ(executor_.block_on(where_am_i), &executor_);
    auto blocking = executor_.spawn_blocking([] { return executor::try_current(); });
    EXPECT_EQ(executor_.block_on([&]() -> task<executor*> { co_return co_await blocking; }), &executor_);
}

TEST_F(executor_test, current_throws_where_there_is_none) {
    EXPECT_EQ(test::message_of_call<std::logic_error>([]() -> executor& { return executor::current(); }), nowhere);
    EXPECT_EQ(test::message_of_call<std::logic_error>([] { return brigade::spawn(give, 1); }), nowhere);
    EXPECT_EQ(test::message_of_call<std::logic_error>([] { return brigade::spawn_blocking([] {}); }), nowhere);
}

TEST_F(executor_test, this_worker_index_is_known_on_workers_only) {
    EXPECT_FALSE(brigade::this_worker_index().has_value());
    executor_.block_on([]() -> task<> {
        EXPECT_LT(brigade::this_worker_index().value(), 2U);
        auto blocking = brigade::spawn_blocking([] { return brigade::this_worker_index(); });
        const std::optional<unsigned> index = co_await blocking;
        EXPECT_FALSE(index.has_value());
    });
}

TEST_F(executor_test, several_live_beside_each_other) {
    std::vector<std::unique_ptr<executor>> executors;
    for (int i = 0; i < 5; ++i) {
        executors.push_back(std::make_unique<executor>(brigade::executor_options{.workers = 1}));
    }
    for (const std::unique_ptr<executor>& e : executors) {
        EXPECT_EQ(e->block_on(where_am_i), e.get());
    }
    executors.erase(executors.begin() + 1);
    for (const std::unique_ptr<executor>& e : executors) {
        EXPECT_EQ(e->block_on(where_am_i), e.get());
    }
}

TEST_F(executor_test, a_task_may_own_an_executor) {
    const int given = executor_.block_on([]() -> task<int> {
        executor inner({.workers = 1});
        join_handle<int> handle = inner.spawn(give, 8);
        co_return co_await handle;
    });
    EXPECT_EQ(given, 8);
}

TEST_F(executor_test, counters_count) {
    executor e({.workers = 1});
    const brigade::executor_counters before = e.counters();
    for (int i = 0; i < 10; ++i) {
        e.block_on([]() -> task<> { co_await brigade::yield(); });
    }
    // The last task may still be on its way out, but all of them have been resumed twice.
    const brigade::executor_counters after = e.counters();
    EXPECT_GE(after.resumed - before.resumed, 20U);
    EXPECT_GE(after.injected - before.injected, 10U);
    EXPECT_EQ(after.stolen, 0U);
}

}  // namespace
