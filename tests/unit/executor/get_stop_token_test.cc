// Who inherits a stop, and who does not.
#include <brigade/get_stop_token.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/latch.hpp"
#include "tests/support/throws.hpp"

namespace {

using brigade::executor;
using brigade::get_stop_token;
using brigade::join_handle;
using brigade::task;
using namespace std::chrono_literals;

task<bool> am_i_stopped() {
    co_return (co_await get_stop_token()).stop_requested();
}

// What the body says once its root has been asked to stop.
template <class Body>
bool when_stopped(executor& e, Body body) {
    test::latch stopped;
    join_handle<bool> handle = e.spawn([&]() -> task<bool> {
        co_await stopped.wait_in_task();
        co_return co_await body();
    });
    handle.request_stop();
    stopped.count_down();
    return e.block_on([&]() -> task<bool> { co_return co_await handle; });
}

class get_stop_token_test : public testing::Test {
protected:
    executor executor_{{.workers = 2}};
};

TEST_F(get_stop_token_test, says_no_where_nobody_asked) {
    EXPECT_FALSE(executor_.block_on(am_i_stopped()));
    executor_.block_on([]() -> task<> {
        const brigade::stop_token token = co_await get_stop_token();
        EXPECT_TRUE(token.stop_possible());
    });
}

TEST_F(get_stop_token_test, is_inherited_by_an_awaited_task) {
    EXPECT_TRUE(when_stopped(executor_, [] { return am_i_stopped(); }));
    EXPECT_TRUE(when_stopped(executor_, []() -> task<bool> {
        const auto middle = []() -> task<bool> { co_return co_await am_i_stopped(); };
        co_return co_await middle();
    }));
}

TEST_F(get_stop_token_test, is_inherited_by_the_children_of_when_all) {
    EXPECT_TRUE(when_stopped(executor_, []() -> task<bool> {
        const std::tuple<bool, bool> both = co_await brigade::when_all(am_i_stopped(), am_i_stopped());
        std::vector<task<bool>> more;
        more.push_back(am_i_stopped());
        more.push_back(am_i_stopped());
        const std::vector<bool> all = co_await brigade::when_all(std::move(more));
        co_return std::get<0>(both) && std::get<1>(both) && all[0] && all[1];
    }));
}

TEST_F(get_stop_token_test, is_inherited_through_with_timeout) {
    EXPECT_TRUE(when_stopped(executor_, []() -> task<bool> {
        const auto outcome = co_await brigade::with_timeout(24h, am_i_stopped());
        co_return outcome.value();
    }));
}

TEST_F(get_stop_token_test, is_inherited_on_another_executor) {
    executor other({.workers = 1});
    EXPECT_TRUE(when_stopped(executor_,
                             [&]() -> task<bool> { co_return co_await brigade::schedule_on(other, am_i_stopped()); }));
}

TEST_F(get_stop_token_test, is_not_inherited_by_a_spawned_task) {
    EXPECT_FALSE(when_stopped(executor_, []() -> task<bool> {
        join_handle<bool> handle = brigade::spawn(am_i_stopped);
        while (!handle.done()) {
            co_await brigade::yield();
        }
        // A join of a stopped task gives what is there already.
        co_return co_await handle;
    }));
}

TEST_F(get_stop_token_test, ends_a_loop_that_computes) {
    test::latch started;
    std::atomic<long> turns = 0;
    join_handle<> handle = executor_.spawn([&]() -> task<> {
        const brigade::stop_token token = co_await get_stop_token();
        started.count_down();
        while (!token.stop_requested()) {
            ++turns;
        }
    });
    started.wait();
    handle.request_stop();
    executor_.block_on([&]() -> task<> { co_await handle; });
}

TEST_F(get_stop_token_test, serves_callbacks_in_a_task) {
    test::latch started;
    test::latch called;
    join_handle<> handle = executor_.spawn([&]() -> task<> {
        const brigade::stop_callback callback(co_await get_stop_token(), [&] { called.count_down(); });
        started.count_down();
        co_await called.wait_in_task();
    });
    started.wait();
    handle.request_stop();
    EXPECT_TRUE(called.reached());  // the callback runs in request_stop()
    executor_.block_on([&]() -> task<> { co_await handle; });
}

TEST_F(get_stop_token_test, reaches_a_whole_tree_of_waiting_children) {
    std::atomic<int> cancelled = 0;
    test::latch started(64);
    const std::function<task<>(int)> tree = [&](int depth) -> task<> {
        if (depth == 0) {
            started.count_down();
            try {
                co_await brigade::sleep_for(24h);
            } catch (const brigade::operation_cancelled&) {
                ++cancelled;
            }
            co_return;
        }
        co_await brigade::when_all(tree(depth - 1), tree(depth - 1));
    };
    join_handle<> handle = executor_.spawn(std::ref(tree), 6);
    started.wait();
    handle.request_stop();
    executor_.block_on([&]() -> task<> { co_await handle; });
    EXPECT_EQ(cancelled, 64);
}

}  // namespace
