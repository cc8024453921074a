// A white-box test: frame memory among threads, and under the frames of tasks.
#include "executor/frame_memory.hpp"

#include <atomic>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <brigade/brigade.hpp>

namespace {

namespace sizes = brigade::detail::frame_sizes;
using brigade::detail::frame_heap;
using brigade::detail::frame_pool;

// Frames that many threads allocate and free in no order, through one heap each.
class market {
public:
    void run(unsigned threads, int rounds) {
        std::vector<std::jthread> all;
        for (unsigned t = 0; t < threads; ++t) {
            all.emplace_back([this, t, rounds] { trade(t, rounds); });
        }
        all.clear();
        frame_heap last(pool_);
        for (const good& g : goods_) {
            check_and_free(last, g);
        }
    }
    [[nodiscard]] frame_pool& pool() { return pool_; }

private:
    struct good {
        unsigned char* frame;
        std::size_t size;
        unsigned char mark;
    };

    void trade(unsigned number, int rounds) {
        std::minstd_rand random(number + 1);
        for (int r = 0; r < rounds; ++r) {
            frame_heap heap(pool_);  // several in a row: threads that end
            for (int i = 0; i < 300; ++i) {
                const std::size_t some = 16 + random() % 5 * 500;
                auto* const frame = static_cast<unsigned char*>(heap.allocate(some));
                const auto mark = static_cast<unsigned char>(random());
                std::memset(frame, mark, some);
                if (const good other = exchange({frame, some, mark}, random()); other.frame != nullptr) {
                    check_and_free(heap, other);
                }
                if (i % 100 == 0) {
                    heap.settle();
                }
            }
        }
    }
    good exchange(good mine, std::size_t seed) {
        const std::lock_guard lock(mutex_);
        goods_.push_back(mine);
        if (goods_.size() < 1000) {
            return {};
        }
        std::swap(goods_[seed % goods_.size()], goods_.back());
        const good other = goods_.back();
        goods_.pop_back();
        return other;
    }
    static void check_and_free(frame_heap& heap, const good& g) {
        EXPECT_EQ(g.frame[0], g.mark);
        EXPECT_EQ(g.frame[g.size - 1], g.mark);
        heap.free(g.frame, g.size);
    }

    frame_pool pool_;
    std::mutex mutex_;
    std::vector<good> goods_;
};

TEST(frame_memory, threads_that_free_each_others_frames) {
    market m;
    m.run(4, 10);
    EXPECT_EQ(m.pool().unused_pages(), m.pool().pages());
    EXPECT_EQ(m.pool().listed_pages(), 0U);
}

// Two threads take turns with all the blocks of a few pages: the transitions of a page meet.
TEST(frame_memory, pages_that_change_hands) {
    frame_pool pool;
    std::atomic<int> ready = 0;
    constexpr int rounds = 200;
    const std::size_t large = sizes::largest;  // few blocks to the page
    std::vector<std::vector<void*>> lots(2);
    const auto run = [&](std::size_t me) {
        frame_heap heap(pool);
        for (int r = 0; r < rounds; ++r) {
            for (int i = 0; i < 40; ++i) {
                lots[me].push_back(heap.allocate(large));
            }
            ready.fetch_add(1);
            while (ready.load() < 4 * r + 2) {
                std::this_thread::yield();
            }
            // Each frees every other frame of both lots.
            for (const std::vector<void*>& lot : lots) {
                for (std::size_t i = me; i < lot.size(); i += 2) {
                    heap.free(lot[i], large);
                }
            }
            ready.fetch_add(1);
            while (ready.load() < 4 * r + 4) {
                std::this_thread::yield();
            }
            lots[me].clear();
        }
    };
    {
        const std::jthread one(run, std::size_t{0});
        const std::jthread two(run, std::size_t{1});
    }
    EXPECT_EQ(pool.unused_pages(), pool.pages());
    EXPECT_EQ(pool.listed_pages(), 0U);
}

brigade::task<int> answer(int n) {
    co_return n;
}

TEST(frame_memory, a_task_that_no_worker_runs_is_freed_where_it_is_dropped) {
    std::vector<brigade::task<int>> tasks;
    std::thread([&tasks] {
        for (int i = 0; i < 1000; ++i) {
            tasks.push_back(answer(i));
        }
    }).join();
    std::thread([&tasks] { tasks.clear(); }).join();
}

TEST(frame_memory, a_thread_that_ends_keeps_no_pages) {
    namespace detail = brigade::detail;
    frame_pool& pool = detail::process_frame_pool();
    constexpr std::size_t size = 256;
    const auto in_use = [&pool] {
        detail::give_back_some_frames();
        return pool.pages() - pool.unused_pages();
    };
    const std::size_t before = in_use();
    std::vector<void*> frames(100);
    std::thread([&frames] {
        for (void*& frame : frames) {
            frame = detail::allocate_frame(size);
        }
    }).join();
    EXPECT_EQ(in_use(), before + 1);
    for (void* const frame : frames) {
        detail::free_frame(frame, size);
    }
    EXPECT_EQ(in_use(), before);
}

TEST(frame_memory, handles_outlive_executor_and_threads) {
    std::vector<brigade::join_handle<int>> handles;
    {
        brigade::executor executor({.workers = 2});
        handles = executor.block_on([]() -> brigade::task<std::vector<brigade::join_handle<int>>> {
            std::vector<brigade::join_handle<int>> all;
            for (int i = 0; i < 1000; ++i) {
                all.push_back(brigade::spawn(answer, i));
            }
            co_return all;
        });
    }
    std::thread([&handles] { handles.clear(); }).join();
}

TEST(frame_memory, a_frame_larger_than_the_largest_block_is_kept_elsewhere) {
    frame_pool& pool = brigade::detail::process_frame_pool();
    const std::size_t before = pool.large_frames();
    void* const frame = brigade::detail::allocate_frame(sizes::largest + 1);
    EXPECT_EQ(pool.large_frames(), before + 1);
    std::memset(frame, 0, sizes::largest + 1);
    brigade::detail::free_frame(frame, sizes::largest + 1);
    EXPECT_EQ(pool.large_frames(), before);
}

// The pages of a burst that main spawned, workers ran and main joined: given back once the workers have rested.
TEST(frame_memory, a_burst_gives_its_pages_back) {
    frame_pool& pool = brigade::detail::process_frame_pool();
    brigade::executor executor({.workers = 2});
    const std::size_t before = pool.pages();
    {
        std::vector<brigade::join_handle<int>> handles;
        for (int i = 0; i < 60'000; ++i) {
            handles.push_back(executor.spawn(answer, i));
        }
        EXPECT_GT(pool.pages(), before + 2 * frame_pool::kept);
    }
    while (pool.pages() > before + 2 * frame_pool::kept + 16) {  // the test's time limit ends it
        std::this_thread::yield();
    }
}

}  // namespace
