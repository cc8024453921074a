// Models of frame memory as threads have it: heaps with their magazines, and frames that are freed elsewhere.
#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include <brigade/detail/frame_memory.hpp>
#include <brigade/executor.hpp>
#include <brigade/fork.hpp>
#include <brigade/yield.hpp>

#include "tests/explore/parts_of_frame_models.hpp"
#include "tests/explore/parts_of_models.hpp"

namespace explore {
namespace {

using brigade::task;
using brigade::detail::allocate_frame;
using brigade::detail::free_frame;

// ------------------------------------------------------------------------------------------- heaps, one for a thread

[[nodiscard]] number_frame allocate(frame_heap& heap, std::size_t size) {
    return {heap.allocate(size), size};
}
void free(frame_heap& heap, number_frame frame, std::size_t size) {
    frame.use();
    heap.free(frame.place(), size);
}
template <std::size_t N>
[[nodiscard]] std::array<number_frame, N> allocate_some(frame_heap& heap, std::size_t size) {
    std::array<number_frame, N> frames;
    for (number_frame& f : frames) {
        f = allocate(heap, size);
    }
    return frames;
}

MODEL(frame_heap_model, a_frame_is_freed_by_a_second_thread_and_its_memory_used_by_a_third) {
    frame_pool pool;
    frame_heap heap(pool);
    const auto frames = allocate_some<4>(heap, few_size);  // all of a page
    heap.part_with_all();
    {
        const model_thread second([&] {
            frame_heap own(pool);
            free(own, frames[0], few_size);
            own.part_with_all();
        });
        const model_thread third([&] {
            frame_heap own(pool);
            free(own, allocate(own, few_size), few_size);
        });
    }
    for (const number_frame& f : std::span(frames).subspan(1)) {
        free(heap, f, few_size);
    }
    heap.part_with_all();
    require(pool.listed_pages() == 0 && pool.pages() == pool.unused_pages(), "no page is lost");
}

MODEL(frame_heap_model, a_frame_is_freed_elsewhere_while_its_heap_allocates) {
    frame_pool pool;
    frame_heap heap(pool);
    const auto frames = allocate_some<4>(heap, few_size);
    {
        const model_thread other([&] {
            frame_heap own(pool);
            free(own, frames[0], few_size);
            free(own, frames[1], few_size);
        });
        free(heap, allocate(heap, few_size), few_size);
    }
    free(heap, frames[2], few_size);
    free(heap, frames[3], few_size);
    heap.part_with_all();
    require(pool.listed_pages() == 0 && pool.pages() == pool.unused_pages(), "no page is lost");
}

MODEL(frame_heap_model, the_heap_ends_while_two_threads_free_its_frames) {
    frame_pool pool;
    std::optional<frame_heap> heap(std::in_place, pool);
    const auto frames = allocate_some<2>(*heap, few_size);
    {
        const auto free_one = [&](unsigned which) {
            frame_heap own(pool);
            free(own, frames[which], few_size);
        };
        const model_thread first([&] { free_one(0); });
        const model_thread second([&] { free_one(1); });
        heap.reset();
    }
    require(pool.listed_pages() == 0 && pool.pages() == pool.unused_pages(), "no page is lost");
}

MODEL(frame_heap_model, magazines_are_emptied_before_the_thread_rests) {
    frame_pool pool;
    frame_heap heap(pool);
    const auto frames = allocate_some<2>(heap, few_size);
    heap.part_with_all();
    require(pool.listed_pages() == 1, "the page of both");
    {
        frame_heap own(pool);
        const model_thread other([&] {
            frame_heap its(pool);
            free(its, frames[0], few_size);
            its.settle();
        });
        free(own, frames[1], few_size);
        own.settle();
        require(pool.listed_pages() <= 1, "no page is listed twice");
    }
    require(pool.listed_pages() == 0, "no block stands in a magazine");
}

MODEL(frame_heap_model, runs_of_blocks_from_two_pages_stand_in_one_magazine) {
    frame_pool pool;
    frame_heap heap(pool);
    const auto first = allocate_some<10>(heap, many_size);   // all of a page
    const auto second = allocate_some<10>(heap, many_size);  // all of the next
    heap.part_with_all();
    const auto free_all = [&](std::span<const number_frame> frames) {
        frame_heap own(pool);
        for (const number_frame& f : frames) {
            free(own, f, many_size);
        }
    };
    free_all(std::span(first).first(8));
    free_all(std::span(second).first(8));
    {
        const model_thread other([&] { free_all(std::array{first[8], second[8]}); });
        free_all(std::array{second[9], first[9]});
    }
    require(pool.listed_pages() == 0 && pool.pages() == pool.unused_pages(), "no page is lost");
}

MODEL(frame_heap_model, the_thread_that_brings_the_block_adopts_the_page) {
    frame_pool pool;
    frame_heap heap(pool);
    const auto frames = allocate_some<4>(heap, few_size);
    heap.part_with_all();
    const auto free_and_allocate = [&](unsigned from) {
        frame_heap own(pool);
        free(own, frames[from], few_size);
        free(own, frames[from + 1], few_size);
        free(own, allocate(own, few_size), few_size);
    };
    {
        const model_thread first([&] { free_and_allocate(0); });
        const model_thread second([&] { free_and_allocate(2); });
    }
    require(pool.listed_pages() == 0 && pool.pages() == pool.unused_pages(), "no page is lost");
}

MODEL(frame_heap_model, a_page_whose_blocks_one_thread_freed_serves_another_size) {
    frame_pool pool;
    const auto frames = [&pool] {
        frame_heap heap(pool);
        return allocate_some<6>(heap, few_size);  // all of a page, and as many as stand in magazines
    }();
    {
        const model_thread other([&] {
            frame_heap own(pool);
            for (const number_frame& f : frames) {
                free(own, f, few_size);
            }
            free(own, allocate(own, many_size), many_size);
            require(pool.pages() == 2, "the page that was adopted, and is unused now");
        });
    }
    require(pool.listed_pages() == 0 && pool.pages() == pool.unused_pages(), "no page is lost");
}

MODEL(frame_heap_model, the_last_block_of_an_adopted_page_comes_back_from_another_thread) {
    frame_pool pool;
    const auto frames = [&pool] {
        frame_heap heap(pool);
        return allocate_some<5>(heap, few_size);  // all of a page, and one of another
    }();
    {
        const model_thread other([&] {
            frame_heap own(pool);
            free(own, frames[0], few_size);
        });
        frame_heap own(pool);
        for (const number_frame& f : std::span(frames).subspan(1)) {
            free(own, f, few_size);
        }
        free(own, allocate(own, many_size), many_size);
    }
    require(pool.listed_pages() == 0 && pool.pages() == pool.unused_pages(), "no page is lost");
}

MODEL(frame_heap_model, a_heap_takes_over_the_page_that_another_parts_with) {
    frame_pool pool;
    frame_heap heap(pool);
    const number_frame frame = allocate(heap, few_size);
    {
        const model_thread other([&] {
            frame_heap own(pool);
            const number_frame its = allocate(own, few_size);
            free(own, its, few_size);
        });
        heap.part_with_all();
    }
    free(heap, frame, few_size);
    heap.part_with_all();
    require(pool.listed_pages() == 0 && pool.pages() == pool.unused_pages(), "no page is lost");
}

// -------------------------------------------------------------------------------------------- the process's memory

// The process's pool looks at its end whether a page is missing (FRM3).

[[nodiscard]] number_frame allocate_here(std::size_t size) {
    return {allocate_frame(size), size};
}
void free_here(number_frame frame, std::size_t size) {
    frame.use();
    free_frame(frame.place(), size);
}

MODEL(frame_memory_model, a_thread_ends_while_another_frees_its_frames) {
    std::array<number_frame, 2> frames;
    event allocated;
    const model_thread other([&] {
        frames = {allocate_here(few_size), allocate_here(few_size)};
        allocated.happen();
        free_here(frames[1], few_size);
    });
    allocated.wait();
    free_here(frames[0], few_size);
}

MODEL(frame_memory_model, two_threads_free_each_others_frames) {
    const number_frame mine = allocate_here(few_size);
    number_frame theirs;
    event allocated;
    const model_thread other([&] {
        theirs = allocate_here(few_size);
        allocated.happen();
        free_here(mine, few_size);
        free_here(allocate_here(few_size), few_size);
    });
    allocated.wait();
    free_here(theirs, few_size);
    free_here(allocate_here(few_size), few_size);
}

MODEL(frame_memory_model, a_thread_rests_while_another_frees_its_frames) {
    const std::array frames{allocate_here(few_size), allocate_here(few_size)};
    {
        const model_thread other([&] {
            free_here(frames[0], few_size);
            (void)brigade::detail::settle_frames();
        });
        free_here(frames[1], few_size);
        (void)brigade::detail::settle_frames();
        while (brigade::detail::give_back_some_frames()) {
        }
    }
    require(brigade::detail::process_frame_pool().listed_pages() == 0, "no block stands in a magazine");
}

MODEL(frame_memory_model, a_large_frame_is_freed_by_another_thread) {
    constexpr std::size_t large = frame_sizes::largest + 1;
    const number_frame frame = allocate_here(large);
    {
        const model_thread other([&] { free_here(frame, large); });
        free_here(allocate_here(large), large);
    }
    require(brigade::detail::process_frame_pool().large_frames() == 0, "none is left");
}

// -------------------------------------------------------------------------------------------------- frames of tasks

task<int> leaf(int value) {
    co_await brigade::yield();
    co_return value;
}

MODEL_WITH(frame_memory_model, the_frame_of_a_task_is_freed_by_the_worker_that_ran_it, orders_only(1, 600)) {
    int sum = 0;
    {
        brigade::executor ex({.workers = 1});
        sum = ex.block_on(leaf, 1) + ex.block_on(leaf, 10);
    }
    require(sum == 11, "both results");
}

MODEL_WITH(frame_memory_model, frames_of_forked_tasks_end_on_two_workers, orders_only(1, 600)) {
    brigade::executor ex({.workers = 2});
    const int sum = ex.block_on([]() -> task<int> {
        int a = 0;
        int b = 0;
        co_await brigade::fork(a, leaf(1));
        co_await brigade::fork(b, leaf(10));
        co_await brigade::join();
        co_return a + b;
    });
    require(sum == 11, "both results");
}

}  // namespace
}  // namespace explore
