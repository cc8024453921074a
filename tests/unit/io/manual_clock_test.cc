#include <brigade/manual_clock.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/throws.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::manual_clock;
using brigade::sleep_for;
using brigade::sleep_until;
using brigade::task;

class manual_clock_test : public testing::TestWithParam<unsigned> {
protected:
    manual_clock clock;
    brigade::executor executor{{.workers = GetParam(), .clock = &clock}};
};
INSTANTIATE_TEST_SUITE_P(workers, manual_clock_test, testing::Values(1U, 3U));

TEST_P(manual_clock_test, stands_still_until_it_is_told) {
    const auto begin = clock.now();
    bool woken = false;
    auto sleeper = executor.spawn([&woken]() -> task<> {
        co_await sleep_for(1ns);
        woken = true;
    });
    clock.advance(0s);
    EXPECT_FALSE(woken);
    EXPECT_EQ(clock.now(), begin);
    clock.advance(1ns);
    EXPECT_TRUE(woken);
    EXPECT_EQ(clock.now(), begin + 1ns);
    executor.block_on(sleeper);
}

TEST_P(manual_clock_test, wakes_nobody_a_nanosecond_early) {
    int woken = 0;
    std::vector<brigade::join_handle<>> sleepers;
    for (const auto time : std::vector<std::chrono::nanoseconds>{1ms, 1ms + 1ns, 3s, 24h, 24h * 400}) {
        sleepers.push_back(executor.spawn([&woken, time]() -> task<> {
            const auto begin = brigade::now();
            co_await sleep_for(time);
            EXPECT_EQ(brigade::now(), begin + time);
            ++woken;
        }));
    }
    clock.advance(1ms - 1ns);
    EXPECT_EQ(woken, 0);
    clock.advance(1ns);
    EXPECT_EQ(woken, 1);
    clock.advance(1ns);
    EXPECT_EQ(woken, 2);
    clock.advance(3s);
    EXPECT_EQ(woken, 3);
    clock.advance(24h * 400);
    EXPECT_EQ(woken, 5);
}

TEST_P(manual_clock_test, wakes_in_the_order_of_the_deadlines) {
    std::vector<int> woken;
    std::vector<brigade::join_handle<>> sleepers;
    for (int i = 0; i < 1000; ++i) {
        const int place = i * 7919 % 1000;
        sleepers.push_back(executor.spawn([&woken, place]() -> task<> {
            co_await sleep_for(1us + place * 10us);
            woken.push_back(place);
        }));
    }
    clock.advance(1s);
    ASSERT_EQ(woken.size(), 1000U);
    for (int i = 0; i < 1000; ++i) {
        EXPECT_EQ(woken[static_cast<std::size_t>(i)], i);
    }
}

TEST_P(manual_clock_test, reaches_what_a_woken_task_sets) {
    int rounds = 0;
    auto sleeper = executor.spawn([&rounds]() -> task<> {
        for (;;) {
            co_await sleep_for(1s);
            ++rounds;
        }
    });
    clock.advance(10s);
    EXPECT_EQ(rounds, 10);
    clock.advance(500ms);
    EXPECT_EQ(rounds, 10);
    clock.advance(500ms);
    EXPECT_EQ(rounds, 11);
    sleeper.request_stop();
    sleeper.detach();
}

TEST_P(manual_clock_test, waits_for_chains_of_tasks_to_come_to_rest) {
    brigade::auto_reset_event ping;
    brigade::auto_reset_event pong;
    int rallies = 0;
    auto first = executor.spawn([&]() -> task<> {
        co_await sleep_for(1s);
        for (int i = 0; i < 500; ++i) {
            ping.set();
            co_await pong;
        }
    });
    auto second = executor.spawn([&]() -> task<> {
        for (int i = 0; i < 500; ++i) {
            co_await ping;
            ++rallies;
            pong.set();
        }
        co_await sleep_for(1s);
    });
    clock.advance(1s);
    EXPECT_EQ(rallies, 500);
    EXPECT_TRUE(first.done());
    EXPECT_FALSE(second.done());
    clock.advance(1s);
    EXPECT_TRUE(second.done());
}

TEST_P(manual_clock_test, is_followed_by_intervals_and_time_outs) {
    int ticks = 0;
    auto ticking = executor.spawn([&ticks]() -> task<> {
        brigade::interval every(2s);
        for (;;) {
            const auto planned = co_await every.tick();
            EXPECT_EQ(planned, brigade::now());
            ++ticks;
        }
    });
    auto limited = executor.spawn([]() -> task<bool> {
        const auto outcome = co_await brigade::with_timeout(5s, sleep_for(24h));
        co_return outcome.has_value();
    });
    clock.advance(4s);
    EXPECT_EQ(ticks, 2);
    EXPECT_FALSE(limited.done());
    clock.advance(1s);
    EXPECT_TRUE(limited.done());
    EXPECT_FALSE(executor.block_on(std::move(limited)));
    ticking.request_stop();
    ticking.detach();
}

TEST_P(manual_clock_test, a_deadline_in_its_past_is_reached_by_no_advance_at_all) {
    bool woken = false;
    auto sleeper = executor.spawn([&]() -> task<> {
        co_await sleep_until(clock.now() - 1h);
        co_await sleep_for(0s);
        woken = true;
    });
    clock.advance(0s);
    EXPECT_TRUE(woken);
}

TEST_P(manual_clock_test, does_not_keep_a_stop_from_a_sleeper) {
    auto sleeper = executor.spawn(
        []() -> task<bool> { co_return co_await test::throws<brigade::operation_cancelled>(sleep_for(1h)); });
    clock.advance(1s);
    sleeper.request_stop();
    EXPECT_TRUE(executor.block_on(std::move(sleeper)));
}

TEST_P(manual_clock_test, does_not_keep_the_executor_from_ending) {
    auto sleeper = executor.spawn([]() -> task<> { co_await sleep_for(1h); });
    clock.advance(1s);
    executor.shutdown(24h);
    EXPECT_TRUE(sleeper.done());
    clock.advance(2h);  // moves nobody
}

TEST_P(manual_clock_test, refuses_what_it_would_wait_for_itself) {
    executor.block_on([this]() -> task<> {
        EXPECT_EQ(test::message_of_call<std::logic_error>([this] { clock.advance(1s); }),
                  "brigade: manual_clock::advance() on a thread of an executor with this clock, for whose tasks it "
                  "would wait");
        co_return;
    });
    EXPECT_EQ(test::message_of_call<std::invalid_argument>([this] { clock.advance(-1ns); }),
              "brigade: manual_clock::advance() by a negative duration");
    EXPECT_EQ(test::message_of_call<std::invalid_argument>([this] { clock.advance(manual_clock::duration::max()); }),
              "brigade: manual_clock::advance() beyond the last moment that the clock can tell");
}

TEST(manual_clocks, one_is_shared_by_executors_that_wake_each_other) {
    manual_clock clock;
    brigade::executor left({.workers = 1, .clock = &clock});
    brigade::executor right({.workers = 2, .clock = &clock});
    int crossings = 0;
    auto traveller = left.spawn([&]() -> task<> {
        for (int i = 0; i < 100; ++i) {
            co_await brigade::resume_on(right);
            co_await sleep_for(1s);
            ++crossings;
            co_await brigade::resume_on(left);
            co_await sleep_for(1s);
            ++crossings;
        }
    });
    for (int i = 1; i <= 200; ++i) {
        clock.advance(1s);
        ASSERT_EQ(crossings, i);
    }
    EXPECT_TRUE(traveller.done());
}

TEST(manual_clocks, others_go_by_the_real_time) {
    manual_clock clock;
    brigade::executor timed({.workers = 1, .clock = &clock});
    brigade::executor real({.workers = 1});
    real.block_on([]() -> task<> {
        const auto begin = std::chrono::steady_clock::now();
        EXPECT_GE(brigade::now(), begin);
        co_await sleep_for(1ms);
        EXPECT_GE(brigade::now(), begin + 1ms);
    });
    EXPECT_GE(brigade::now() + 1ns, std::chrono::steady_clock::now() - 1h);
    timed.block_on([&clock]() -> task<> {
        EXPECT_EQ(brigade::now(), clock.now());
        co_return;
    });
}

TEST(manual_clocks, several_threads_advance_one_after_another) {
    manual_clock clock;
    const auto begin = clock.now();
    brigade::executor timed({.workers = 2, .clock = &clock});
    brigade::executor movers({.workers = 4});
    int ticks = 0;
    auto ticking = timed.spawn([&ticks]() -> task<> {
        for (;;) {
            co_await sleep_for(1s);
            ++ticks;
        }
    });
    movers.block_on([&clock]() -> task<> {
        const auto move = [](manual_clock& c) -> task<> {
            for (int i = 0; i < 50; ++i) {
                c.advance(1s);
            }
            co_return;
        };
        co_await brigade::when_all(move(clock), move(clock), move(clock));
    });
    EXPECT_EQ(clock.now(), begin + 150s);
    EXPECT_EQ(ticks, 150);
    ticking.request_stop();
    ticking.detach();
}

}  // namespace
