// A white-box test: the first-in, first-out queue by itself.
#include <brigade/detail/fifo.hpp>

#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/executor/queue_items.hpp"

namespace {

using brigade::detail::fifo;
using test::items;

TEST(fifo, is_empty_at_first) {
    fifo q;
    EXPECT_EQ(q.size(), 0U);
    EXPECT_EQ(q.take(), nullptr);
    EXPECT_EQ(q.size(), 0U);
}

TEST(fifo, gives_the_oldest) {
    items all(10);
    fifo q;
    for (std::size_t i = 0; i < 10; ++i) {
        q.push(all.at(i));
    }
    for (std::size_t i = 0; i < 10; ++i) {
        EXPECT_EQ(q.size(), 10 - i);
        EXPECT_EQ(q.take(), all.at(i));
    }
    EXPECT_EQ(q.take(), nullptr);
}

TEST(fifo, grows_where_its_items_wrap_around) {
    items all(100);
    fifo q(8);
    // The indices are far from 0, and the live items lie across the end of the ring.
    for (std::size_t i = 0; i < 1005; ++i) {
        q.push(all.at(0));
        ASSERT_EQ(q.take(), all.at(0));
    }
    for (std::size_t i = 0; i < 100; ++i) {
        q.push(all.at(i));
    }
    for (std::size_t i = 0; i < 100; ++i) {
        ASSERT_EQ(q.take(), all.at(i));
    }
}

TEST(fifo, shrinks_when_it_is_empty_and_grows_again) {
    constexpr std::size_t count = 10'000;
    items all(count);
    fifo q;
    for (int round = 0; round < 3; ++round) {
        EXPECT_FALSE(q.is_large());
        for (std::size_t i = 0; i < count; ++i) {
            q.push(all.at(i));
        }
        q.shrink();
        EXPECT_TRUE(q.is_large()) << "there are items in it";
        for (std::size_t i = 0; i < count; ++i) {
            ASSERT_EQ(q.take(), all.at(i));
        }
        q.shrink();
    }
    EXPECT_FALSE(q.is_large());
}

TEST(fifo, owner_and_thieves_take_each_item_once) {
    constexpr std::size_t count = 20'000;
    for (const std::size_t every : {1U, 2U, 3U, 100U}) {
        items all(count);
        fifo q(2);
        {
            const test::thieves<fifo> others(3, q, all, [](fifo& queue) { return queue.take(); });
            for (std::size_t i = 0; i < count; ++i) {
                q.push(all.at(i));
                if (i % every == 0) {
                    if (void* const item = q.take()) {
                        all.take(item);
                    }
                }
            }
        }
        all.expect_each_taken_once();
    }
}

TEST(fifo, what_an_item_points_to_is_visible_to_its_taker) {
    constexpr std::size_t count = 20'000;
    std::vector<int> numbers(count, 0);  // no atomics: the queue is what orders the threads
    fifo q(2);
    std::atomic<bool> done = false;
    std::atomic<std::size_t> wrong = 0;
    {
        std::vector<std::jthread> takers;
        for (int t = 0; t < 2; ++t) {
            takers.emplace_back([&] {
                for (;;) {
                    const bool was_last_look = done.load();
                    while (void* const item = q.take()) {
                        wrong += *static_cast<int*>(item) == 1 ? 0 : 1;
                    }
                    if (was_last_look) {
                        return;
                    }
                }
            });
        }
        for (int& number : numbers) {
            number = 1;
            q.push(&number);
        }
        done = true;
    }
    EXPECT_EQ(wrong, 0U);
}

}  // namespace
