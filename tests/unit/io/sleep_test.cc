#include <brigade/sleep.hpp>

#include <algorithm>
#include <chrono>
#include <random>
#include <ratio>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/latch.hpp"
#include "tests/support/tcp_pair.hpp"
#include "tests/support/throws.hpp"
#include "tests/unit/io/on_workers.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::operation_cancelled;
using brigade::sleep_for;
using brigade::sleep_until;
using brigade::task;
using test::let_others_run;
using test::now;
using test::on_workers;
using time_point = std::chrono::steady_clock::time_point;

template <class Duration>
task<> sleeps_at_least(Duration d) {
    const time_point start = now();
    co_await sleep_for(d);
    EXPECT_GE(now() - start, d);
}

task<> sleep_as_task(std::chrono::nanoseconds d) {
    co_await sleep_for(d);
}

task<bool> is_cancelled(std::chrono::nanoseconds d) {
    return test::throws<operation_cancelled>(sleep_as_task(d));
}

TEST(sleep, never_wakes_early) {
    on_workers(2, []() -> task<> {
        std::mt19937 random(1);
        std::uniform_int_distribution<std::int64_t> nanoseconds(0, 20'000'000);
        std::vector<task<>> sleepers;
        for (int i = 0; i < 5000; ++i) {
            sleepers.push_back(sleeps_at_least(std::chrono::nanoseconds(nanoseconds(random))));
        }
        co_await brigade::when_all(std::move(sleepers));
    });
}

TEST(sleep, rounds_fractions_of_a_tick_up) {
    on_workers(1, []() -> task<> {
        co_await sleeps_at_least(std::chrono::duration<double, std::nano>(0.25));
        co_await sleeps_at_least(std::chrono::duration<double, std::milli>(1.0 / 3));
        co_await sleeps_at_least(std::chrono::duration<int, std::ratio<1, 3000>>(1));
        co_await sleeps_at_least(std::chrono::duration<long long, std::pico>(1'000'001));
    });
}

TEST(sleep, wakes_after_a_deadline_that_has_passed) {
    on_workers(1, []() -> task<> {
        co_await sleep_for(0s);
        co_await sleep_for(-1ns);
        co_await sleep_for(-24h);
        co_await sleep_for(std::chrono::nanoseconds::min());
        co_await sleep_for(std::chrono::hours::min());
        co_await sleep_for(std::chrono::duration<double>(-1e300));
        co_await sleep_until(time_point());
        co_await sleep_until(now());
    });
}

// The reactor's thread computes how long to wait from the deadline; the difference must not overflow.
TEST(sleep, wakes_after_the_earliest_deadline_there_is) {
    on_workers(2, []() -> task<> {
        for (int i = 0; i < 2000; ++i) {
            co_await sleep_until(time_point::min());
        }
    });
}

TEST(sleep, lets_others_run_even_when_the_deadline_has_passed) {
    on_workers(1, []() -> task<> {
        bool ran = false;
        auto other = brigade::spawn([&ran]() -> task<> {
            ran = true;
            co_return;
        });
        co_await sleep_for(0s);
        EXPECT_TRUE(ran);
        co_await other;
    });
}

TEST(sleep, for_ever_ends_with_a_stop_only) {
    on_workers(1, []() -> task<> {
        auto hours = brigade::spawn([]() -> task<> { co_await sleep_for(std::chrono::hours::max()); });
        auto seconds = brigade::spawn([]() -> task<> { co_await sleep_for(std::chrono::duration<double>(1e300)); });
        auto nanoseconds = brigade::spawn([]() -> task<> { co_await sleep_for(std::chrono::nanoseconds::max()); });
        auto until = brigade::spawn([]() -> task<> { co_await sleep_until(time_point::max()); });
        co_await sleeps_at_least(1ms);
        for (auto* const sleeper : {&hours, &seconds, &nanoseconds, &until}) {
            EXPECT_FALSE(sleeper->done());
            sleeper->request_stop();
            auto await = [sleeper]() -> task<> { co_await *sleeper; };
            const bool cancelled = co_await test::throws<operation_cancelled>(await());
            EXPECT_TRUE(cancelled);
        }
    });
}

TEST(sleep, an_earlier_deadline_overtakes_a_later_one) {
    on_workers(1, []() -> task<> {
        auto long_one = brigade::spawn(is_cancelled(1h));
        co_await let_others_run();
        co_await sleep_for(1ms);  // the reactor's thread waits for the hour and has to be woken
        EXPECT_FALSE(long_one.done());
        long_one.request_stop();
        const bool cancelled = co_await long_one;
        EXPECT_TRUE(cancelled);
    });
}

TEST(sleep, wakes_in_the_order_of_the_deadlines) {
    on_workers(1, []() -> task<> {
        // The last timer is to be set before the first expires: if it was not, try later deadlines.
        for (std::chrono::nanoseconds lead = 5ms;; lead *= 2) {
            std::vector<int> numbers(200);
            std::ranges::generate(numbers, [n = 0]() mutable { return n++; });
            std::ranges::shuffle(numbers, std::mt19937(7));
            const time_point first = now() + lead;
            std::vector<int> woken;
            std::vector<brigade::join_handle<>> sleepers;
            for (const int n : numbers) {
                sleepers.push_back(brigade::spawn([&woken, first, n]() -> task<> {
                    co_await sleep_until(first + n * 1us);
                    woken.push_back(n);
                }));
            }
            co_await let_others_run();
            const bool all_set_in_time = now() < first;
            for (auto& sleeper : sleepers) {
                co_await sleeper;
            }
            EXPECT_EQ(woken.size(), numbers.size());
            if (all_set_in_time) {
                EXPECT_TRUE(std::ranges::is_sorted(woken));
                co_return;
            }
        }
    });
}

TEST(sleep, all_wake_that_have_the_same_deadline) {
    on_workers(2, []() -> task<> {
        const time_point deadline = now() + 1ms;
        std::vector<task<>> sleepers;
        for (int i = 0; i < 500; ++i) {
            sleepers.push_back([](time_point t) -> task<> {
                co_await sleep_until(t);
                EXPECT_GE(now(), t);
            }(deadline));
        }
        co_await brigade::when_all(std::move(sleepers));
    });
}

TEST(sleep, throws_when_the_stop_comes_before_it) {
    on_workers(1, []() -> task<> {
        auto sleeper = brigade::spawn(is_cancelled(1h));
        sleeper.request_stop();  // the only worker is here: it has not begun
        const bool cancelled = co_await sleeper;
        EXPECT_TRUE(cancelled);
    });
}

TEST(sleep, throws_when_the_stop_comes_during_it) {
    on_workers(1, []() -> task<> {
        std::vector<brigade::join_handle<bool>> sleepers;
        for (int i = 1; i <= 100; ++i) {
            sleepers.push_back(brigade::spawn(is_cancelled(i * 1h)));
        }
        co_await let_others_run();
        std::ranges::shuffle(sleepers, std::mt19937(3));
        for (auto& sleeper : sleepers) {
            sleeper.request_stop();
            const bool cancelled = co_await sleeper;
            EXPECT_TRUE(cancelled);
        }
    });
}

// A timer that expires while it is cancelled: the task goes on exactly once.
TEST(sleep, ends_once_when_stop_and_deadline_meet) {
    on_workers(3, []() -> task<> {
        std::mt19937 random(11);
        std::uniform_int_distribution<int> microseconds(0, 100);
        for (int round = 0; round < 60; ++round) {
            std::vector<brigade::join_handle<bool>> sleepers;
            for (int i = 0; i < 40; ++i) {
                sleepers.push_back(brigade::spawn(is_cancelled(std::chrono::microseconds(microseconds(random)))));
            }
            co_await sleep_for(std::chrono::microseconds(microseconds(random)));
            for (auto& sleeper : sleepers) {
                sleeper.request_stop();
            }
            for (auto& sleeper : sleepers) {
                static_cast<void>(co_await sleeper);
            }
        }
    });
}

TEST(sleep, wakes_on_the_executor_to_which_the_task_moved) {
    brigade::executor other({.workers = 1, .name = "other"});
    brigade::executor home({.workers = 1});
    home.block_on([&home, &other]() -> task<> {
        co_await brigade::resume_on(other);
        co_await sleep_for(1ms);
        EXPECT_EQ(&brigade::executor::current(), &other);
        co_await brigade::resume_on(home);
        co_await sleep_for(1ms);
        EXPECT_EQ(&brigade::executor::current(), &home);
    });
}

// Timers that are due again as soon as they have expired must leave the reactor's thread time to look at sockets.
TEST(sleep, tasks_that_sleep_for_nothing_do_not_starve_sockets) {
    on_workers(4, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        std::vector<brigade::join_handle<>> restless;
        for (int i = 0; i < 1000; ++i) {
            restless.push_back(brigade::spawn([]() -> task<> {
                for (;;) {
                    co_await sleep_for(0s);
                }
            }));
        }
        for (int i = 0; i < 10; ++i) {
            auto reader = brigade::spawn(test::read_text(ends.near, 5));
            co_await let_others_run();
            co_await test::write_text(ends.far, "hello");
            const std::string text = co_await reader;
            EXPECT_EQ(text, "hello");
        }
        for (auto& one : restless) {
            one.request_stop();
            auto await = [&one]() -> task<> { co_await one; };
            const bool cancelled = co_await test::throws<operation_cancelled>(await());
            EXPECT_TRUE(cancelled);
        }
    });
}

}  // namespace
