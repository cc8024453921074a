// Where the exceptions go that nobody can receive.
#include <brigade/executor.hpp>

#include <exception>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/latch.hpp"

namespace {

using brigade::executor;
using brigade::join_handle;
using brigade::task;

// Notes what the handler gets. Any thread.
class notes {
public:
    [[nodiscard]] std::function<void(std::exception_ptr)> handler() {
        return [this](const std::exception_ptr& error) {
            const std::lock_guard lock(mutex_);
            texts_.push_back(text_of(error));
        };
    }
    [[nodiscard]] std::vector<std::string> texts() const {
        const std::lock_guard lock(mutex_);
        return texts_;
    }

private:
    static std::string text_of(const std::exception_ptr& error) {
        try {
            std::rethrow_exception(error);
        } catch (const std::exception& e) {
            return e.what();
        } catch (...) {
            return "something else";
        }
    }

    mutable std::mutex mutex_;
    std::vector<std::string> texts_;
};

using texts = std::vector<std::string>;

task<> fail(const char* what) {
    throw std::runtime_error(what);
    co_return;
}

task<> fail_when(test::latch& go, const char* what) {
    co_await go.wait_in_task();
    throw std::runtime_error(what);
}

class unhandled_exception : public testing::Test {
protected:
    [[nodiscard]] brigade::executor_options options() {
        return {.workers = 1, .unhandled_exception = notes_.handler()};
    }

    notes notes_;
};

TEST_F(unhandled_exception, of_a_detached_task_goes_to_the_handler) {
    {
        executor e(options());
        e.spawn(fail, "detached").detach();
    }
    EXPECT_EQ(notes_.texts(), texts{"detached"});
}

TEST_F(unhandled_exception, goes_to_the_handler_when_the_handle_is_dropped_before_the_end) {
    test::latch go;
    {
        executor e(options());
        {
            const join_handle<> dropped = e.spawn(fail_when, std::ref(go), "dropped early");
        }
        EXPECT_EQ(notes_.texts(), texts{});
        go.count_down();
    }
    EXPECT_EQ(notes_.texts(), texts{"dropped early"});
}

TEST_F(unhandled_exception, goes_to_the_handler_when_the_handle_is_dropped_after_the_end) {
    executor e(options());
    {
        const join_handle<> dropped = e.spawn(fail, "dropped late");
        e.block_on([&]() -> task<> {
            while (!dropped.done()) {
                co_await brigade::yield();
            }
            EXPECT_EQ(notes_.texts(), texts{});
        });
    }
    // The worker may drop the state last, on its way out.
    e.block_on([&]() -> task<> {
        while (notes_.texts().empty()) {
            co_await brigade::yield();
        }
    });
    EXPECT_EQ(notes_.texts(), texts{"dropped late"});
}

TEST_F(unhandled_exception, goes_to_the_handler_when_the_handle_outlives_the_executor) {
    join_handle<> handle;
    {
        executor e(options());
        handle = e.spawn(fail, "outlived");
    }
    EXPECT_EQ(notes_.texts(), texts{});
    handle.detach();
    EXPECT_EQ(notes_.texts(), texts{"outlived"});
}

TEST_F(unhandled_exception, of_a_blocking_job_goes_to_the_handler) {
    {
        executor e(options());
        e.spawn_blocking([] { throw std::runtime_error("blocking"); }).detach();
    }
    EXPECT_EQ(notes_.texts(), texts{"blocking"});
}

TEST_F(unhandled_exception, of_any_type_goes_to_the_handler) {
    {
        executor e(options());
        e.spawn([]() -> task<> {
             throw 42;
             co_return;
         }).detach();
    }
    EXPECT_EQ(notes_.texts(), texts{"something else"});
}

TEST_F(unhandled_exception, each_goes_to_the_handler) {
    {
        executor e(options());
        for (int i = 0; i < 100; ++i) {
            e.spawn(fail, "one of many").detach();
        }
    }
    EXPECT_EQ(notes_.texts(), texts(100, "one of many"));
}

TEST_F(unhandled_exception, that_somebody_received_does_not_go_to_the_handler) {
    {
        executor e(options());
        EXPECT_THROW(e.block_on(fail, "received"), std::runtime_error);
        e.block_on([]() -> task<> {
            join_handle<> handle = brigade::spawn(fail, "received, too");
            try {
                co_await handle;
            } catch (const std::runtime_error&) {
                co_return;
            }
            ADD_FAILURE() << "no exception";
        });
    }
    EXPECT_EQ(notes_.texts(), texts{});
}

TEST_F(unhandled_exception, is_not_the_cancellation_of_a_task_that_was_asked_to_stop) {
    {
        executor e(options());
        join_handle<> handle = e.spawn([]() -> task<> { co_await brigade::sleep_for(std::chrono::hours(1)); });
        handle.request_stop();
        handle.detach();
        // The destructor stops this one.
        e.spawn([]() -> task<> { co_await brigade::sleep_for(std::chrono::hours(1)); }).detach();
    }
    EXPECT_EQ(notes_.texts(), texts{});
}

TEST_F(unhandled_exception, is_the_cancellation_of_a_task_that_nobody_asked_to_stop) {
    {
        test::latch ended;
        executor e(options());
        e.spawn([&]() -> task<> {
             ended.count_down();
             throw brigade::operation_cancelled();
             co_return;
         }).detach();
        e.block_on([&]() -> task<> {
            co_await ended.wait_in_task();
            while (notes_.texts().empty()) {
                co_await brigade::yield();
            }
        });
    }
    EXPECT_EQ(notes_.texts(), texts{brigade::operation_cancelled().what()});
}

TEST_F(unhandled_exception, is_another_error_of_a_task_that_was_asked_to_stop) {
    {
        executor e(options());
        e.spawn([]() -> task<> {
             try {
                 co_await brigade::sleep_for(std::chrono::hours(1));
             } catch (const brigade::operation_cancelled&) {
                 throw std::runtime_error("while cleaning up");
             }
         }).detach();
    }
    EXPECT_EQ(notes_.texts(), texts{"while cleaning up"});
}

class unhandled_exception_DeathTest : public testing::Test {
protected:
    void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(unhandled_exception_DeathTest, terminates_with_its_text_by_default) {
    EXPECT_DEATH(
        {
            executor e({.workers = 1});
            e.spawn(fail, "the reason").detach();
        },
        "brigade: unhandled exception in a task: the reason");
}

TEST_F(unhandled_exception_DeathTest, terminates_with_a_text_when_it_is_no_std_exception) {
    EXPECT_DEATH(
        {
            executor e({.workers = 1});
            e.spawn([]() -> task<> {
                 throw 42;
                 co_return;
             }).detach();
        },
        "brigade: unhandled exception in a task, of a type not derived from std::exception");
}

TEST_F(unhandled_exception_DeathTest, terminates_when_it_comes_out_of_the_handler) {
    EXPECT_DEATH(
        {
            executor e({.workers = 1,
                        .unhandled_exception = [](const std::exception_ptr& error) { std::rethrow_exception(error); }});
            e.spawn(fail, "rethrown").detach();
        },
        "rethrown");
}

}  // namespace
