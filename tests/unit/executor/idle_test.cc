// A white-box test: who sleeps, who searches and whom to wake, by itself.
#include "executor/idle.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using brigade::detail::idle;
using brigade::detail::parker;

TEST(idle, wakes_nobody_while_all_are_awake) {
    idle workers(4);
    EXPECT_EQ(workers.pick(), std::nullopt);
    EXPECT_EQ(workers.pick_any(), std::nullopt);
}

TEST(idle, wakes_who_has_slept_least) {
    idle workers(4);
    workers.sleep(2, false);
    workers.sleep(0, false);
    EXPECT_EQ(workers.pick(), 0U);
    EXPECT_TRUE(workers.stop_searching());
    EXPECT_EQ(workers.pick(), 2U);
    EXPECT_TRUE(workers.stop_searching());
    EXPECT_EQ(workers.pick(), std::nullopt);
}

TEST(idle, wakes_nobody_while_somebody_searches) {
    idle workers(4);
    workers.sleep(0, false);
    EXPECT_TRUE(workers.start_searching());
    EXPECT_EQ(workers.pick(), std::nullopt);
    EXPECT_TRUE(workers.stop_searching());
    EXPECT_EQ(workers.pick(), 0U);
}

TEST(idle, counts_who_was_woken_as_searching) {
    idle workers(4);
    workers.sleep(0, false);
    workers.sleep(1, false);
    EXPECT_EQ(workers.pick(), 1U);
    EXPECT_EQ(workers.pick(), std::nullopt);
    workers.sleep(1, true);  // found nothing
    EXPECT_EQ(workers.pick(), 1U);
}

TEST(idle, lets_at_most_half_of_the_workers_search) {
    for (const unsigned count : {1U, 2U, 3U, 4U, 9U}) {
        idle workers(count);
        unsigned searching = 0;
        while (workers.start_searching()) {
            ++searching;
        }
        EXPECT_EQ(searching, (count + 1) / 2) << count << " workers";
        EXPECT_FALSE(workers.start_searching());
        // The last to stop says so, and only the last.
        for (; searching > 1; --searching) {
            EXPECT_FALSE(workers.stop_searching());
        }
        EXPECT_TRUE(workers.stop_searching());
    }
}

TEST(idle, lets_one_stand_by_while_others_are_awake) {
    idle workers(3);
    EXPECT_TRUE(workers.sleep(0, false));
    EXPECT_FALSE(workers.sleep(1, false));
    EXPECT_FALSE(workers.sleep(2, false));
    EXPECT_FALSE(workers.go_on_standing_by(0));  // nobody has relied on it
}

TEST(idle, lets_a_worker_rely_on_who_stands_by) {
    idle workers(3);
    EXPECT_TRUE(workers.rely_on_standby());  // all are awake: nobody need be woken
    workers.sleep(0, false);
    EXPECT_TRUE(workers.rely_on_standby());
    EXPECT_TRUE(workers.rely_on_standby());
    EXPECT_TRUE(workers.go_on_standing_by(0));
    EXPECT_FALSE(workers.go_on_standing_by(0));
    EXPECT_FALSE(workers.rely_on_standby());
    EXPECT_EQ(workers.pick(), 0U);
}

TEST(idle, gives_the_place_of_who_stood_by_to_who_sleeps_next) {
    idle workers(3);
    workers.sleep(0, false);
    EXPECT_EQ(workers.pick(), 0U);
    EXPECT_TRUE(workers.sleep_in_seat(1, false));
    EXPECT_FALSE(workers.sleep(0, true));
    EXPECT_EQ(workers.rejoin(1), idle::rejoined::running);
    EXPECT_TRUE(workers.sleep(1, false));
}

TEST(idle, wakes_anyone_for_the_end) {
    idle workers(3);
    for (unsigned w = 0; w < 3; ++w) {
        workers.sleep(w, false);
    }
    EXPECT_EQ(workers.pick_any(), 2U);
    EXPECT_EQ(workers.pick_any(), 1U);  // although the first searches now
    EXPECT_EQ(workers.pick_any(), 0U);
    EXPECT_EQ(workers.pick_any(), std::nullopt);
}

TEST(parker, keeps_a_wake_up_that_comes_before_the_wait) {
    parker p;
    p.unpark();
    p.wait();
}

TEST(parker, joins_wake_ups_that_come_before_the_wait) {
    parker p;
    p.unpark();
    p.unpark();
    p.wait();
    p.unpark();
    p.wait();
}

TEST(parker, wakes_each_time) {
    parker ping;
    parker pong;
    int turns = 0;  // no atomic: the parkers are what orders the threads
    const std::jthread other([&] {
        for (int i = 0; i < 5'000; ++i) {
            ping.wait();
            ++turns;
            pong.unpark();
        }
    });
    for (int i = 0; i < 5'000; ++i) {
        EXPECT_EQ(turns, i);
        ping.unpark();
        pong.wait();
    }
}

// Workers reduced to the protocol: each looks for work, searches, sleeps. A lost wake-up leaves work undone and the
// test without an end.
class small_pool {
public:
    explicit small_pool(unsigned workers) : idle_(workers) {
        for (unsigned w = 0; w < workers; ++w) {
            parkers_.push_back(std::make_unique<parker>());
        }
        for (unsigned w = 0; w < workers; ++w) {
            threads_.emplace_back([this, w] { run(w); });
        }
    }
    ~small_pool() {
        stopping_ = true;
        while (const std::optional<unsigned> sleeper = idle_.pick_any()) {
            parkers_[*sleeper]->unpark();
        }
    }

    void add() {
        work_.fetch_add(1, std::memory_order_relaxed);  // relaxed: the idle word is what publishes it
        wake_one();
    }
    [[nodiscard]] long done() const { return done_.load(); }

private:
    void wake_one() {
        if (const std::optional<unsigned> sleeper = idle_.pick()) {
            parkers_[*sleeper]->unpark();
        }
    }

    bool take() {
        long seen = work_.load(std::memory_order_relaxed);
        while (seen > 0) {
            if (work_.compare_exchange_weak(seen, seen - 1, std::memory_order_relaxed)) {
                return true;
            }
        }
        return false;
    }

    void run(unsigned w) {
        bool searching = false;
        for (;;) {
            bool found = take();
            if (!found && !searching) {
                searching = idle_.start_searching();
                found = searching && take();
            }
            if (found || stopping_) {
                if (std::exchange(searching, false) && idle_.stop_searching()) {
                    wake_one();
                }
                if (!found) {
                    return;
                }
                ++done_;
                continue;
            }
            idle_.sleep(w, std::exchange(searching, false));
            if (work_.load(std::memory_order_relaxed) > 0 || stopping_) {
                wake_one();
            }
            parkers_[w]->wait();
            searching = true;
        }
    }

    idle idle_;
    std::vector<std::unique_ptr<parker>> parkers_;
    std::atomic<long> work_ = 0;
    std::atomic<long> done_ = 0;
    std::atomic<bool> stopping_ = false;
    std::vector<std::jthread> threads_;
};

TEST(idle, loses_no_wake_up_when_work_comes_in_ones) {
    for (const unsigned workers : {1U, 2U, 4U}) {
        small_pool pool(workers);
        for (long i = 1; i <= 1000; ++i) {
            pool.add();
            while (pool.done() < i) {
                std::this_thread::yield();
            }
        }
    }
}

TEST(idle, loses_no_wake_up_when_work_comes_from_many_sides) {
    for (const unsigned workers : {1U, 2U, 4U}) {
        small_pool pool(workers);
        {
            std::vector<std::jthread> producers;
            for (int p = 0; p < 4; ++p) {
                producers.emplace_back([&] {
                    for (int i = 0; i < 1000; ++i) {
                        pool.add();
                        if (i % 16 == 0) {
                            std::this_thread::yield();
                        }
                    }
                });
            }
        }
        while (pool.done() < 4000) {
            std::this_thread::yield();
        }
        EXPECT_EQ(pool.done(), 4000);
    }
}

TEST(idle, loses_no_wake_up_for_the_end) {
    for (int i = 0; i < 200; ++i) {
        small_pool pool(1 + static_cast<unsigned>(i) % 4);
        if (i % 2 == 0) {
            pool.add();
        }
    }
}

}  // namespace
