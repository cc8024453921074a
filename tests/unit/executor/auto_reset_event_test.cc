#include <brigade/auto_reset_event.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/captured_stderr.hpp"
#include "tests/support/latch.hpp"
#include "tests/support/throws.hpp"

namespace {

using brigade::auto_reset_event;
using brigade::executor;
using brigade::join_handle;
using brigade::operation_cancelled;
using brigade::spawn;
using brigade::task;
using namespace std::chrono_literals;

task<> wait(auto_reset_event& event) {
    co_await event;
}

task<> join_all(std::vector<join_handle<>>& handles) {
    for (join_handle<>& handle : handles) {
        co_await handle;
    }
}

TEST(auto_reset_event, keeps_one_permit) {
    auto_reset_event event;
    EXPECT_FALSE(event.is_set());
    event.set();
    event.set();
    EXPECT_TRUE(event.is_set());
    EXPECT_TRUE(event.reset());
    EXPECT_FALSE(event.is_set());
    EXPECT_FALSE(event.reset());
    EXPECT_TRUE(auto_reset_event(true).is_set());
}

TEST(auto_reset_event, that_is_set_is_taken_without_suspending) {
    executor e({.workers = 1});
    e.block_on([&]() -> task<> {
        auto_reset_event event(true);
        const std::uint64_t before = e.counters().resumed;
        co_await event;
        EXPECT_EQ(e.counters().resumed, before);
        EXPECT_FALSE(event.is_set());
    });
}

TEST(auto_reset_event, that_is_always_set_lets_others_run) {
    executor e({.workers = 1});
    e.block_on([]() -> task<> {
        bool ran = false;
        join_handle<> other = spawn([&]() -> task<> {
            ran = true;
            co_return;
        });
        auto_reset_event event;
        while (!ran) {
            event.set();
            co_await event;
            EXPECT_FALSE(event.is_set());
        }
        co_await other;
    });
}

TEST(auto_reset_event, serves_first_who_came_first) {
    executor e({.workers = 1});  // so that tasks begin in the order in which they are spawned
    e.block_on([]() -> task<> {
        auto_reset_event event;
        std::vector<int> order;
        std::vector<join_handle<>> handles;
        for (int i = 0; i < 5; ++i) {
            handles.push_back(spawn([&, i]() -> task<> {
                co_await event;
                order.push_back(i);
            }));
        }
        co_await brigade::yield();
        for (int i = 0; i < 5; ++i) {
            event.set();
            EXPECT_EQ(order.size(), 0U) << "set() resumes nobody itself";
        }
        co_await join_all(handles);
        EXPECT_EQ(order, (std::vector{0, 1, 2, 3, 4}));
        EXPECT_FALSE(event.is_set());
    });
}

task<> answer(auto_reset_event& own, auto_reset_event& others, unsigned times) {
    for (unsigned i = 0; i < times; ++i) {
        co_await own;
        others.set();
    }
}

task<> ask(auto_reset_event& own, auto_reset_event& others, unsigned times, executor& home) {
    for (unsigned i = 0; i < times; ++i) {
        others.set();
        co_await own;
        EXPECT_EQ(executor::try_current(), &home) << "a task goes on where it waited";
    }
}

class auto_reset_event_on_workers : public testing::TestWithParam<unsigned> {
protected:
    executor executor_{{.workers = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(workers, auto_reset_event_on_workers, testing::Values(1U, 2U, 4U));

TEST_P(auto_reset_event_on_workers, loses_no_wake_up_between_two_tasks) {
    constexpr unsigned times = 100'000;
    auto_reset_event there;
    auto_reset_event back;
    auto other = executor_.spawn(answer, std::ref(there), std::ref(back), times);
    executor_.block_on(ask, std::ref(back), std::ref(there), times, std::ref(executor_));
    executor_.block_on([&]() -> task<> { co_await other; });
    EXPECT_FALSE(there.is_set());
    EXPECT_FALSE(back.is_set());
}

TEST_P(auto_reset_event_on_workers, is_a_lock_for_many_tasks) {
    constexpr int tasks = 200;
    constexpr int times = 20;
    executor_.block_on([]() -> task<> {
        auto_reset_event unlocked(true);
        int count = 0;  // ThreadSanitizer reports it when two tasks are inside at once
        std::vector<join_handle<>> handles;
        for (int i = 0; i < tasks; ++i) {
            handles.push_back(spawn([&]() -> task<> {
                for (int k = 0; k < times; ++k) {
                    co_await unlocked;
                    const int before = count;
                    if (k % 4 == 0) {
                        co_await brigade::yield();
                    }
                    count = before + 1;
                    unlocked.set();
                }
            }));
        }
        co_await join_all(handles);
        EXPECT_EQ(count, tasks * times);
        EXPECT_TRUE(unlocked.is_set());
    });
}

TEST_P(auto_reset_event_on_workers, may_be_destroyed_by_the_task_that_goes_on) {
    executor_.block_on([]() -> task<> {
        for (int i = 0; i < 2'000; ++i) {
            auto event = std::make_unique<auto_reset_event>();
            spawn([&e = *event]() -> task<> {
                e.set();
                co_return;
            }).detach();
            co_await *event;
        }
    });
}

TEST_P(auto_reset_event_on_workers, hears_of_a_thread_outside) {
    constexpr int times = 2'000;
    auto_reset_event there;
    auto_reset_event back;
    int payload = 0;
    std::thread outside([&] {
        for (int i = 0; i < times; ++i) {
            while (!back.reset()) {
                std::this_thread::yield();
            }
            ++payload;
            there.set();
        }
    });
    executor_.block_on([&]() -> task<> {
        for (int i = 0; i < times; ++i) {
            back.set();
            co_await there;
            EXPECT_EQ(payload, i + 1);
        }
    });
    outside.join();
}

TEST_P(auto_reset_event_on_workers, gives_each_permit_to_a_task_or_keeps_it_when_stops_and_sets_meet) {
    for (int i = 0; i < 200; ++i) {
        auto_reset_event event;
        std::atomic<int> permitted = 0;
        std::array<join_handle<>, 4> waits;
        for (join_handle<>& w : waits) {
            w = executor_.spawn([&]() -> task<> {
                co_await event;
                ++permitted;
            });
        }
        std::thread setter([&] { event.set(); });
        waits[0].request_stop();
        waits[2].request_stop();
        setter.join();
        while (permitted + static_cast<int>(event.is_set()) == 0) {
            std::this_thread::yield();  // the permit is on its way to a task
        }
        for (join_handle<>& w : waits) {
            w.request_stop();
        }
        while (!(waits[0].done() && waits[1].done() && waits[2].done() && waits[3].done())) {
            std::this_thread::yield();
        }
        EXPECT_EQ(permitted + static_cast<int>(event.is_set()), 1);
    }
}

TEST(auto_reset_event, wakes_tasks_of_other_executors_where_they_wait) {
    constexpr unsigned times = 5'000;
    executor one({.workers = 1});
    executor two({.workers = 2});
    auto_reset_event there;
    auto_reset_event back;
    auto other = two.spawn(answer, std::ref(there), std::ref(back), times);
    one.block_on(ask, std::ref(back), std::ref(there), times, std::ref(one));
    one.block_on([&]() -> task<> { co_await other; });
}

TEST(auto_reset_event, ends_the_wait_of_a_task_that_is_stopped_and_keeps_the_others) {
    executor e({.workers = 1});
    e.block_on([]() -> task<> {
        auto_reset_event event;
        std::array<join_handle<>, 3> waits;
        for (join_handle<>& w : waits) {
            w = spawn(wait, std::ref(event));
        }
        co_await brigade::yield();
        waits[1].request_stop();
        const bool cancelled =
            co_await test::throws<operation_cancelled>([](join_handle<>& w) -> task<> { co_await w; }(waits[1]));
        EXPECT_TRUE(cancelled);
        event.set();
        co_await waits[0];
        EXPECT_FALSE(waits[2].done());
        event.set();
        co_await waits[2];
    });
}

TEST(auto_reset_event, gives_no_permit_to_a_task_that_was_stopped_before) {
    executor e({.workers = 1});
    auto_reset_event event(true);
    e.block_on([&]() -> task<> {
        join_handle<bool> late = spawn(
            [](auto_reset_event& ev) -> task<bool> { co_return co_await test::throws<operation_cancelled>(wait(ev)); },
            std::ref(event));
        late.request_stop();
        const bool cancelled = co_await late;
        EXPECT_TRUE(cancelled);
    });
    EXPECT_TRUE(event.is_set());
}

TEST(auto_reset_event, can_be_waited_for_with_a_limit) {
    executor e({.workers = 1});
    e.block_on([]() -> task<> {
        auto_reset_event event;
        const auto late = co_await brigade::with_timeout(1ms, wait(event));
        EXPECT_FALSE(late.has_value());
        event.set();
        const auto in_time = co_await brigade::with_timeout(24h, wait(event));
        EXPECT_TRUE(in_time.has_value());
        EXPECT_FALSE(event.is_set());
    });
}

TEST(auto_reset_event, keeps_the_permit_that_comes_while_an_executor_ends) {
    for (int i = 0; i < 100; ++i) {
        auto_reset_event event;
        std::atomic<int> permitted = 0;
        std::thread setter;
        {
            executor e({.workers = 2});
            e.spawn([&]() -> task<> {
                 co_await event;
                 ++permitted;
             }).detach();
            setter = std::thread([&] { event.set(); });
        }
        setter.join();
        EXPECT_EQ(permitted + static_cast<int>(event.is_set()), 1);
    }
}

TEST(auto_reset_event, gets_back_the_permit_of_a_task_that_is_destroyed_before_it_goes_on) {
    auto_reset_event event;
    executor other({.workers = 1});
    std::atomic<bool> went_on = false;
    {
        test::captured_stderr output;
        executor e({.workers = 1, .shutdown_deadline = 10ms});
        test::latch busy;
        e.spawn([&]() -> task<> {
             co_await event;
             went_on = true;
         }).detach();
        e.spawn([&]() -> task<> {
             busy.count_down();  // the other one waits for the event
             while (output.text().find("waits for what is still running") == std::string::npos) {
                 std::this_thread::yield();
             }
             co_return;
         }).detach();
        busy.wait();
        event.set();  // the task stands in the queue, behind one that ends past the deadline
        EXPECT_FALSE(event.is_set());
    }
    EXPECT_FALSE(went_on);
    other.block_on(wait, std::ref(event));
}

}  // namespace
