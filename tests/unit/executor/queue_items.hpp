// What the tests of a worker's queues share.
#pragma once

#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace test {

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

// Each takes the oldest item by `take(queue)`. They run until the owner is done and nothing is left.
template <class Queue>
class thieves {
public:
    thieves(int count, Queue& queue, items& all, void* (*take)(Queue&)) {
        for (int t = 0; t < count; ++t) {
            threads_.emplace_back([&queue, &all, take, this] {
                std::size_t last = 0;
                for (;;) {
                    const bool was_last_look = done_.load();
                    while (void* const item = take(queue)) {
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

}  // namespace test
