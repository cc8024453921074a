// The spinlock of the door, and how it waits. (To the models a lock is a lock, and a pause a step.)
#include <brigade/detail/sync.hpp>

#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "tests/support/latch.hpp"

namespace {

using brigade::detail::sync::backoff;
using brigade::detail::sync::spinlock;
using brigade::detail::sync::spinlock_guard;

// How often the calling thread has slept.
long times_slept() {
    rusage used{};
    EXPECT_EQ(::getrusage(RUSAGE_THREAD, &used), 0);
    return used.ru_nvcsw;
}

// A thread that only yields never lets one of lower priority run. Which of the moments are over before the thread is
// asleep is the system's business.
TEST(backoff, sleeps_when_to_yield_does_not_help) {
    const long before = times_slept();
    backoff turn;
    for (int i = 0; i < 100; ++i) {
        turn.pause();
    }
    EXPECT_GT(times_slept(), before);
}

TEST(spinlock, is_locked_until_it_is_unlocked) {
    spinlock lock;
    EXPECT_TRUE(lock.try_lock());
    EXPECT_FALSE(lock.try_lock());
    lock.unlock();
    const spinlock_guard guard(lock);
    EXPECT_FALSE(lock.try_lock());
}

TEST(spinlock, lets_one_thread_in_at_a_time) {
    constexpr int threads = 4;
    constexpr int times = 200;
    spinlock lock;
    int inside = 0;
    int total = 0;
    test::latch go(threads);
    {
        std::vector<std::jthread> all;
        for (int t = 0; t < threads; ++t) {
            all.emplace_back([&] {
                go.count_down();
                go.wait();
                for (int i = 0; i < times; ++i) {
                    const spinlock_guard guard(lock);
                    EXPECT_EQ(++inside, 1);
                    ++total;
                    --inside;
                }
            });
        }
    }
    EXPECT_EQ(total, threads * times);
}

// Beyond the looks between which a waiting thread only yields.
TEST(spinlock, is_waited_for_as_long_as_it_takes) {
    spinlock lock;
    int written = 0;
    test::latch waits;
    lock.lock();
    const std::jthread other([&] {
        waits.count_down();
        const spinlock_guard guard(lock);
        EXPECT_EQ(written, 100);
    });
    waits.wait();
    for (int i = 0; i < 100; ++i) {
        std::this_thread::yield();
        ++written;
    }
    lock.unlock();
}

TEST(spinlock, may_be_destroyed_by_who_locks_it_last) {
    for (int i = 0; i < 50; ++i) {
        auto lock = std::make_unique<spinlock>();
        bool left = false;
        const std::jthread other([&] {
            const spinlock_guard guard(*lock);
            left = true;
        });
        for (bool gone = false; !gone;) {
            std::this_thread::yield();  // a spinlock is not fair
            const spinlock_guard guard(*lock);
            gone = left;
        }
        lock.reset();
    }
}

}  // namespace
