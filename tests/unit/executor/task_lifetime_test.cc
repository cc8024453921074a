// How long the parameters, locals and results of a task live: each is destroyed once, and no later than promised.
#include <brigade/task.hpp>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <utility>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/counted.hpp"
#include "tests/support/throws.hpp"

namespace {

using brigade::task;
using test::counted;
using test::tally;

task<> keep(counted parameter) {
    const counted local = parameter;
    co_return;
}

task<> keep_and_suspend(counted parameter) {
    const counted local = parameter;
    co_await brigade::yield();
}

task<> keep_and_throw(counted parameter) {
    const counted local = parameter;
    co_await brigade::yield();
    throw std::runtime_error("after a suspension");
}

task<counted> pass_on(counted parameter) {
    co_await brigade::yield();
    co_return parameter;
}

class task_lifetime : public testing::Test {
protected:
    void expect_none_left() const {
        EXPECT_GT(tally_.made, 0);
        EXPECT_EQ(tally_.made, tally_.destroyed);
    }

    brigade::executor executor_{{.workers = 2}};
    tally tally_;
};

TEST_F(task_lifetime, parameters_go_when_the_task_is_dropped) {
    {
        const task<> dropped = keep(counted(tally_));
    }
    expect_none_left();
}

TEST_F(task_lifetime, parameters_go_when_the_task_is_assigned_over) {
    task<> t = keep(counted(tally_));
    t = task<>();
    expect_none_left();
}

TEST_F(task_lifetime, parameters_and_locals_are_gone_at_the_end_of_the_await) {
    executor_.block_on([this]() -> task<> {
        co_await keep(counted(tally_));
        expect_none_left();
        co_await keep_and_suspend(counted(tally_));
        expect_none_left();
        task<> named = keep_and_suspend(counted(tally_));
        co_await std::move(named);
        expect_none_left();
    });
}

TEST_F(task_lifetime, parameters_and_locals_are_gone_after_an_exception) {
    executor_.block_on([this]() -> task<> {
        const bool threw = co_await test::throws<std::runtime_error>(keep_and_throw(counted(tally_)));
        EXPECT_TRUE(threw);
        expect_none_left();
    });
}

TEST_F(task_lifetime, a_result_is_destroyed_once) {
    executor_.block_on([this]() -> task<> {
        {
            const counted result = co_await pass_on(counted(tally_));
            EXPECT_EQ(tally_.alive(), 1);
        }
        expect_none_left();
    });
    {
        const counted result = executor_.block_on(pass_on(counted(tally_)));
    }
    expect_none_left();
}

TEST_F(task_lifetime, a_result_that_nobody_takes_is_destroyed) {
    executor_.block_on([this]() -> task<> {
        static_cast<void>(co_await pass_on(counted(tally_)));
        expect_none_left();
    });
    {
        brigade::executor other({.workers = 1});
        other.spawn(pass_on(counted(tally_))).detach();
    }
    expect_none_left();
}

TEST_F(task_lifetime, frames_of_when_all_are_destroyed_once) {
    executor_.block_on([this]() -> task<> {
        static_cast<void>(co_await brigade::when_all(keep_and_suspend(counted(tally_)), pass_on(counted(tally_))));
        expect_none_left();
        const bool threw = co_await test::throws<std::runtime_error>(
            brigade::when_all(keep_and_suspend(counted(tally_)), keep_and_throw(counted(tally_))));
        EXPECT_TRUE(threw);
        expect_none_left();
    });
}

TEST_F(task_lifetime, frames_of_a_refused_when_all_are_destroyed) {
    executor_.block_on([this]() -> task<> {
        const bool threw = co_await test::throws<std::logic_error>(brigade::when_all(keep(counted(tally_)), task<>()));
        EXPECT_TRUE(threw);
        expect_none_left();
    });
}

TEST_F(task_lifetime, spawned_callable_and_arguments_are_destroyed_once) {
    {
        brigade::executor other({.workers = 1});
        other.block_on(
            [captured = counted(tally_)](counted argument) -> task<> {
                const counted local = captured;
                co_await brigade::yield();
                const counted another = argument;
            },
            counted(tally_));
    }
    expect_none_left();
}

TEST_F(task_lifetime, spawned_callable_and_arguments_live_until_the_task_ends) {
    executor_.block_on(
        [this, captured = counted(tally_)](counted argument) -> task<> {
            for (int i = 0; i < 100; ++i) {
                co_await brigade::yield();
                EXPECT_GE(tally_.alive(), 2);
            }
            static_cast<void>(argument);
        },
        counted(tally_));
}

// The worker is still on its way out of the task when the joiner goes on; nothing of the user's may be left to it.
TEST_F(task_lifetime, callable_arguments_and_result_are_gone_after_the_join) {
    for (int i = 0; i < 2000; ++i) {
        tally mine;
        {
            const counted result = executor_.block_on(
                [captured = counted(mine)](const counted& argument) -> task<counted> { co_return argument; },
                counted(mine));
            EXPECT_EQ(mine.alive(), 1);
        }
        EXPECT_EQ(mine.alive(), 0);
    }
    executor_.block_on([]() -> task<> {
        for (int i = 0; i < 2000; ++i) {
            tally mine;
            brigade::join_handle<counted> handle = brigade::spawn(
                [captured = counted(mine)](const counted& argument) -> task<counted> { co_return argument; },
                counted(mine));
            {
                const counted result = co_await handle;
                EXPECT_EQ(mine.alive(), 1);
            }
            EXPECT_EQ(mine.alive(), 0);
        }
    });
}

TEST_F(task_lifetime, a_spawned_callable_is_aligned_as_it_asks) {
    struct alignas(128) strict {
        [[nodiscard]] bool is_aligned() const { return reinterpret_cast<std::uintptr_t>(this) % alignof(strict) == 0; }
    };
    for (int i = 0; i < 10; ++i) {
        executor_.block_on(
            [captured = strict()](const strict& argument) -> task<> {
                co_await brigade::yield();
                EXPECT_TRUE(captured.is_aligned() && argument.is_aligned());
            },
            strict());
    }
}

// What the frame of the task holds: its parameters, and what awaits in it.
TEST_F(task_lifetime, parameters_of_a_spawned_task_are_gone_after_the_join) {
    executor_.block_on([this]() -> task<> {
        for (int i = 0; i < 2000; ++i) {
            co_await brigade::spawn(keep_and_suspend(counted(tally_)));
            expect_none_left();
        }
    });
}

TEST_F(task_lifetime, callable_and_arguments_are_gone_after_a_join_that_throws) {
    for (int i = 0; i < 200; ++i) {
        tally mine;
        const auto fail = [captured = counted(mine)](const counted& /*argument*/) -> task<> {
            throw std::runtime_error("late");
            co_return;
        };
        EXPECT_THROW(executor_.block_on(fail, counted(mine)), std::runtime_error);
        EXPECT_EQ(mine.alive(), 1);  // the one in `fail`
    }
}

TEST_F(task_lifetime, blocking_callable_and_arguments_are_gone_after_the_join) {
    for (int i = 0; i < 1000; ++i) {
        tally mine;
        executor_.block_on([&]() -> task<> {
            auto handle =
                brigade::spawn_blocking([captured = counted(mine)](const counted& /*argument*/) {}, counted(mine));
            co_await handle;
            EXPECT_EQ(mine.alive(), 0);
        });
    }
}

TEST_F(task_lifetime, a_handle_does_not_keep_callable_and_arguments) {
    brigade::join_handle<int> handle;
    {
        brigade::executor other({.workers = 1});
        handle = other.spawn([captured = counted(tally_)](counted /*argument*/) -> task<int> { co_return 1; },
                             counted(tally_));
    }
    expect_none_left();
    EXPECT_TRUE(handle.done());
}

TEST_F(task_lifetime, blocking_callable_and_arguments_are_destroyed_once) {
    {
        brigade::executor other({.workers = 1});
        auto handle =
            other.spawn_blocking([captured = counted(tally_)](counted argument) { return argument; }, counted(tally_));
        other.block_on([&]() -> task<> { static_cast<void>(co_await handle); });
    }
    expect_none_left();
}

TEST_F(task_lifetime, a_handle_keeps_the_result_until_it_goes) {
    std::optional<brigade::join_handle<counted>> handle;
    {
        brigade::executor other({.workers = 1});
        handle.emplace(other.spawn(pass_on(counted(tally_))));
    }
    EXPECT_GE(tally_.alive(), 1);
    handle.reset();
    expect_none_left();
}

task<int> zero() {
    co_return 0;
}

TEST(task, move_assignment_leaves_the_source_empty) {
    task<int> target = zero();
    task<int> source = zero();
    target = std::move(source);
    EXPECT_TRUE(target);
    EXPECT_FALSE(source);  // NOLINT(bugprone-use-after-move): that is the question
}

}  // namespace
