#include <brigade/schedule_on.hpp>

#include <chrono>
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
using brigade::resume_on;
using brigade::schedule_on;
using brigade::task;

task<executor*> where_am_i() {
    co_return &executor::current();
}

task<int> fail(std::string what) {
    co_await brigade::yield();
    throw std::runtime_error(what);
}

class schedule_on_test : public testing::Test {
protected:
    executor home_{{.workers = 2, .name = "home"}};
    executor other_{{.workers = 2, .name = "other"}};
};

TEST_F(schedule_on_test, resume_on_moves_the_task_and_leaves_it_there) {
    home_.block_on([this]() -> task<> {
        EXPECT_EQ(&executor::current(), &home_);
        co_await resume_on(other_);
        EXPECT_EQ(&executor::current(), &other_);
        co_await brigade::yield();
        EXPECT_EQ(&executor::current(), &other_);
        executor* const inner = co_await where_am_i();
        EXPECT_EQ(inner, &other_);
        co_await resume_on(home_);
        EXPECT_EQ(&executor::current(), &home_);
    });
}

TEST_F(schedule_on_test, resume_on_may_leave_the_task_there_at_its_end) {
    const auto end_elsewhere = [this]() -> task<int> {
        co_await resume_on(other_);
        co_return 1;
    };
    EXPECT_EQ(home_.block_on(end_elsewhere), 1);
    home_.block_on([&]() -> task<> {
        const int given = co_await end_elsewhere();
        EXPECT_EQ(given, 1);
        EXPECT_EQ(&executor::current(), &other_);  // the awaiting task goes on where the awaited one ended
    });
}

TEST_F(schedule_on_test, resume_on_the_same_executor_does_nothing) {
    executor one({.workers = 1});
    one.block_on([&]() -> task<> {
        bool ran = false;
        join_handle<> ready = brigade::spawn([&]() -> task<> {
            ran = true;
            co_return;
        });
        co_await resume_on(one);
        EXPECT_FALSE(ran);
        co_await ready;
    });
}

TEST_F(schedule_on_test, gives_the_value_and_comes_back) {
    home_.block_on([this]() -> task<> {
        executor* const there = co_await schedule_on(other_, where_am_i());
        EXPECT_EQ(there, &other_);
        EXPECT_EQ(&executor::current(), &home_);
    });
}

TEST_F(schedule_on_test, gives_results_of_every_kind) {
    home_.block_on([this]() -> task<> {
        int number = 0;
        co_await schedule_on(other_, [](int& n) -> task<> {
            n = 1;
            co_return;
        }(number));
        EXPECT_EQ(number, 1);
        int& same = co_await schedule_on(other_, [](int& n) -> task<int&> { co_return n; }(number));
        EXPECT_EQ(&same, &number);
        const std::unique_ptr<int> owned =
            co_await schedule_on(other_, []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(2); }());
        EXPECT_EQ(*owned, 2);
        EXPECT_EQ(&executor::current(), &home_);
    });
}

TEST_F(schedule_on_test, gives_the_exception_and_comes_back) {
    home_.block_on([this]() -> task<> {
        const std::string message = co_await test::message_of<std::runtime_error>(schedule_on(other_, fail("there")));
        EXPECT_EQ(message, "there");
        EXPECT_EQ(&executor::current(), &home_);
    });
}

TEST_F(schedule_on_test, comes_back_although_the_task_went_on_elsewhere) {
    executor third({.workers = 1});
    home_.block_on([&]() -> task<> {
        executor* const last = co_await schedule_on(other_, [](executor& further) -> task<executor*> {
            co_await resume_on(further);
            co_return &executor::current();
        }(third));
        EXPECT_EQ(last, &third);
        EXPECT_EQ(&executor::current(), &home_);
    });
}

TEST_F(schedule_on_test, may_be_nested) {
    home_.block_on([this]() -> task<> {
        executor* const innermost = co_await schedule_on(other_, schedule_on(home_, where_am_i()));
        EXPECT_EQ(innermost, &home_);
        EXPECT_EQ(&executor::current(), &home_);
    });
}

TEST_F(schedule_on_test, sleeps_and_spawns_where_it_is) {
    home_.block_on([this]() -> task<> {
        co_await schedule_on(other_, [](executor& there) -> task<> {
            co_await brigade::sleep_for(std::chrono::microseconds(1));
            EXPECT_EQ(&executor::current(), &there);
            executor* const spawned = co_await brigade::spawn(where_am_i);
            EXPECT_EQ(spawned, &there);
        }(other_));
    });
}

TEST_F(schedule_on_test, keeps_the_stop_of_the_task) {
    test::latch there;
    join_handle<> handle = home_.spawn([&]() -> task<> {
        const bool cancelled =
            co_await test::throws<brigade::operation_cancelled>(schedule_on(other_, [](test::latch& arrived) -> task<> {
                arrived.count_down();
                co_await brigade::sleep_for(std::chrono::hours(24));
            }(there)));
        EXPECT_TRUE(cancelled);
        EXPECT_EQ(&executor::current(), &home_);
    });
    there.wait();
    handle.request_stop();
    home_.block_on([&]() -> task<> { co_await handle; });
}

TEST_F(schedule_on_test, many_tasks_go_to_and_fro) {
    home_.block_on([this]() -> task<> {
        const auto travel = [](executor& a, executor& b) -> task<int> {
            int trips = 0;
            for (; trips < 100; ++trips) {
                co_await resume_on(b);
                co_await resume_on(a);
            }
            co_return trips;
        };
        std::vector<task<int>> tasks;
        for (int i = 0; i < 20; ++i) {
            tasks.push_back(i % 2 == 0 ? travel(home_, other_) : travel(other_, home_));
        }
        const std::vector<int> trips = co_await brigade::when_all(std::move(tasks));
        EXPECT_EQ(trips, std::vector<int>(20, 100));
        co_await resume_on(home_);  // its last child may have ended on the other one
    });
}

}  // namespace
