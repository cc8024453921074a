#include <brigade/join_handle.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/latch.hpp"
#include "tests/support/throws.hpp"

namespace {

using brigade::executor;
using brigade::join_handle;
using brigade::operation_cancelled;
using brigade::spawn;
using brigade::task;
using namespace std::chrono_literals;

task<int> give(int n) {
    co_return n;
}

task<int> give_when(test::latch& go, int n) {
    co_await go.wait_in_task();
    co_return n;
}

task<> sleep_long() {
    co_await brigade::sleep_for(24h);
}

template <class T>
task<T> join(join_handle<T>& handle) {
    co_return co_await handle;
}

template <class T>
task<> until_done(const join_handle<T>& handle) {
    while (!handle.done()) {
        co_await brigade::yield();
    }
}

constexpr const char* empty_message =
    "brigade: co_await of a join_handle that is empty: moved from, detached, or awaited";

class join_handle_test : public testing::Test {
protected:
    executor executor_{{.workers = 2}};
};

TEST_F(join_handle_test, can_be_awaited_before_the_end) {
    executor_.block_on([]() -> task<> {
        test::latch go;
        join_handle<int> handle = spawn(give_when, std::ref(go), 3);
        join_handle<int> joined = spawn(join<int>, std::ref(handle));
        for (int i = 0; i < 10; ++i) {
            co_await brigade::yield();  // most likely the join has begun
        }
        EXPECT_FALSE(handle.done());
        go.count_down();
        const int given = co_await joined;
        EXPECT_EQ(given, 3);
    });
}

TEST_F(join_handle_test, can_be_awaited_after_the_end) {
    executor_.block_on([]() -> task<> {
        join_handle<int> handle = spawn(give, 3);
        co_await until_done(handle);
        const int given = co_await handle;
        EXPECT_EQ(given, 3);
    });
}

TEST_F(join_handle_test, can_be_awaited_where_it_is_made) {
    const int sum = executor_.block_on([]() -> task<int> {
        const int a = co_await spawn(give, 1);
        const int b = co_await spawn([]() -> task<int> { co_return co_await spawn(give, 2); });
        co_return a + b;
    });
    EXPECT_EQ(sum, 3);
}

TEST_F(join_handle_test, gives_results_of_every_kind) {
    executor_.block_on([]() -> task<> {
        int number = 0;
        join_handle<int&> reference = spawn([&]() -> task<int&> { co_return number; });
        int& same = co_await reference;
        EXPECT_EQ(&same, &number);
        join_handle<std::unique_ptr<int>> owner =
            spawn([]() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(4); });
        const std::unique_ptr<int> four = co_await owner;
        EXPECT_EQ(*four, 4);
        join_handle<> nothing = spawn([&]() -> task<> {
            number = 1;
            co_return;
        });
        co_await nothing;
        EXPECT_EQ(number, 1);
    });
}

TEST_F(join_handle_test, rethrows) {
    executor_.block_on([]() -> task<> {
        join_handle<> handle = spawn([]() -> task<> {
            co_await brigade::yield();
            throw std::runtime_error("from a spawned task");
        });
        const std::string message = co_await test::message_of<std::runtime_error>(join(handle));
        EXPECT_EQ(message, "from a spawned task");
        EXPECT_FALSE(static_cast<bool>(handle));
    });
}

TEST_F(join_handle_test, is_empty_after_the_join) {
    executor_.block_on([]() -> task<> {
        join_handle<int> handle = spawn(give, 1);
        EXPECT_TRUE(static_cast<bool>(handle));
        const int given = co_await handle;
        EXPECT_EQ(given, 1);
        EXPECT_FALSE(static_cast<bool>(handle));
        EXPECT_FALSE(handle.done());
        const std::string message = co_await test::message_of<std::logic_error>(join(handle));
        EXPECT_EQ(message, empty_message);
    });
}

TEST_F(join_handle_test, throws_logic_error_when_awaited_empty) {
    executor_.block_on([]() -> task<> {
        join_handle<int> never;
        join_handle<int> detached = spawn(give, 1);
        detached.detach();
        join_handle<int> moved_from = spawn(give, 2);
        join_handle<int> moved_to = std::move(moved_from);
        for (join_handle<int>* const handle : {&never, &detached, &moved_from}) {
            EXPECT_FALSE(static_cast<bool>(*handle));
            handle->request_stop();  // nothing to stop
            const std::string message = co_await test::message_of<std::logic_error>(join(*handle));
            EXPECT_EQ(message, empty_message);
        }
        const int given = co_await moved_to;
        EXPECT_EQ(given, 2);
    });
}

TEST_F(join_handle_test, detaches_what_it_held_when_assigned) {
    executor_.block_on([]() -> task<> {
        test::latch go;
        test::latch ended;
        join_handle<> handle = spawn([&]() -> task<> {
            co_await go.wait_in_task();
            ended.count_down();
        });
        handle = spawn([]() -> task<> { co_return; });
        co_await handle;
        EXPECT_FALSE(ended.reached());
        go.count_down();
        co_await ended.wait_in_task();
    });
}

TEST_F(join_handle_test, can_be_moved_while_the_task_runs) {
    executor_.block_on([]() -> task<> {
        test::latch go;
        join_handle<int> first = spawn(give_when, std::ref(go), 5);
        join_handle<int> second = std::move(first);
        go.count_down();
        const int given = co_await second;
        EXPECT_EQ(given, 5);
    });
}

TEST_F(join_handle_test, detached_task_goes_on) {
    test::latch go;
    test::latch ended;
    join_handle<> handle = executor_.spawn([&]() -> task<> {
        co_await go.wait_in_task();
        ended.count_down();
    });
    handle.detach();
    EXPECT_FALSE(static_cast<bool>(handle));
    go.count_down();
    ended.wait();
}

TEST_F(join_handle_test, dropped_handle_does_not_stop_the_task) {
    std::atomic<bool> stopped = true;
    test::latch go;
    test::latch ended;
    {
        const join_handle<> dropped = executor_.spawn([&]() -> task<> {
            co_await go.wait_in_task();
            stopped = (co_await brigade::get_stop_token()).stop_requested();
            ended.count_down();
        });
    }
    go.count_down();
    ended.wait();
    EXPECT_FALSE(stopped);
}

TEST_F(join_handle_test, request_stop_reaches_the_task) {
    executor_.block_on([]() -> task<> {
        join_handle<> handle = spawn(sleep_long);
        handle.request_stop();
        const bool cancelled = co_await test::throws<operation_cancelled>(join(handle));
        EXPECT_TRUE(cancelled);
    });
}

TEST_F(join_handle_test, request_stop_works_from_any_thread_and_at_any_time) {
    for (int i = 0; i < 500; ++i) {
        join_handle<> handle = executor_.spawn(sleep_long);
        handle.request_stop();
        handle.request_stop();
        const bool cancelled = executor_.block_on(test::throws<operation_cancelled>(join(handle)));
        EXPECT_TRUE(cancelled);
    }
    join_handle<int> ended = executor_.spawn(give, 1);
    executor_.block_on(until_done(ended));
    ended.request_stop();
    EXPECT_EQ(executor_.block_on(join(ended)), 1);
}

TEST_F(join_handle_test, stop_of_the_joiner_ends_the_wait_and_leaves_the_task_and_the_handle) {
    test::latch go;
    join_handle<int> handle = executor_.spawn(give_when, std::ref(go), 6);
    test::latch begun;
    join_handle<> joiner = executor_.spawn([&]() -> task<> {
        begun.count_down();
        const bool cancelled = co_await test::throws<operation_cancelled>(join(handle));
        EXPECT_TRUE(cancelled);
    });
    begun.wait();
    joiner.request_stop();
    executor_.block_on(join(joiner));
    EXPECT_TRUE(static_cast<bool>(handle));
    EXPECT_FALSE(handle.done());
    go.count_down();
    EXPECT_EQ(executor_.block_on(join(handle)), 6);
}

TEST_F(join_handle_test, joiner_that_was_stopped_before_still_gets_a_result_that_is_there) {
    join_handle<int> handle = executor_.spawn(give, 7);
    executor_.block_on(until_done(handle));
    test::latch go;
    join_handle<int> joiner = executor_.spawn([&]() -> task<int> {
        co_await go.wait_in_task();
        co_return co_await handle;
    });
    joiner.request_stop();
    go.count_down();
    EXPECT_EQ(executor_.block_on(join(joiner)), 7);
}

TEST_F(join_handle_test, joiner_that_was_stopped_before_does_not_wait) {
    test::latch go;
    test::latch stopped;
    join_handle<int> handle = executor_.spawn(give_when, std::ref(go), 8);
    join_handle<> joiner = executor_.spawn([&]() -> task<> {
        co_await stopped.wait_in_task();
        for (int i = 0; i < 3; ++i) {
            const bool cancelled = co_await test::throws<operation_cancelled>(join(handle));
            EXPECT_TRUE(cancelled);
        }
    });
    joiner.request_stop();
    stopped.count_down();
    executor_.block_on(join(joiner));
    go.count_down();
    EXPECT_EQ(executor_.block_on(join(handle)), 8);
}

TEST_F(join_handle_test, spawned_task_does_not_inherit_the_stop_of_its_spawner) {
    test::latch stopped;
    join_handle<bool> outer = executor_.spawn([&]() -> task<bool> {
        co_await stopped.wait_in_task();
        join_handle<bool> inner =
            spawn([]() -> task<bool> { co_return (co_await brigade::get_stop_token()).stop_requested(); });
        co_await until_done(inner);
        co_return co_await inner;
    });
    outer.request_stop();
    stopped.count_down();
    EXPECT_FALSE(executor_.block_on(join(outer)));
}

TEST_F(join_handle_test, can_be_awaited_on_another_executor) {
    executor other({.workers = 1});
    test::latch go;
    join_handle<int> handle = executor_.spawn(give_when, std::ref(go), 9);
    join_handle<bool> joiner = other.spawn([&]() -> task<bool> {
        go.count_down();
        const int given = co_await handle;
        EXPECT_EQ(given, 9);
        co_return &executor::current() == &other;
    });
    EXPECT_TRUE(other.block_on(join(joiner)));
}

TEST_F(join_handle_test, throws_logic_error_when_two_tasks_await_it) {
    executor one({.workers = 1});
    one.block_on([]() -> task<> {
        test::latch go;
        join_handle<int> handle = spawn(give_when, std::ref(go), 10);
        join_handle<int> first = spawn(join<int>, std::ref(handle));
        for (int i = 0; i < 3; ++i) {
            co_await brigade::yield();  // now the first one waits
        }
        const std::string message = co_await test::message_of<std::logic_error>(join(handle));
        EXPECT_EQ(message, "brigade: two tasks await one join_handle");
        go.count_down();
        const int given = co_await first;
        EXPECT_EQ(given, 10);
    });
}

TEST_F(join_handle_test, can_be_assigned_while_a_task_awaits_what_it_held) {
    executor one({.workers = 1});
    one.block_on([]() -> task<> {
        test::latch go;
        join_handle<int> handle = spawn(give_when, std::ref(go), 11);
        join_handle<int> joiner = spawn(join<int>, std::ref(handle));
        for (int i = 0; i < 3; ++i) {
            co_await brigade::yield();  // now it waits
        }
        handle = spawn(give, 12);
        go.count_down();
        const int first = co_await joiner;
        EXPECT_EQ(first, 11);
        const int second = co_await handle;
        EXPECT_EQ(second, 12);
    });
}

TEST_F(join_handle_test, throws_logic_error_when_a_task_that_waited_before_the_move_has_the_result) {
    executor one({.workers = 1});
    one.block_on([]() -> task<> {
        test::latch go;
        join_handle<int> handle = spawn(give_when, std::ref(go), 13);
        join_handle<int> joiner = spawn(join<int>, std::ref(handle));
        for (int i = 0; i < 3; ++i) {
            co_await brigade::yield();  // now it waits
        }
        join_handle<int> moved = std::move(handle);
        go.count_down();
        const int given = co_await joiner;
        EXPECT_EQ(given, 13);
        const std::string message = co_await test::message_of<std::logic_error>(join(moved));
        EXPECT_EQ(message, "brigade: the result of this task has been taken already");
    });
}

TEST_F(join_handle_test, request_stop_races_the_end_of_the_task) {
    for (int i = 0; i < 3000; ++i) {
        join_handle<int> handle = executor_.spawn(give, i);
        for (int spin = 0; spin < i % 64; ++spin) {
            std::atomic_signal_fence(std::memory_order_seq_cst);
        }
        handle.request_stop();
        if (i % 2 == 0) {
            EXPECT_EQ(executor_.block_on(join(handle)), i);  // a task that waits for nothing notices no stop
        }
    }
}

// One claim for each wait: the joiner gets the value or the cancellation, never both, never neither.
TEST_F(join_handle_test, stop_of_the_joiner_races_the_end_of_the_task) {
    constexpr int rounds = 3000;
    int given = 0;
    int cancelled = 0;
    for (int i = 0; i < rounds; ++i) {
        test::latch go;
        join_handle<int> handle = executor_.spawn(give_when, std::ref(go), 1);
        join_handle<int> joiner = executor_.spawn(join<int>, std::ref(handle));
        go.count_down();
        for (int spin = 0; spin < i % 64; ++spin) {
            std::atomic_signal_fence(std::memory_order_seq_cst);
        }
        joiner.request_stop();
        try {
            given += executor_.block_on(join(joiner));
            EXPECT_FALSE(static_cast<bool>(handle));
        } catch (const operation_cancelled&) {
            ++cancelled;
            EXPECT_EQ(executor_.block_on(join(handle)), 1);
        }
    }
    EXPECT_EQ(given + cancelled, rounds);
}

}  // namespace
