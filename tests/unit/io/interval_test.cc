#include <brigade/interval.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/throws.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::interval;
using brigade::missed_ticks;
using brigade::sleep_for;
using brigade::task;

class interval_test : public testing::Test {
protected:
    // Seconds since the beginning, by the manual clock.
    [[nodiscard]] std::chrono::seconds since(std::chrono::steady_clock::time_point t) const {
        return std::chrono::duration_cast<std::chrono::seconds>(t - begin);
    }
    // The moments at which the ticks of a 10 s interval come, and those for which they were planned, when the task
    // takes so long after each.
    std::vector<std::pair<std::chrono::seconds, std::chrono::seconds>> ticks_of(
        missed_ticks policy, std::vector<std::chrono::seconds> busy) {
        std::vector<std::pair<std::chrono::seconds, std::chrono::seconds>> seen;
        auto ticking = executor.spawn([&]() -> task<> {
            interval ticks(10s, policy);
            for (const auto time : busy) {
                const auto planned = co_await ticks.tick();
                seen.emplace_back(since(brigade::now()), since(planned));
                if (time > 0s) {
                    co_await sleep_for(time);
                }
            }
        });
        clock.advance(1h);
        EXPECT_TRUE(ticking.done());
        return seen;
    }
    using list = std::vector<std::pair<std::chrono::seconds, std::chrono::seconds>>;

    brigade::manual_clock clock;
    const std::chrono::steady_clock::time_point begin = clock.now();
    brigade::executor executor{{.workers = 1, .clock = &clock}};
};

TEST_F(interval_test, keeps_to_its_schedule_however_late_each_tick_is_taken) {
    for (const auto policy : {missed_ticks::burst, missed_ticks::delay, missed_ticks::skip}) {
        const auto start = since(clock.now());
        const list seen = ticks_of(policy, {9s, 0s, 3s, 9s, 0s});
        ASSERT_EQ(seen.size(), 5U);
        for (int i = 0; i < 5; ++i) {
            const auto moment = start + (i + 1) * 10s;
            EXPECT_EQ(seen[static_cast<std::size_t>(i)], std::make_pair(moment, moment));
        }
    }
}

// The second and third tick are due when the task comes back from the first.
TEST_F(interval_test, burst_makes_up_for_missed_ticks) {
    EXPECT_EQ(ticks_of(missed_ticks::burst, {25s, 0s, 0s, 0s, 0s}),
              (list{{10s, 10s}, {35s, 20s}, {35s, 30s}, {40s, 40s}, {50s, 50s}}));
}

TEST_F(interval_test, delay_goes_on_from_the_late_tick) {
    EXPECT_EQ(ticks_of(missed_ticks::delay, {25s, 0s, 0s, 0s}), (list{{10s, 10s}, {35s, 20s}, {45s, 45s}, {55s, 55s}}));
}

TEST_F(interval_test, skip_goes_on_by_the_old_schedule) {
    EXPECT_EQ(ticks_of(missed_ticks::skip, {25s, 0s, 0s, 0s}), (list{{10s, 10s}, {35s, 20s}, {40s, 40s}, {50s, 50s}}));
}

TEST_F(interval_test, skip_leaves_out_a_tick_that_is_due_at_this_moment_and_was_missed) {
    EXPECT_EQ(ticks_of(missed_ticks::skip, {20s, 0s, 0s}), (list{{10s, 10s}, {30s, 20s}, {40s, 40s}}));
}

TEST_F(interval_test, begins_when_it_is_told) {
    auto ticking = executor.spawn([this]() -> task<> {
        interval ticks(begin + 3s, 10s);
        EXPECT_EQ(ticks.next(), begin + 3s);
        EXPECT_EQ(ticks.period(), 10s);
        const auto first = co_await ticks.tick();
        EXPECT_EQ(first, begin + 3s);
        const auto second = co_await ticks.tick();
        EXPECT_EQ(second, begin + 13s);
        co_await sleep_for(4s);
        ticks.reset();
        const auto third = co_await ticks.tick();
        EXPECT_EQ(third, begin + 27s);
    });
    clock.advance(1min);
    EXPECT_TRUE(ticking.done());
}

TEST_F(interval_test, loses_no_tick_to_a_time_out) {
    auto ticking = executor.spawn([this]() -> task<> {
        interval ticks(10s);
        const auto none = co_await brigade::with_timeout(4s, ticks.tick());
        EXPECT_FALSE(none.has_value());
        const auto first = co_await brigade::with_timeout(7s, ticks.tick());
        EXPECT_EQ(first.value(), begin + 10s);
    });
    clock.advance(1min);
    EXPECT_TRUE(ticking.done());
}

TEST_F(interval_test, throws_when_the_task_is_stopped) {
    auto ticking = executor.spawn([]() -> task<bool> {
        interval ticks(1h);
        co_return co_await test::throws<brigade::operation_cancelled>(ticks.tick());
    });
    clock.advance(1s);
    ticking.request_stop();
    EXPECT_TRUE(executor.block_on(std::move(ticking)));
}

TEST(interval_period, must_be_positive) {
    for (const auto period : {0ns, -1ns}) {
        EXPECT_EQ(test::message_of_call<std::invalid_argument>([period] { return interval(period); }),
                  "brigade: the period of an interval must be positive");
    }
    EXPECT_EQ(interval(std::chrono::duration<double, std::nano>(0.5)).period(), 1ns);
}

TEST(interval_in_real_time, never_ticks_early) {
    brigade::executor executor({.workers = 1});
    executor.block_on([]() -> task<> {
        interval ticks(100us);
        auto before = ticks.next() - ticks.period();
        for (int i = 0; i < 50; ++i) {
            const auto planned = co_await ticks.tick();
            EXPECT_GE(std::chrono::steady_clock::now(), planned);
            EXPECT_EQ(planned, before + 100us);
            before = planned;
        }
    });
}

}  // namespace
