// A white-box test: the heaps and the pool of frame memory, on one thread.
#include "executor/frame_memory.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sanitizer/asan_interface.h>

namespace {

namespace sizes = brigade::detail::frame_sizes;
using brigade::detail::frame_heap;
using brigade::detail::frame_page;
using brigade::detail::frame_pool;

constexpr std::size_t size = 256;
constexpr auto row = sizes::table.rows[sizes::class_of(size)];

std::vector<void*> allocate(frame_heap& heap, std::size_t count) {
    std::vector<void*> frames(count);
    for (void*& frame : frames) {
        frame = heap.allocate(size);
    }
    return frames;
}
// As many as a page has: from a heap that has allocated nothing since its last full page.
std::vector<void*> allocate_page(frame_heap& heap) {
    return allocate(heap, row.blocks);
}
void free_all(frame_heap& heap, const std::vector<void*>& frames) {
    for (void* const frame : frames) {
        heap.free(frame, size);
    }
}
void free_some(frame_heap& heap, std::vector<void*>& frames, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        heap.free(frames.back(), size);
        frames.pop_back();
    }
}

TEST(frame_sizes, every_size_has_the_smallest_class_that_holds_it) {
    for (std::size_t s = 1; s <= sizes::largest; ++s) {
        const unsigned c = sizes::class_of(s);
        ASSERT_LT(c, sizes::classes) << s;
        ASSERT_GE(sizes::block_of(c), s);
        ASSERT_TRUE(c == 0 || sizes::block_of(c - 1) < s) << s;
        ASSERT_EQ(sizes::block_of(c) % sizes::step, 0U);
        ASSERT_LE(sizes::table.rows[c].blocks * sizes::block_of(c) + sizes::head, sizes::page);
    }
}

TEST(frame_heap, blocks_are_aligned_and_do_not_overlap) {
    frame_pool pool;
    frame_heap heap(pool);
    std::vector<std::pair<std::byte*, std::size_t>> all;
    for (std::size_t s = 16; s <= sizes::largest; s += 16) {
        for (int i = 0; i < 3; ++i) {
            void* const frame = heap.allocate(s);
            EXPECT_EQ(reinterpret_cast<std::uintptr_t>(frame) % sizes::step, 0U);
            std::memset(frame, static_cast<int>(all.size() % 251), s);
            all.emplace_back(static_cast<std::byte*>(frame), s);
        }
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
        for (std::size_t k = 0; k < all[i].second; ++k) {
            ASSERT_EQ(all[i].first[k], static_cast<std::byte>(i % 251));
        }
        heap.free(all[i].first, all[i].second);
    }
}

TEST(frame_heap, the_block_freed_last_is_used_first) {
    frame_pool pool;
    frame_heap heap(pool);
    void* const a = heap.allocate(size);
    void* const b = heap.allocate(size - 1);
    heap.free(a, size);
    heap.free(b, size);
    EXPECT_EQ(heap.allocate(size), b);
    EXPECT_EQ(heap.allocate(size), a);
    heap.free(a, size);
    heap.free(b, size);
    EXPECT_EQ(pool.pages(), 1U);
}

TEST(frame_heap, another_size_has_another_page) {
    frame_pool pool;
    frame_heap heap(pool);
    void* const a = heap.allocate(size);
    void* const b = heap.allocate(size + 1);
    EXPECT_NE(frame_page::of(a), frame_page::of(b));
    heap.free(a, size);
    heap.free(b, size + 1);
}

TEST(frame_heap, frames_that_are_freed_in_turn_need_one_page) {
    frame_pool pool;
    frame_heap heap(pool);
    for (int i = 0; i < 100'000; ++i) {
        heap.free(heap.allocate(size), size);
    }
    EXPECT_EQ(pool.pages(), 1U);
}

TEST(frame_heap, a_page_that_went_full_is_used_again_by_who_frees_it) {
    frame_pool pool;
    frame_heap heap(pool);
    for (int i = 0; i < 100; ++i) {
        const std::vector<void*> frames = allocate(heap, 3 * row.blocks);
        free_all(heap, frames);
    }
    EXPECT_LE(pool.pages(), 4U);
}

TEST(frame_heap, frames_of_another_heap_are_used_by_who_frees_them) {
    frame_pool pool;
    frame_heap home(pool);
    frame_heap other(pool);
    const std::vector<void*> frames = allocate_page(home);
    free_all(other, frames);
    const std::vector<void*> again = allocate(other, row.magazine);
    EXPECT_EQ(pool.pages(), 1U);
    free_all(other, again);
}

TEST(frame_heap, frames_of_another_heap_go_home_in_batches) {
    frame_pool pool;
    frame_heap home(pool);
    frame_heap other(pool);
    std::vector<void*> frames = allocate_page(home);
    free_some(other, frames, 2 * row.magazine + 1);  // two magazines are full, and the first goes
    std::vector<void*> again = allocate(home, row.magazine);
    EXPECT_EQ(pool.pages(), 1U);
    again.push_back(home.allocate(size));  // home has seen nothing of the second
    EXPECT_EQ(pool.pages(), 2U);
    free_all(home, again);
    free_all(home, frames);
}

TEST(frame_heap, a_frame_in_a_magazine_goes_home_when_its_thread_settles) {
    frame_pool pool;
    frame_heap home(pool);
    frame_heap other(pool);
    free_all(other, allocate(home, 1));
    home.part_with_all();
    EXPECT_EQ(pool.unused_pages(), 0U) << "one block is still in the magazine";
    other.settle();
    other.part_with_all();
    EXPECT_EQ(pool.unused_pages(), 1U);
}

TEST(frame_heap, frames_of_several_pages_go_home_each_to_its_own) {
    frame_pool pool;
    frame_heap home(pool);
    frame_heap other(pool);
    const std::vector<void*> one = allocate_page(home);
    const std::vector<void*> two = allocate_page(home);
    home.part_with_all();
    for (std::size_t i = 0; i < one.size(); ++i) {
        other.free(one[i], size);
        other.free(two[i], size);
    }
    other.part_with_all();
    EXPECT_EQ(pool.unused_pages(), 2U);
}

TEST(frame_heap, a_page_whose_frames_others_freed_is_theirs_without_their_home) {
    frame_pool pool;
    frame_heap home(pool);
    {
        frame_heap other(pool);
        std::vector<void*> frames = allocate(home, 20 * row.blocks + 1);
        const std::size_t pages = pool.pages();
        void* const last = frames.back();
        frames.pop_back();
        free_all(other, frames);
        other.part_with_all();
        EXPECT_EQ(pool.unused_pages(), pages - 1) << "all but home's current page";
        other.free(last, size);
    }
}

TEST(frame_heap, keeps_a_bounded_number_of_pages) {
    frame_pool pool;
    frame_heap home(pool);
    frame_heap other(pool);
    std::vector<std::vector<void*>> pages(40);
    for (std::vector<void*>& page : pages) {
        page = allocate_page(home);
    }
    for (std::vector<void*>& page : pages) {
        free_some(other, page, row.blocks / 2);
    }
    // FRM6: other has most_spares of them, and home its current one.
    EXPECT_GE(pool.listed_pages(), pages.size() - frame_heap::most_spares - 2);
    for (const std::vector<void*>& page : pages) {
        free_all(home, page);
    }
    home.settle();
    other.settle();
    EXPECT_GE(pool.unused_pages(), pages.size() - 1 - 2 * frame_heap::reserve_at_rest);
    EXPECT_EQ(pool.listed_pages(), 0U);
}

TEST(frame_heap, takes_listed_pages_before_new_ones) {
    frame_pool pool;
    std::vector<void*> frames;
    {
        frame_heap first(pool);
        frames = allocate(first, row.blocks / 2);
    }
    EXPECT_EQ(pool.listed_pages(), 1U);
    frame_heap second(pool);
    const std::vector<void*> more = allocate(second, row.blocks / 2);
    EXPECT_EQ(pool.pages(), 1U);
    EXPECT_EQ(pool.listed_pages(), 0U);
    free_all(second, more);
    free_all(second, frames);
}

TEST(frame_heap, frames_outlive_their_heap) {
    frame_pool pool;
    std::vector<void*> frames;
    {
        frame_heap first(pool);
        frames = allocate(first, 10 * row.blocks + 7);
    }
    frame_heap second(pool);
    for (void* const frame : frames) {
        std::memset(frame, 1, size);
    }
    free_all(second, frames);
    second.part_with_all();
    EXPECT_EQ(pool.unused_pages(), pool.pages());
}

TEST(frame_heap, freed_frames_are_poisoned_for_the_sanitizer) {
    if constexpr (!brigade::detail::sync::under_address_sanitizer) {
        GTEST_SKIP() << "only with AddressSanitizer";
    } else {
        frame_pool pool;
        frame_heap home(pool);
        frame_heap other(pool);
        const std::vector<void*> frames = allocate(home, 2);
        home.free(frames[0], size);
        other.free(frames[1], size);
        for (void* const frame : frames) {
            EXPECT_NE(__asan_address_is_poisoned(frame), 0);
            EXPECT_NE(__asan_address_is_poisoned(static_cast<std::byte*>(frame) + size - 1), 0);
        }
        other.settle();
        void* const again = home.allocate(size - 8);
        EXPECT_EQ(again, frames[0]);
        EXPECT_EQ(__asan_region_is_poisoned(again, size - 8), nullptr);
        EXPECT_NE(__asan_address_is_poisoned(static_cast<std::byte*>(again) + size - 8), 0) << "past the end";
        home.free(again, size);
    }
}

TEST(frame_pool, keeps_few_pages_when_nobody_watches) {
    frame_pool pool;
    frame_heap heap(pool);
    free_all(heap, allocate(heap, 300 * row.blocks));
    EXPECT_LE(pool.unused_pages(), 2 * frame_pool::kept);
    EXPECT_LE(pool.pages(), 2 * frame_pool::kept + frame_heap::most_reserve + frame_heap::most_spares + 4);
}

TEST(frame_pool, keeps_the_pages_of_a_burst_while_somebody_watches) {
    frame_pool pool;
    frame_heap heap(pool);
    pool.watch();
    free_all(heap, allocate(heap, 300 * row.blocks));
    heap.settle();
    EXPECT_GE(pool.unused_pages(), 290U);
    const std::size_t pages = pool.pages();
    free_all(heap, allocate(heap, 300 * row.blocks));
    EXPECT_EQ(pool.pages(), pages);
    EXPECT_TRUE(pool.has_excess());
    pool.unwatch();
    EXPECT_LE(pool.unused_pages(), 2 * frame_pool::kept);
}

TEST(frame_pool, gives_back_some_at_a_time_and_says_when_there_is_no_more) {
    frame_pool pool;
    frame_heap heap(pool);
    pool.watch();
    free_all(heap, allocate(heap, 100 * row.blocks));
    heap.part_with_all();
    std::size_t before = pool.pages();
    int times = 0;
    while (pool.give_back_some()) {
        EXPECT_LT(pool.pages(), before);
        before = pool.pages();
        ++times;
    }
    EXPECT_GT(times, 1);
    EXPECT_FALSE(pool.has_excess());
    EXPECT_EQ(pool.pages(), frame_pool::kept);
    pool.unwatch();
}

}  // namespace
