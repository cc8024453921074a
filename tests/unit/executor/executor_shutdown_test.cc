// The end of an executor: it stops everything, waits for everything, destroys everything once, and does not wait in
// silence.
#include <brigade/executor.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/captured_stderr.hpp"
#include "tests/support/counted.hpp"
#include "tests/support/latch.hpp"
#include "tests/support/tcp_pair.hpp"
#include "tests/support/throws.hpp"

namespace {

using brigade::executor;
using brigade::join_handle;
using brigade::operation_cancelled;
using brigade::task;
using namespace std::chrono_literals;

task<> sleep_long() {
    co_await brigade::sleep_for(24h);
}

task<> join(join_handle<>& handle) {
    co_await handle;
}

// Counts the stopped sleepers.
task<> sleep_and_count(test::latch& started, std::atomic<int>& stopped) {
    started.count_down();
    const bool cancelled = co_await test::throws<operation_cancelled>(sleep_long());
    stopped += cancelled ? 1 : 0;
}

TEST(executor_shutdown, stops_sleeping_tasks) {
    std::atomic<int> stopped = 0;
    {
        test::latch started(100);
        executor e({.workers = 2});
        for (int i = 0; i < 100; ++i) {
            e.spawn(sleep_and_count, std::ref(started), std::ref(stopped)).detach();
        }
        started.wait();
    }
    EXPECT_EQ(stopped, 100);
}

TEST(executor_shutdown, stops_joining_tasks) {
    std::atomic<bool> stopped = false;
    {
        test::latch started;
        executor e({.workers = 2});
        e.spawn([&]() -> task<> {
             // A handle of a task that notices no stop by itself, until its joiner was stopped.
             join_handle<> handle = brigade::spawn([&]() -> task<> {
                 while (!stopped) {
                     co_await brigade::yield();
                 }
             });
             started.count_down();
             try {
                 co_await handle;
             } catch (const operation_cancelled&) {
                 stopped = true;
             }
         }).detach();
        started.wait();
    }
    EXPECT_TRUE(stopped);
}

TEST(executor_shutdown, stops_accepting_and_reading_tasks) {
    std::error_code accepting;
    std::error_code reading;
    {
        test::latch started(2);
        executor e({.workers = 2});
        e.spawn([&]() -> task<> {
             auto listener = brigade::tcp_listener::bind(brigade::endpoint::loopback_v4(0)).value();
             started.count_down();
             const auto outcome = co_await listener.accept();
             accepting = test::error_of(outcome);
         }).detach();
        e.spawn([&]() -> task<> {
             test::tcp_pair pair = co_await test::connected_pair();
             std::array<std::byte, 1> byte{};
             started.count_down();
             const auto outcome = co_await pair.near.read_some(byte);
             reading = test::error_of(outcome);
         }).detach();
        started.wait();
    }
    EXPECT_EQ(accepting, std::errc::operation_canceled);
    EXPECT_EQ(reading, std::errc::operation_canceled);
}

TEST(executor_shutdown, runs_what_was_spawned_and_has_not_begun) {
    std::atomic<int> ran = 0;
    {
        executor e({.workers = 2});
        for (int i = 0; i < 1000; ++i) {
            e.spawn([&]() -> task<> {
                 co_await brigade::yield();
                 ++ran;
             }).detach();
        }
    }
    EXPECT_EQ(ran, 1000);
}

TEST(executor_shutdown, stops_what_its_tasks_spawn_meanwhile) {
    std::atomic<int> stopped = 0;
    {
        test::latch started;
        test::latch unused(2);
        executor e({.workers = 2});
        e.spawn([&]() -> task<> {
             started.count_down();
             if (co_await test::throws<operation_cancelled>(sleep_long())) {
                 brigade::spawn(sleep_and_count, std::ref(unused), std::ref(stopped)).detach();
                 join_handle<> joined = brigade::spawn(sleep_and_count, std::ref(unused), std::ref(stopped));
                 static_cast<void>(co_await test::throws<operation_cancelled>(join(joined)));
             }
         }).detach();
        started.wait();
    }
    EXPECT_EQ(stopped, 2);
}

TEST(executor_shutdown, waits_for_blocking_jobs) {
    std::atomic<int> ended = 0;
    {
        executor e({.workers = 1, .blocking_threads = 2});
        for (int i = 0; i < 20; ++i) {
            e.spawn_blocking([&] { ++ended; }).detach();
        }
    }
    EXPECT_EQ(ended, 20);
}

TEST(executor_shutdown, destroys_everything_once) {
    test::tally tally;
    {
        test::latch started(50);
        executor e({.workers = 2});
        for (int i = 0; i < 50; ++i) {
            e.spawn(
                 [captured = test::counted(tally), &started](test::counted argument) -> task<> {
                     const test::counted local = argument;
                     started.count_down();
                     co_await brigade::sleep_for(24h);
                 },
                 test::counted(tally))
                .detach();
        }
        started.wait();
    }
    EXPECT_GE(tally.made, 150);
    EXPECT_EQ(tally.alive(), 0);
}

TEST(executor_shutdown, leaves_handles_that_can_be_asked_and_dropped) {
    join_handle<int> given;
    join_handle<> cancelled;
    {
        executor e({.workers = 1});
        given = e.spawn([]() -> task<int> { co_return 1; });
        cancelled = e.spawn(sleep_long);
    }
    EXPECT_TRUE(given.done());
    EXPECT_TRUE(cancelled.done());
    given.request_stop();
    given.detach();
    EXPECT_FALSE(given.done());
}

TEST(executor_shutdown, leaves_handles_that_can_be_awaited_elsewhere) {
    join_handle<int> handle;
    {
        executor e({.workers = 1});
        handle = e.spawn([]() -> task<int> { co_return 7; });
    }
    executor other({.workers = 1});
    EXPECT_EQ(other.block_on([&]() -> task<int> { co_return co_await handle; }), 7);
}

TEST(executor_shutdown, does_not_wait_for_handles_that_hold_sockets) {
    join_handle<int> handle;
    {
        executor e({.workers = 1});
        e.block_on([&]() -> task<> {
            test::tcp_pair pair = co_await test::connected_pair();
            handle = brigade::spawn([held = std::move(pair)]() -> task<int> { co_return held.near.native_handle(); });
        });
    }
    EXPECT_TRUE(handle.done());
}

TEST(executor_shutdown, closes_intake_for_strangers_and_not_for_its_own_tasks) {
    test::latch closing;
    test::latch refused;
    std::atomic<int> inner_ran = 0;
    std::optional<executor> e(std::in_place, brigade::executor_options{.workers = 1, .name = "closing"});
    e->spawn([&]() -> task<> {
         while (!(co_await brigade::get_stop_token()).stop_requested()) {
             co_await brigade::yield();
         }
         closing.count_down();
         co_await refused.wait_in_task();
         brigade::spawn([&]() -> task<> {
             ++inner_ran;
             co_return;
         }).detach();
         brigade::spawn_blocking([&] { ++inner_ran; }).detach();
     }).detach();
    test::tally tally;
    {
        executor& stopping = *e;
        const std::jthread stranger([&] {
            closing.wait();
            constexpr const char* message = "brigade: spawn on executor 'closing', which is shutting down";
            EXPECT_EQ(test::message_of_call<std::runtime_error>([&] {
                          return stopping.spawn([](test::counted) -> task<> { co_return; }, test::counted(tally));
                      }),
                      message);
            EXPECT_EQ(test::message_of_call<std::runtime_error>(
                          [&] { return stopping.spawn_blocking([](const test::counted&) {}, test::counted(tally)); }),
                      message);
            refused.count_down();
        });
        e.reset();
    }
    EXPECT_EQ(inner_ran, 2);
    EXPECT_GE(tally.made, 2);
    EXPECT_EQ(tally.alive(), 0);
}

TEST(executor_shutdown, request_stop_stops_present_and_future_tasks_but_nothing_else) {
    std::atomic<int> stopped = 0;
    test::latch started(2);
    executor e({.workers = 2});
    join_handle<> present = e.spawn(sleep_and_count, std::ref(started), std::ref(stopped));
    e.request_stop();
    join_handle<> future = e.spawn(sleep_and_count, std::ref(started), std::ref(stopped));
    // Stopped like all others, but a task that does not wait for anything ends as ever.
    const int given = e.block_on([&]() -> task<int> {
        while (!present.done() || !future.done()) {
            co_await brigade::yield();
        }
        const bool asked = (co_await brigade::get_stop_token()).stop_requested();
        EXPECT_TRUE(asked);
        co_return 3;
    });
    EXPECT_EQ(given, 3);
    EXPECT_EQ(stopped, 2);
}

TEST(executor_shutdown, follows_construction_at_once_or_after_work_any_number_of_times) {
    for (int i = 0; i < 200; ++i) {
        executor e({.workers = 1 + static_cast<unsigned>(i) % 4});
        if (i % 2 == 0) {
            e.spawn(sleep_long).detach();
        }
        if (i % 3 == 0) {
            e.spawn_blocking([] {}).detach();
        }
    }
}

struct stubborn_callable {
    test::captured_stderr& output;
    std::string awaited;
    test::latch& started;

    // Ends when standard error holds what it waits for, and not when it is asked to stop.
    task<> operator()() const {
        started.count_down();
        while (output.text().find(awaited) == std::string::npos) {
            co_await brigade::yield();
        }
    }
};

constexpr const char* deadline_has_passed =
    "brigade: executor 'slow' is shutting down; the deadline has passed, and these have not ended:\n  #";

TEST(executor_shutdown, says_for_whom_it_waits_again_and_again) {
    std::string text;
    {
        test::captured_stderr output;
        {
            const std::string again = "brigade: executor 'slow' is shutting down and waits for what is still running";
            test::latch started;
            executor e({.workers = 1, .name = "slow", .shutdown_deadline = 10ms});
            e.spawn([&]() -> task<> {
                 started.count_down();
                 while (output.text().find(again, output.text().find(again) + 1) == std::string::npos) {
                     std::this_thread::yield();  // computes, and gives nobody a chance
                 }
                 co_return;
             }).detach();
            started.wait();
        }
        text = output.text();
    }
    EXPECT_NE(text.find(deadline_has_passed), std::string::npos) << text;
}

TEST(executor_shutdown, names_the_callables_and_counts_those_beyond_ten) {
    std::string text;
    {
        test::captured_stderr output;
        {
            test::latch started(15);
            executor e({.workers = 1, .name = "full", .shutdown_deadline = 10ms});
            for (int i = 0; i < 15; ++i) {
                e.spawn(stubborn_callable{output, "and 5 more", started}).detach();
            }
            started.wait();
        }
        text = output.text();
    }
    EXPECT_NE(text.find("stubborn_callable"), std::string::npos) << text;
    EXPECT_NE(text.find("\n  and 5 more\n"), std::string::npos) << text;
}

TEST(executor_shutdown, says_nothing_when_all_goes_well) {
    test::captured_stderr output;
    {
        test::latch started;
        // The longest time that the option can hold is as good as never.
        executor e({.workers = 1, .shutdown_deadline = std::chrono::milliseconds::max()});
        e.spawn([&]() -> task<> {
             started.count_down();
             static_cast<void>(co_await test::throws<operation_cancelled>(sleep_long()));
             // Time for a wait that ends too early to say so.
             for (int i = 0; i < 1000; ++i) {
                 co_await brigade::yield();
             }
         }).detach();
        started.wait();
    }
    EXPECT_EQ(output.text(), "");
}

class executor_shutdown_DeathTest : public testing::Test {
protected:
    void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

constexpr const char* waits_for_itself =
    "brigade: executor 'inner' is destroyed on one of its own threads, which it would wait for";

TEST_F(executor_shutdown_DeathTest, on_its_own_worker_terminates) {
    EXPECT_DEATH(
        {
            auto* const e = new executor({.workers = 2, .name = "inner"});
            e->block_on([e]() -> task<> {
                delete e;
                co_return;
            });
        },
        waits_for_itself);
}

TEST_F(executor_shutdown_DeathTest, on_its_own_blocking_thread_terminates) {
    EXPECT_DEATH(
        {
            auto* const e = new executor({.workers = 2, .name = "inner"});
            auto handle = e->spawn_blocking([e] { delete e; });
            e->block_on([&]() -> task<> { co_await handle; });
        },
        waits_for_itself);
}

TEST_F(executor_shutdown_DeathTest, before_its_sockets_terminates) {
    EXPECT_DEATH(
        {
            brigade::tcp_listener listener;
            executor e({.workers = 1});
            listener = brigade::tcp_listener::bind(e, brigade::endpoint::loopback_v4(0)).value();
        },
        "brigade: 1 sockets or other descriptors outlive the executor that they belong to");
}

// With the default handler of unhandled exceptions, which terminates.
TEST(executor_shutdown, tasks_with_several_children_that_it_stops_are_no_failures) {
    executor ex({.workers = 2});
    ex.spawn([]() -> task<> { co_await brigade::when_all(sleep_long(), sleep_long()); }).detach();
    ex.spawn([]() -> task<> {
          co_await brigade::fork(sleep_long());
          co_await brigade::fork(sleep_long());
          co_await brigade::join();
      }).detach();
}

TEST(executor_shutdown, io_on_an_executor_that_has_ended_is_refused) {
    executor ex({.workers = 1});
    ex.block_on([]() -> task<> { co_await brigade::sleep_for(0ms); });  // there is a reactor
    ex.shutdown(1s);
    const auto bind = [&] { return brigade::tcp_listener::bind(ex, brigade::endpoint::loopback_v4(0)).has_value(); };
    EXPECT_EQ(test::message_of_call<std::runtime_error>(bind), "brigade: I/O on executor 'brigade', which has ended");
}

}  // namespace
