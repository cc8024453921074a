// Models of the pages that all heaps share: the lists of those that can be used again, and of those that nobody uses.
#include <array>
#include <cstddef>
#include <span>

#include "tests/explore/parts_of_frame_models.hpp"
#include "tests/explore/parts_of_models.hpp"

namespace explore {
namespace {

// The caller owns the page and takes some of its blocks.
template <std::size_t N>
[[nodiscard]] std::array<number_frame, N> take_some(frame_page& page) {
    std::array<number_frame, N> frames;
    for (number_frame& f : frames) {
        frame_block* block = nullptr;
        require(page.refill(1) && page.take(1, block) == 1, "the page has a block");
        f = number_frame::in(block, page.size_class());
    }
    return frames;
}

// As a heap would, whose thread has no use for the page.
void give_back(frame_pool& pool, number_frame frame, unsigned size_class) {
    frame_block* const block = frame.retire(size_class);
    frame_page& page = *frame_page::of(block);
    const frame_pool::outcome done = pool.give_back(page, block, block, 1);
    if (done.adopted != nullptr) {
        pool.part_with(*done.adopted);
    }
    if (done.unused != nullptr) {
        pool.release(*done.unused);
    }
}

MODEL(frame_pool_model, the_last_block_comes_back_as_the_owner_parts_with_the_page) {
    frame_pool pool;
    frame_page& page = pool.take_unused(few_blocks, nullptr);
    const auto frames = take_some<1>(page);
    {
        const model_thread other([&] { give_back(pool, frames[0], few_blocks); });
        pool.part_with(page);
    }
    require(pool.listed_pages() == 0 && pool.unused_pages() == 1, "nobody uses it");
}

MODEL(frame_pool_model, a_block_of_a_full_page_comes_back_as_the_owner_parts_with_it) {
    frame_pool pool;
    frame_page& page = pool.take_unused(few_blocks, nullptr);
    const auto frames = take_some<4>(page);
    {
        const model_thread other([&] { give_back(pool, frames[0], few_blocks); });
        pool.part_with(page);
    }
    require(pool.listed_pages() == 1, "by the one or by the other");
    for (const number_frame& f : std::span(frames).subspan(1)) {
        give_back(pool, f, few_blocks);
    }
    require(pool.listed_pages() == 0 && pool.unused_pages() == 1, "nobody uses it");
}

MODEL(frame_pool_model, all_blocks_come_back_from_two_threads_as_the_owner_parts_with_the_page) {
    frame_pool pool;
    frame_page& page = pool.take_unused(few_blocks, nullptr);
    const auto frames = take_some<2>(page);
    {
        const model_thread first([&] { give_back(pool, frames[0], few_blocks); });
        const model_thread second([&] { give_back(pool, frames[1], few_blocks); });
        pool.part_with(page);
    }
    require(pool.listed_pages() == 0 && pool.unused_pages() == 1, "nobody uses it");
}

MODEL(frame_pool_model, one_of_two_heaps_gets_the_listed_page) {
    frame_pool pool;
    frame_page& page = pool.take_unused(few_blocks, nullptr);
    const auto frames = take_some<1>(page);
    pool.part_with(page);
    std::array<frame_page*, 2> got{};
    const auto take = [&](unsigned me) {
        got[me] = pool.take_listed(few_blocks, nullptr);
        if (got[me] != nullptr) {
            require(got[me]->refill(1), "it has blocks");
        }
    };
    {
        const model_thread other([&] { take(1); });
        take(0);
    }
    require((got[0] != nullptr) != (got[1] != nullptr), "not both");
    pool.part_with(page);
    give_back(pool, frames[0], few_blocks);
}

MODEL(frame_pool_model, the_last_block_of_a_listed_page_comes_back_while_a_heap_looks_for_one) {
    frame_pool pool;
    frame_page& page = pool.take_unused(few_blocks, nullptr);
    const auto frames = take_some<1>(page);
    pool.part_with(page);
    {
        const model_thread other([&] { give_back(pool, frames[0], few_blocks); });
        if (frame_page* const taken = pool.take_listed(few_blocks, nullptr)) {
            require(taken->refill(1), "it has blocks");
            pool.part_with(*taken);
        }
    }
    require(pool.listed_pages() == 0 && pool.unused_pages() == 1, "nobody uses it");
}

MODEL_WITH(frame_pool_model, pages_in_the_midst_of_a_list_leave_it_while_a_heap_looks_through_it, thorough(2, 800)) {
    frame_pool pool;
    std::array<number_frame, 3> frames;
    for (number_frame& f : frames) {
        frame_page& page = pool.take_unused(few_blocks, nullptr);
        f = take_some<1>(page)[0];
        pool.part_with(page);
    }
    {
        const model_thread first([&] { give_back(pool, frames[1], few_blocks); });
        const model_thread second([&] { give_back(pool, frames[2], few_blocks); });
        if (frame_page* const taken = pool.take_listed(few_blocks, nullptr)) {
            pool.part_with(*taken);
        }
    }
    require(pool.listed_pages() == 1, "the first, in which a block is in use");
    give_back(pool, frames[0], few_blocks);
}

MODEL(frame_pool_model, pages_are_listed_by_two_threads_at_once) {
    frame_pool pool;
    std::array<number_frame, 2> frames;
    const auto list_one = [&](unsigned me) {
        frame_page& page = pool.take_unused(few_blocks, nullptr);
        frames[me] = take_some<1>(page)[0];
        pool.part_with(page);
    };
    {
        const model_thread other([&] { list_one(1); });
        list_one(0);
    }
    require(pool.listed_pages() == 2, "both");
    give_back(pool, frames[0], few_blocks);
    give_back(pool, frames[1], few_blocks);
    require(pool.listed_pages() == 0, "none is left");
}

MODEL(frame_pool_model, an_unused_page_passes_from_one_thread_to_another) {
    frame_pool pool;
    {
        const model_thread other([&] {
            frame_page& page = pool.take_unused(few_blocks, nullptr);
            const auto frames = take_some<1>(page);
            pool.part_with(page);
            give_back(pool, frames[0], few_blocks);
        });
        frame_page& page = pool.take_unused(many_blocks, nullptr);
        const auto frames = take_some<2>(page);
        pool.part_with(page);
        give_back(pool, frames[0], many_blocks);
        give_back(pool, frames[1], many_blocks);
    }
    require(pool.pages() == pool.unused_pages(), "none is lost");
}

// ------------------------------------------------------------------------------------------------ excess (FRM5)

// `count` pages that are in use, by nobody in particular.
template <std::size_t N>
[[nodiscard]] std::array<frame_page*, N> take_pages(frame_pool& pool) {
    std::array<frame_page*, N> pages{};
    for (frame_page*& p : pages) {
        p = &pool.take_unused(few_blocks, nullptr);
    }
    return pages;
}
static_assert(frame_pool::kept == 1);

MODEL(frame_pool_model, a_page_is_released_as_the_only_watcher_leaves) {
    frame_pool pool;
    pool.watch();
    const auto pages = take_pages<3>(pool);
    pool.release(*pages[0]);
    pool.release(*pages[1]);
    {
        const model_thread other([&] { pool.release(*pages[2]); });
        pool.unwatch();
    }
    require(pool.unused_pages() <= 2 * frame_pool::kept, "FRM5: one of the two gives back");
}

MODEL_WITH(frame_pool_model, a_page_is_released_as_two_watchers_leave, thorough(2, 1'200)) {
    frame_pool pool;
    pool.watch();
    pool.watch();
    const auto pages = take_pages<3>(pool);
    pool.release(*pages[0]);
    pool.release(*pages[1]);
    {
        const model_thread other([&] { pool.unwatch(); });
        const model_thread releaser([&] { pool.release(*pages[2]); });
        pool.unwatch();
    }
    require(pool.unused_pages() <= 2 * frame_pool::kept, "FRM5: one of the three gives back");
}

MODEL_WITH(frame_pool_model, a_watcher_comes_and_goes_while_pages_are_released, thorough(2, 2'000)) {
    frame_pool pool;
    const auto pages = take_pages<4>(pool);
    pool.release(*pages[0]);
    pool.release(*pages[1]);
    {
        const model_thread releaser([&] {
            pool.release(*pages[2]);
            pool.release(*pages[3]);
        });
        pool.watch();
        pool.unwatch();
    }
    require(pool.unused_pages() <= 2 * frame_pool::kept, "FRM5: one of the two gives back");
}

MODEL_WITH(frame_pool_model, two_give_back_the_excess_while_a_heap_takes_a_page, thorough(2, 600)) {
    frame_pool pool;
    pool.watch();
    const auto pages = take_pages<4>(pool);
    for (frame_page* const p : pages) {
        pool.release(*p);
    }
    frame_page* taken = nullptr;
    {
        const model_thread heap([&] { taken = &pool.take_unused(few_blocks, nullptr); });
        const model_thread other([&] {
            while (pool.give_back_some()) {
            }
        });
        pool.unwatch();
    }
    require(pool.unused_pages() <= frame_pool::kept, "no more than should be");
    pool.release(*taken);
}

// ------------------------------------------------------------------------------------------------------ single frames

MODEL(frame_pool_model, a_thread_without_a_heap_frees_beside_one_that_has_one) {
    frame_pool pool;
    frame_page& page = pool.take_unused(few_blocks, nullptr);
    const auto frames = take_some<4>(page);
    const auto free_two = [&](std::size_t from) {
        for (const number_frame& f : std::span(frames).subspan(from, 2)) {
            f.use();
            pool.release_block(f.place(), few_size);
        }
    };
    {
        const model_thread first([&] { free_two(0); });
        const model_thread second([&] { free_two(2); });
        pool.part_with(page);
    }
    require(pool.listed_pages() == 0 && pool.unused_pages() == 1, "nobody uses it");
}

MODEL(frame_pool_model, a_large_frame_is_freed_by_another_thread) {
    frame_pool pool;
    const number_frame frame(pool.take_large(frame_sizes::largest + 1), frame_sizes::largest + 1);
    {
        const model_thread other([&] {
            frame.use();
            pool.release_large(frame.place());
        });
        pool.release_large(pool.take_large(frame_sizes::largest + 1));
    }
    require(pool.large_frames() == 0, "none is left");
}

}  // namespace
}  // namespace explore
