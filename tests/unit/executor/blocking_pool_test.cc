// A white-box test: the threads behind spawn_blocking, by themselves.
#include "executor/blocking_pool.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <latch>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/executor.hpp>

#include "tests/support/latch.hpp"
#include "tests/support/this_process.hpp"

namespace {

using brigade::detail::blocking_pool;

class job final : public brigade::detail::blocking_job_base {
public:
    explicit job(std::function<void()> body) : body_(std::move(body)) {}
    void run() noexcept override { body_(); }
    void give_up() noexcept override {}

private:
    std::function<void()> body_;
};

class blocking_pool_test : public testing::Test {
protected:
    job& make(std::function<void()> body) { return jobs_.emplace_back(std::move(body)); }

    brigade::executor owner_{{.workers = 1}};

private:
    std::deque<job> jobs_;
};

TEST_F(blocking_pool_test, runs_a_job_on_a_named_thread_of_the_owner) {
    std::string name;
    brigade::executor* current = nullptr;
    {
        blocking_pool pool(owner_, 1, "pool");
        pool.submit(make([&] {
            name = test::this_thread_name();
            current = brigade::executor::try_current();
        }));
    }
    EXPECT_EQ(name, "pool-b0");
    EXPECT_EQ(current, &owner_);
}

TEST_F(blocking_pool_test, ends_without_jobs) {
    const blocking_pool pool(owner_, 4, "pool");
    EXPECT_TRUE(test::threads_named("pool-b").empty());
}

TEST_F(blocking_pool_test, runs_what_is_queued_before_it_ends) {
    std::atomic<int> ran = 0;
    {
        blocking_pool pool(owner_, 2, "pool");
        for (int i = 0; i < 100; ++i) {
            pool.submit(make([&] { ++ran; }));
        }
    }
    EXPECT_EQ(ran, 100);
    EXPECT_TRUE(test::threads_named("pool-b").empty());
}

// POOL1: a job that is submitted while others block gets a thread at once, as long as there may be one more.
TEST_F(blocking_pool_test, gives_each_job_a_thread_while_it_may) {
    blocking_pool pool(owner_, 8, "pool");
    for (int round = 0; round < 50; ++round) {
        std::latch all(8);
        test::latch ended(8);
        for (int i = 0; i < 8; ++i) {
            pool.submit(make([&] {
                all.arrive_and_wait();
                ended.count_down();
            }));
        }
        ended.wait();
    }
    EXPECT_EQ(test::threads_named("pool-b").size(), 8U);
}

TEST_F(blocking_pool_test, uses_an_idle_thread_again) {
    blocking_pool pool(owner_, 100, "pool");
    // With one job at a time there may be a thread that has just ended its job and one that takes the next.
    for (int i = 0; i < 200; ++i) {
        test::latch ended;
        pool.submit(make([&] { ended.count_down(); }));
        ended.wait();
        while (!std::ranges::all_of(test::threads_named("pool-b"),
                                    [](const test::thread_status& t) { return t.state == 'S'; })) {
            std::this_thread::yield();
        }
    }
    EXPECT_EQ(test::threads_named("pool-b").size(), 1U);
}

TEST_F(blocking_pool_test, takes_jobs_from_jobs_and_from_many_threads) {
    std::atomic<int> ran = 0;
    {
        blocking_pool pool(owner_, 3, "pool");
        test::latch ended(4 * 100);
        std::vector<std::jthread> threads;
        std::deque<job> inner;
        for (int i = 0; i < 400; ++i) {
            inner.emplace_back([&] {
                ++ran;
                ended.count_down();
            });
        }
        std::deque<job> outer;
        for (int t = 0; t < 4; ++t) {
            for (int i = 0; i < 100; ++i) {
                outer.emplace_back([&, n = static_cast<std::size_t>(100 * t + i)] { pool.submit(inner[n]); });
            }
        }
        for (std::size_t t = 0; t < 4; ++t) {
            threads.emplace_back([&, t] {
                for (std::size_t i = 0; i < 100; ++i) {
                    pool.submit(outer[100 * t + i]);
                }
            });
        }
        ended.wait();
        threads.clear();
    }
    EXPECT_EQ(ran, 400);
}

}  // namespace
