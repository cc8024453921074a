// Everything at once, counted exactly: parking and waking, stealing, injection, joining, stopping, ending. Small enough
// to be repeated a thousand times under ThreadSanitizer; it is the repetition that finds something.
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

namespace {

using brigade::executor;
using brigade::join_handle;
using brigade::operation_cancelled;
using brigade::task;

task<> count(std::atomic<int>& n) {
    ++n;
    co_return;
}

task<> yield_and_count(std::atomic<int>& n, int yields) {
    for (int i = 0; i < yields; ++i) {
        co_await brigade::yield();
    }
    ++n;
}

void wait_for(const std::atomic<int>& n, int expected) {
    while (n < expected) {
        std::this_thread::yield();
    }
}

// Seeds differ from run to run; a failure is one of interleaving, which a seed would not bring back.
class dice {
public:
    int operator()(int sides) { return std::uniform_int_distribution<int>(0, sides - 1)(random_); }

private:
    std::minstd_rand random_{std::random_device{}()};
};

// Workers run dry between the bursts, park, and are woken by whoever comes first.
TEST(stress, bursts_from_outside_with_pauses_between_them) {
    constexpr int producers = 8;
    constexpr int bursts = 25;
    std::atomic<int> ran = 0;
    std::atomic<int> spawned = 0;
    {
        executor e({.workers = 4});
        std::vector<std::jthread> threads;
        for (int p = 0; p < producers; ++p) {
            threads.emplace_back([&] {
                dice roll;
                for (int b = 0; b < bursts; ++b) {
                    std::atomic<int> mine = 0;
                    const int size = 1 + roll(32);
                    for (int i = 0; i < size; ++i) {
                        e.spawn([&]() -> task<> {
                             ++ran;
                             ++mine;
                             co_return;
                         }).detach();
                    }
                    spawned += size;
                    wait_for(mine, size);
                }
            });
        }
    }
    EXPECT_EQ(ran, spawned);
}

// One task at a time: each of them finds all workers parked, or on their way into it.
TEST(stress, single_tasks_from_outside) {
    for (const unsigned workers : {1U, 2U, 4U}) {
        executor e({.workers = workers});
        std::atomic<int> ran = 0;
        for (int i = 1; i <= 500; ++i) {
            e.spawn(count, std::ref(ran)).detach();
            wait_for(ran, i);
        }
        EXPECT_EQ(ran, 500);
    }
}

TEST(stress, threads_that_block_on_tasks) {
    executor e({.workers = 3});
    std::atomic<int> ran = 0;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&] {
                for (int i = 0; i < 150; ++i) {
                    e.block_on(yield_and_count, std::ref(ran), i % 3);
                }
            });
        }
    }
    EXPECT_EQ(ran, 600);
}

task<> spawn_tree(std::atomic<int>& n, int depth) {
    ++n;
    if (depth > 0) {
        brigade::spawn(spawn_tree, std::ref(n), depth - 1).detach();
        co_await brigade::yield();
        join_handle<> joined = brigade::spawn(spawn_tree, std::ref(n), depth - 1);
        co_await joined;
    }
}

TEST(stress, tasks_that_spawn_and_yield_and_join) {
    std::atomic<int> ran = 0;
    {
        executor e({.workers = 4});
        for (int i = 0; i < 4; ++i) {
            e.spawn(spawn_tree, std::ref(ran), 8).detach();
        }
    }
    EXPECT_EQ(ran, 4 * 511);
}

task<int> fork_tree(int depth) {
    if (depth == 0) {
        co_await brigade::yield();  // joins from the queue of woken tasks, too
        co_return 1;
    }
    const std::tuple<int, int> both = co_await brigade::when_all(fork_tree(depth - 1), fork_tree(depth - 1));
    co_return std::get<0>(both) + std::get<1>(both);
}

TEST(stress, forks_and_joins_beside_injected_tasks) {
    std::atomic<int> ran = 0;
    executor e({.workers = 4});
    join_handle<int> tree = e.spawn(fork_tree, 10);
    for (int i = 0; i < 300; ++i) {
        e.spawn(yield_and_count, std::ref(ran), 2).detach();
    }
    EXPECT_EQ(e.block_on([&]() -> task<int> { co_return co_await tree; }), 1024);
    wait_for(ran, 300);
}

TEST(stress, blocking_jobs_beside_tasks) {
    std::atomic<int> ran = 0;
    {
        executor e({.workers = 2, .blocking_threads = 3});
        for (int i = 0; i < 100; ++i) {
            e.spawn([&]() -> task<> {
                 auto job = brigade::spawn_blocking([&] { ++ran; });
                 co_await job;
                 ++ran;
             }).detach();
        }
        wait_for(ran, 200);
    }
    EXPECT_EQ(ran, 200);
}

// Executors that end as soon as strangers have spawned on them, while tasks sleep, yield and wait for each other.
TEST(stress, executors_that_begin_and_end_under_load) {
    for (int i = 0; i < 40; ++i) {
        std::atomic<int> begun = 0;
        std::atomic<int> ended = 0;
        {
            executor e({.workers = 1 + static_cast<unsigned>(i) % 4});
            const auto live = [&](int kind) -> task<> {
                ++begun;
                try {
                    if (kind == 0) {
                        co_await brigade::sleep_for(std::chrono::hours(24));
                    } else if (kind == 1) {
                        join_handle<> other =
                            brigade::spawn([]() -> task<> { co_await brigade::sleep_for(std::chrono::hours(24)); });
                        co_await other;
                    } else {
                        co_await brigade::yield();
                    }
                } catch (const operation_cancelled&) {
                    // As the end of the executor wants it.
                }
                ++ended;
            };
            std::vector<std::jthread> threads;
            for (int t = 0; t < 2; ++t) {
                threads.emplace_back([&, t] {
                    for (int k = 0; k < 9; ++k) {
                        e.spawn(live, (t + k) % 3).detach();
                    }
                });
            }
        }
        EXPECT_EQ(begun, 18);
        EXPECT_EQ(ended, 18);
    }
}

// The worker of one executor posts the last task of another and may still be inside when that one ends.
TEST(stress, executors_that_end_when_a_task_from_elsewhere_has_left) {
    executor home({.workers = 2});
    for (int i = 0; i < 100; ++i) {
        auto brief = std::make_unique<executor>(brigade::executor_options{.workers = 1});
        home.block_on([&]() -> task<> {
            for (int trip = 0; trip < 3; ++trip) {
                co_await brigade::resume_on(*brief);
                co_await brigade::resume_on(home);
            }
        });
        // Nothing of home's is on its way to it any more.
        join_handle<> last = brief->spawn([&]() -> task<> { co_await brigade::resume_on(home); });
        brief.reset();
        home.block_on([&]() -> task<> { co_await last; });
    }
}

// Every wait ends once: by its event, or by the stop that races it.
TEST(stress, stops_that_race_what_they_stop) {
    executor e({.workers = 3});
    std::atomic<int> ended = 0;
    dice roll;
    for (int i = 0; i < 300; ++i) {
        join_handle<> sleeper = e.spawn([&, microseconds = roll(60)]() -> task<> {
            try {
                co_await brigade::sleep_for(std::chrono::microseconds(microseconds));
            } catch (const operation_cancelled&) {
                // Stopped in time.
            }
            ++ended;
        });
        if (i % 2 == 0) {
            sleeper.request_stop();
        }
        join_handle<> joiner = e.spawn([&]() -> task<> {
            try {
                co_await sleeper;
            } catch (const operation_cancelled&) {
                // The sleeper goes on.
            }
            ++ended;
        });
        if (i % 3 == 0) {
            joiner.request_stop();
        }
        e.block_on([&]() -> task<> { co_await joiner; });
        if (sleeper) {
            e.block_on([&]() -> task<> { co_await sleeper; });
        }
    }
    EXPECT_EQ(ended, 600);
}

}  // namespace
