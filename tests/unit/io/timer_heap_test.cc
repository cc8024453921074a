// A white-box test: the heap behind the reactor's timers, against a model.
#include "io/timer_heap.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace {

using brigade::detail::timer;
using brigade::detail::timer_heap;
using time_point = std::chrono::steady_clock::time_point;

struct silent : timer {
    silent() : timer([](timer&) noexcept {}) {}
};

time_point at(int nanosecond) {
    return time_point(std::chrono::nanoseconds(nanosecond));
}

TEST(timer_heap, is_empty_at_first) {
    const timer_heap heap;
    EXPECT_EQ(heap.earliest(), nullptr);
    EXPECT_EQ(heap.size(), 0U);
}

TEST(timer_heap, gives_the_earliest) {
    timer_heap heap;
    silent a;
    silent b;
    silent c;
    heap.set(b, at(2));
    heap.set(c, at(3));
    heap.set(a, at(1));
    EXPECT_EQ(heap.earliest(), &a);
    EXPECT_TRUE(heap.cancel(a));
    EXPECT_EQ(heap.earliest(), &b);
    EXPECT_TRUE(heap.cancel(b));
    EXPECT_EQ(heap.earliest(), &c);
}

TEST(timer_heap, cancels_a_timer_once) {
    timer_heap heap;
    silent t;
    EXPECT_FALSE(heap.cancel(t));
    heap.set(t, at(1));
    EXPECT_TRUE(heap.cancel(t));
    EXPECT_FALSE(heap.cancel(t));
    EXPECT_EQ(heap.size(), 0U);
}

TEST(timer_heap, takes_a_timer_again_after_a_cancel) {
    timer_heap heap;
    silent t;
    for (const int deadline : {5, 3, 9}) {
        heap.set(t, at(deadline));
        EXPECT_EQ(heap.earliest(), &t);
        EXPECT_EQ(t.deadline, at(deadline));
        EXPECT_TRUE(heap.cancel(t));
    }
}

TEST(timer_heap, accepts_the_ends_of_time) {
    timer_heap heap;
    silent never;
    silent always;
    silent now;
    heap.set(never, time_point::max());
    heap.set(now, at(0));
    heap.set(always, time_point::min());
    EXPECT_EQ(heap.earliest(), &always);
    EXPECT_TRUE(heap.cancel(always));
    EXPECT_EQ(heap.earliest(), &now);
    EXPECT_TRUE(heap.cancel(now));
    EXPECT_EQ(heap.earliest(), &never);
}

// Every answer is compared with that of a multimap; few distinct deadlines, so that many are equal.
TEST(timer_heap, agrees_with_a_multimap) {
    std::mt19937 random(17);
    const auto below = [&random](int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random); };
    std::vector<std::unique_ptr<silent>> timers;
    for (int i = 0; i < 300; ++i) {
        timers.push_back(std::make_unique<silent>());
    }
    timer_heap heap;
    std::multimap<time_point, timer*> model;
    const auto forget = [&model](const timer& t) {
        for (auto [one, end] = model.equal_range(t.deadline); one != end; ++one) {
            if (one->second == &t) {
                model.erase(one);
                return;
            }
        }
        ADD_FAILURE() << "a timer that is not set";
    };
    for (int step = 0; step < 60'000; ++step) {
        const bool growing = step % 6000 < 3000;  // from empty to crowded and back
        timer& t = *timers[static_cast<std::size_t>(below(300))];
        const int choice = below(10);
        if (choice < (growing ? 6 : 3)) {
            if (t.place == timer::not_set) {
                const time_point deadline = at(below(200));
                heap.set(t, deadline);
                model.emplace(deadline, &t);
            }
        } else if (choice < 8) {
            const bool was_set = t.place != timer::not_set;
            EXPECT_EQ(heap.cancel(t), was_set);
            if (was_set) {
                forget(t);
            }
        } else if (timer* const first = heap.earliest()) {
            EXPECT_TRUE(heap.cancel(*first));
            forget(*first);
        }
        ASSERT_EQ(heap.size(), model.size());
        ASSERT_EQ(heap.earliest() == nullptr, model.empty());
        if (!model.empty()) {
            ASSERT_EQ(heap.earliest()->deadline, model.begin()->first);
        }
    }
    while (timer* const first = heap.earliest()) {
        ASSERT_EQ(first->deadline, model.begin()->first);
        ASSERT_TRUE(heap.cancel(*first));
        forget(*first);
    }
    EXPECT_TRUE(model.empty());
}

}  // namespace
