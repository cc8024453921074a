// A white-box test: the work-stealing deque by itself.
#include <brigade/detail/deque.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/executor/queue_items.hpp"

namespace {

using brigade::detail::deque;
using test::items;

void* steal(deque& d) {
    return d.steal();
}

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

TEST(deque, owner_that_pops_and_thieves_take_each_item_once) {
    constexpr std::size_t count = 20'000;
    for (const std::size_t burst : {1U, 2U, 7U, 300U}) {
        items all(count);
        deque d(2);
        {
            const test::thieves<deque> others(3, d, all, steal);
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

TEST(deque, owner_pops_an_item_only_if_it_is_the_newest) {
    items all(3);
    deque d(2);
    EXPECT_FALSE(d.pop_if(all.at(0)));
    d.push(all.at(0));
    d.push(all.at(1));
    EXPECT_FALSE(d.pop_if(all.at(0)));
    EXPECT_EQ(d.size(), 2U);
    EXPECT_TRUE(d.pop_if(all.at(1)));
    EXPECT_FALSE(d.pop_if(all.at(1)));
    EXPECT_TRUE(d.pop_if(all.at(0)));
    EXPECT_FALSE(d.pop_if(all.at(0)));  // still in its slot
    EXPECT_EQ(d.size(), 0U);
    d.push(all.at(2));
    EXPECT_EQ(d.steal(), all.at(2));
    EXPECT_FALSE(d.pop_if(all.at(2)));
    EXPECT_EQ(d.size(), 0U);
}

// As a fork does: pushes, and takes back unless a thief has been there.
TEST(deque, owner_that_takes_back_and_thieves_take_each_item_once) {
    constexpr std::size_t count = 100'000;
    for (const std::size_t depth : {1U, 2U, 3U}) {
        items all(count);
        deque d(2);
        {
            const test::thieves<deque> others(3, d, all, steal);
            for (std::size_t i = 0; i + depth <= count; i += depth) {
                for (std::size_t k = 0; k < depth; ++k) {
                    d.push(all.at(i + k));
                }
                for (std::size_t k = depth; k > 0; --k) {
                    if (d.pop_if(all.at(i + k - 1))) {
                        all.take(all.at(i + k - 1));
                    }
                }
            }
            for (std::size_t i = count - count % depth; i < count; ++i) {
                all.take(all.at(i));
            }
        }
        all.expect_each_taken_once();
    }
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
