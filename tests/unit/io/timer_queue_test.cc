// A white-box test: the queue behind the timers, against a model.
#include "io/timer_queue.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using brigade::detail::timer;
using brigade::detail::timer_queue;
using time_point = std::chrono::steady_clock::time_point;

struct silent : timer {
    silent() : timer([](timer&) noexcept {}) {}
};

time_point at(std::chrono::nanoseconds since) {
    return time_point(since);
}

// Takes out what is due, in portions of `portion` timers.
timer* next_due(timer_queue& queue, time_point now, std::size_t portion = 1000) {
    for (;;) {
        std::size_t budget = portion;
        timer* const due = queue.take_due(now, budget);
        if (due != nullptr || budget != 0) {
            return due;
        }
    }
}

TEST(timer_queue, is_empty_at_first) {
    timer_queue queue;
    EXPECT_EQ(queue.earliest(), time_point::max());
    EXPECT_EQ(next_due(queue, time_point::max()), nullptr);
}

TEST(timer_queue, gives_the_earliest_first) {
    timer_queue queue;
    silent a;
    silent b;
    silent c;
    queue.set(b, at(2s));
    queue.set(c, at(2s + 1ns));
    queue.set(a, at(1ms));
    EXPECT_EQ(queue.earliest(), at(1ms));
    EXPECT_EQ(next_due(queue, at(1h)), &a);
    EXPECT_EQ(next_due(queue, at(1h)), &b);
    EXPECT_EQ(next_due(queue, at(1h)), &c);
    EXPECT_EQ(next_due(queue, at(1h)), nullptr);
}

TEST(timer_queue, gives_none_before_its_deadline) {
    for (const std::chrono::nanoseconds deadline :
         std::vector<std::chrono::nanoseconds>{1ns, 1048575ns, 1048576ns, 1s + 1ns, 3h + 1ns}) {
        timer_queue queue;
        silent t;
        queue.set(t, at(deadline));
        EXPECT_EQ(next_due(queue, at(deadline - 1ns)), nullptr);
        EXPECT_EQ(queue.earliest(), at(deadline));
        EXPECT_EQ(next_due(queue, at(deadline)), &t);
    }
}

TEST(timer_queue, cancels_a_timer_once) {
    timer_queue queue;
    silent t;
    EXPECT_FALSE(queue.cancel(t));
    for (const std::chrono::nanoseconds deadline : std::vector<std::chrono::nanoseconds>{0ns, 5ms, 24h}) {
        queue.set(t, at(deadline));
        EXPECT_TRUE(queue.cancel(t));
        EXPECT_FALSE(queue.cancel(t));
        EXPECT_EQ(queue.earliest(), time_point::max());
    }
}

TEST(timer_queue, accepts_the_ends_of_time) {
    timer_queue queue;
    silent never;
    silent always;
    silent now;
    queue.set(never, time_point::max());
    queue.set(now, at(5ns));
    queue.set(always, time_point::min());
    EXPECT_EQ(next_due(queue, at(5ns)), &always);
    EXPECT_EQ(next_due(queue, at(5ns)), &now);
    EXPECT_EQ(next_due(queue, at(24h * 365 * 200)), nullptr);
    EXPECT_TRUE(queue.cancel(never));
}

// Whoever sleeps until earliest(), again and again, wakes up a few times for each slot that is not empty.
TEST(timer_queue, wakes_the_poller_once_for_one_timer) {
    for (const std::chrono::nanoseconds deadline : std::vector<std::chrono::nanoseconds>{10ms, 1s, 1h, 24h * 365}) {
        timer_queue queue;
        silent t;
        queue.set(t, at(deadline));
        EXPECT_EQ(queue.earliest(), at(deadline));
    }
}

TEST(timer_queue, wakes_the_poller_at_most_once_a_tick_for_many) {
    constexpr std::size_t count = 20'000;
    timer_queue queue;
    std::vector<std::unique_ptr<silent>> timers;
    std::mt19937 random(3);
    std::uniform_int_distribution<std::int64_t> milliseconds(0, 100'000);
    for (std::size_t i = 0; i < count; ++i) {
        timers.push_back(std::make_unique<silent>());
        queue.set(*timers.back(), at(std::chrono::milliseconds(milliseconds(random)) + 17ns));
    }
    std::size_t fired = 0;
    std::size_t wakes = 0;
    for (time_point now = queue.earliest(); now != time_point::max(); now = queue.earliest()) {
        ++wakes;
        while (next_due(queue, now) != nullptr) {
            ++fired;
        }
    }
    EXPECT_EQ(fired, count);
    // 20,000 timers in 100 s, most of them alone in their millisecond.
    EXPECT_LT(wakes, count + 2000);
}

class against_a_multimap {
public:
    explicit against_a_multimap(unsigned seed) : random_(seed) {
        for (int i = 0; i < 300; ++i) {
            timers_.push_back(std::make_unique<silent>());
        }
    }

    void step(bool growing) {
        timer& t = *timers_[static_cast<std::size_t>(below(300))];
        const std::int64_t choice = below(20);
        if (choice < (growing ? 12 : 6)) {
            set(t);
        } else if (choice < 18) {
            cancel(t);
        } else {
            advance(time_span(2));
        }
        ASSERT_LE(queue_.earliest(), model_.empty() ? time_point::max() : model_.begin()->first);
    }
    void run_dry() {
        while (!model_.empty()) {
            advance(model_.begin()->first - now_);
        }
        ASSERT_EQ(queue_.earliest(), time_point::max());
    }

private:
    std::int64_t below(std::int64_t limit) {
        return std::uniform_int_distribution<std::int64_t>(0, limit - 1)(random_);
    }
    // Of any order of magnitude, up to 2^(20 + 7 levels) ns; few distinct ones of each, so that many are equal.
    std::chrono::nanoseconds time_span(std::int64_t levels) {
        const std::int64_t magnitude = below(20 + 7 * levels);
        return std::chrono::nanoseconds((below(16) << magnitude) / 8);
    }
    void set(timer& t) {
        if (t.link == nullptr) {
            const time_point deadline = now_ + time_span(4) - std::chrono::nanoseconds(below(3));
            queue_.set(t, deadline);
            model_.emplace(deadline, &t);
        }
    }
    void cancel(timer& t) {
        const bool was_set = t.link != nullptr;
        EXPECT_EQ(queue_.cancel(t), was_set);
        if (was_set) {
            forget(t);
        }
    }
    void advance(std::chrono::nanoseconds by) {
        now_ += std::max(by, 0ns);
        const std::size_t portion = static_cast<std::size_t>(below(5)) + 1;
        while (timer* const due = next_due(queue_, now_, portion)) {
            ASSERT_LE(due->deadline, now_);
            ASSERT_EQ(due->deadline, model_.begin()->first);
            forget(*due);
        }
        ASSERT_TRUE(model_.empty() || model_.begin()->first > now_);
    }
    void forget(const timer& t) {
        for (auto [one, end] = model_.equal_range(t.deadline); one != end; ++one) {
            if (one->second == &t) {
                model_.erase(one);
                return;
            }
        }
        ADD_FAILURE() << "a timer that is not set";
    }

    std::mt19937_64 random_;
    std::vector<std::unique_ptr<silent>> timers_;
    timer_queue queue_;
    std::multimap<time_point, timer*> model_;
    time_point now_;
};

TEST(timer_queue, agrees_with_a_multimap) {
    for (unsigned seed = 0; seed < 20; ++seed) {
        SCOPED_TRACE(seed);
        against_a_multimap both(seed);
        for (int step = 0; step < 10'000; ++step) {
            ASSERT_NO_FATAL_FAILURE(both.step(step % 2000 < 1000));  // from empty to crowded and back
        }
        ASSERT_NO_FATAL_FAILURE(both.run_dry());
    }
}

}  // namespace
