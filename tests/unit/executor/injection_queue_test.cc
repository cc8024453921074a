// A white-box test: the queue for tasks from threads that are not workers, by itself.
#include "executor/injection_queue.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/latch.hpp"

namespace {

using brigade::detail::injection_queue;

TEST(injection_queue, is_empty_at_first) {
    injection_queue queue;
    void* item = nullptr;
    EXPECT_EQ(queue.size(), 0U);
    EXPECT_EQ(queue.take(&item, 1), 0U);
}

TEST(injection_queue, gives_one_threads_items_in_order) {
    std::array<int, 100> items{};
    injection_queue queue;
    for (int& item : items) {
        queue.push(&item);
    }
    EXPECT_EQ(queue.size(), 100U);
    for (int& item : items) {
        void* taken = nullptr;
        ASSERT_EQ(queue.take(&taken, 1), 1U);
        ASSERT_EQ(taken, &item);
    }
    EXPECT_EQ(queue.size(), 0U);
}

TEST(injection_queue, gives_no_more_than_is_asked_and_no_more_than_there_is) {
    std::array<int, 10> items{};
    injection_queue queue;
    for (int& item : items) {
        queue.push(&item);
    }
    std::array<void*, 20> taken{};
    EXPECT_EQ(queue.take(taken.data(), 0), 0U);
    EXPECT_EQ(queue.take(taken.data(), 4), 4U);
    EXPECT_EQ(queue.size(), 6U);
    EXPECT_EQ(taken[3], &items[3]);
    EXPECT_EQ(taken[4], nullptr);
    EXPECT_EQ(queue.take(taken.data(), taken.size()), 6U);
    EXPECT_EQ(queue.size(), 0U);
    EXPECT_EQ(taken[5], &items[9]);
}

// Whoever has seen a push come back finds the item: parking relies on the count.
TEST(injection_queue, counts_an_item_that_has_been_pushed) {
    injection_queue queue;
    std::vector<std::jthread> producers;
    test::latch go;
    std::array<int, 4> items{};
    for (int& item : items) {
        producers.emplace_back([&] {
            go.wait();
            for (int i = 0; i < 1000; ++i) {
                queue.push(&item);
                EXPECT_GT(queue.size(), 0U);  // nobody takes
            }
        });
    }
    go.count_down();
    producers.clear();
    EXPECT_EQ(queue.size(), 4000U);
}

TEST(injection_queue, gives_each_item_to_one_of_many_consumers) {
    constexpr std::size_t producers = 4;
    constexpr std::size_t consumers = 4;
    constexpr std::size_t each = 5'000;
    struct item {
        int payload = 0;  // no atomic: the queue is what orders the threads
        std::atomic<int> taken{0};
    };
    std::vector<item> items(producers * each);
    injection_queue queue;
    std::atomic<std::size_t> left = items.size();
    {
        std::vector<std::jthread> threads;
        for (std::size_t c = 0; c < consumers; ++c) {
            threads.emplace_back([&, most = 1 + 15 * c] {
                std::array<void*, 64> batch{};
                while (left != 0) {
                    const std::size_t taken = queue.take(batch.data(), most);
                    for (std::size_t i = 0; i < taken; ++i) {
                        item& one = *static_cast<item*>(batch[i]);
                        EXPECT_EQ(one.payload, 1);
                        ++one.taken;
                    }
                    left -= taken;
                    if (taken == 0) {
                        std::this_thread::yield();
                    }
                }
            });
        }
        for (std::size_t p = 0; p < producers; ++p) {
            threads.emplace_back([&, first = p * each] {
                for (std::size_t i = first; i < first + each; ++i) {
                    items[i].payload = 1;
                    queue.push(&items[i]);
                }
            });
        }
    }
    EXPECT_EQ(queue.size(), 0U);
    for (const item& one : items) {
        ASSERT_EQ(one.taken, 1);
    }
}

TEST(injection_queue, serves_producers_that_come_and_go) {
    injection_queue queue;
    int item = 0;
    for (int i = 0; i < 200; ++i) {
        std::jthread([&] { queue.push(&item); }).join();
    }
    EXPECT_EQ(queue.size(), 200U);
    std::array<void*, 256> taken{};
    EXPECT_EQ(queue.take(taken.data(), taken.size()), 200U);
}

}  // namespace
