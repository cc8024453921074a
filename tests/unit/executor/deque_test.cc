// A white-box test: the work-stealing deque by itself.
#include "executor/deque.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using brigade::detail::deque;

// Items are addresses in an array, so that each has a number and cannot be null.
class items {
public:
    explicit items(std::size_t count) : taken_(count) {}

    [[nodiscard]] void* at(std::size_t number) { return &taken_[number]; }
    [[nodiscard]] std::size_t number_of(void* item) const {
        return static_cast<std::size_t>(static_cast<std::atomic<int>*>(item) - taken_.data());
    }
    void take(void* item) { taken_[number_of(item)].fetch_add(1, std::memory_order_relaxed); }
    void expect_each_taken_once() const {
        for (std::size_t i = 0; i < taken_.size(); ++i) {
            ASSERT_EQ(taken_[i].load(), 1) << "item " << i;
        }
    }

private:
    std::vector<std::atomic<int>> taken_;
};

TEST(deque, is_empty_at_first) {
    deque d;
    EXPECT_EQ(d.size(), 0U);
    EXPECT_EQ(d.pop(), nullptr);
    EXPECT_EQ(d.steal(), nullptr);
    EXPECT_EQ(d.size(), 0U);
}

TEST(deque, owner_takes_the_newest) {
    items all(10);
    deque d;
    for (std::size_t i = 0; i < 10; ++i) {
        d.push(all.at(i));
    }
    EXPECT_EQ(d.size(), 10U);
    for (std::size_t i = 10; i > 0; --i) {
        EXPECT_EQ(d.pop(), all.at(i - 1));
    }
    EXPECT_EQ(d.pop(), nullptr);
}

TEST(deque, thief_takes_the_oldest) {
    items all(10);
    deque d;
    for (std::size_t i = 0; i < 10; ++i) {
        d.push(all.at(i));
    }
    for (std::size_t i = 0; i < 10; ++i) {
        EXPECT_EQ(d.size(), 10 - i);
        EXPECT_EQ(d.steal(), all.at(i));
    }
    EXPECT_EQ(d.steal(), nullptr);
}

TEST(deque, both_ends_meet) {
    items all(5);
    deque d;
    for (std::size_t i = 0; i < 5; ++i) {
        d.push(all.at(i));
    }
    EXPECT_EQ(d.steal(), all.at(0));
    EXPECT_EQ(d.pop(), all.at(4));
    EXPECT_EQ(d.steal(), all.at(1));
    EXPECT_EQ(d.pop(), all.at(3));
    EXPECT_EQ(d.pop(), all.at(2));
    EXPECT_EQ(d.pop(), nullptr);
    EXPECT_EQ(d.steal(), nullptr);
    d.push(all.at(0));
    EXPECT_EQ(d.steal(), all.at(0));
}

TEST(deque, grows_and_keeps_the_order) {
    constexpr std::size_t count = 10'000;
    items all(count);
    deque d(1);
    for (std::size_t i = 0; i < count; ++i) {
        d.push(all.at(i));
    }
    EXPECT_EQ(d.size(), count);
    for (std::size_t i = 0; i < count / 2; ++i) {
        ASSERT_EQ(d.steal(), all.at(i));
        ASSERT_EQ(d.pop(), all.at(count - 1 - i));
    }
    EXPECT_EQ(d.size(), 0U);
}

TEST(deque, grows_where_its_items_wrap_around) {
    items all(100);
    deque d(8);
    // The indices are far from 0, and the live items lie across the end of the ring.
    for (std::size_t i = 0; i < 1005; ++i) {
        d.push(all.at(0));
        ASSERT_EQ(d.steal(), all.at(0));
    }
    for (std::size_t i = 0; i < 100; ++i) {
        d.push(all.at(i));
    }
    for (std::size_t i = 0; i < 100; ++i) {
        ASSERT_EQ(d.steal(), all.at(i));
    }
}

TEST(deque, may_be_empty_again_and_again) {
    items all(1);
    deque d(2);
    for (int i = 0; i < 10'000; ++i) {
        d.push(all.at(0));
        ASSERT_EQ(i % 2 == 0 ? d.pop() : d.steal(), all.at(0));
        ASSERT_EQ(d.pop(), nullptr);
    }
}

// The thieves run until the owner is done and nothing is left.
class thieves {
public:
    thieves(int count, deque& d, items& all) {
        for (int t = 0; t < count; ++t) {
            threads_.emplace_back([&] {
                std::size_t last = 0;
                for (;;) {
                    const bool was_last_look = done_.load();
                    while (void* const item = d.steal()) {
                        // Oldest first: what one thief sees only grows.
                        const std::size_t number = all.number_of(item);
                        EXPECT_GE(number, last);
                        last = number;
                        all.take(item);
                    }
                    if (was_last_look) {
                        return;
                    }
                    std::this_thread::yield();
                }
            });
        }
    }
    ~thieves() { done_ = true; }

private:
    std::atomic<bool> done_ = false;
    std::vector<std::jthread> threads_;
};

TEST(deque, owner_that_pops_and_thieves_take_each_item_once) {
    constexpr std::size_t count = 20'000;
    for (const std::size_t burst : {1U, 2U, 7U, 300U}) {
        items all(count);
        deque d(2);
        {
            const thieves others(3, d, all);
            for (std::size_t i = 0; i < count;) {
                for (std::size_t end = std::min(count, i + burst); i < end; ++i) {
                    d.push(all.at(i));
                }
                // Leaves about half to the thieves, and fights them for the last.
                for (std::size_t k = 0; k < burst / 2 + 1; ++k) {
                    if (void* const item = d.pop()) {
                        all.take(item);
                    }
                }
            }
            while (void* const item = d.pop()) {
                all.take(item);
            }
        }
        all.expect_each_taken_once();
    }
}

TEST(deque, owner_that_steals_and_thieves_take_each_item_once) {
    constexpr std::size_t count = 20'000;
    items all(count);
    deque d(2);
    {
        const thieves others(3, d, all);
        for (std::size_t i = 0; i < count; ++i) {
            d.push(all.at(i));
            if (i % 3 == 0) {
                if (void* const item = d.steal()) {
                    all.take(item);
                }
            }
        }
    }
    all.expect_each_taken_once();
}

TEST(deque, what_an_item_points_to_is_visible_to_the_thief) {
    constexpr std::size_t count = 5'000;
    std::vector<int> numbers(count, 0);  // no atomics: the deque is what orders the threads
    deque d(2);
    std::atomic<bool> done = false;
    std::atomic<std::size_t> wrong = 0;
    {
        const std::jthread thief([&] {
            for (;;) {
                const bool was_last_look = done.load();
                while (void* const item = d.steal()) {
                    wrong += *static_cast<int*>(item) == 1 ? 0 : 1;
                }
                if (was_last_look) {
                    return;
                }
            }
        });
        for (int& number : numbers) {
            number = 1;
            d.push(&number);
        }
        done = true;
    }
    EXPECT_EQ(wrong, 0U);
}

}  // namespace
