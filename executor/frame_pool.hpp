// What the heaps of all threads share: pages that have free blocks and no owner, and pages that nobody uses.
//
// Unused pages are kept, for the next burst, until nobody needs them soon: a page that comes anew from the system costs
// 25 us (16 page faults), as much as 160 frames from malloc, and bursts come one after the other. A worker that has had
// nothing to do for a while gives back all but `kept`. Which worker? Each one that is awake, or has not slept for long,
// counts as a watcher:
//
//   FRM5  Whenever nobody watches and nobody is inside release() or unwatch(), no more than 2 * kept pages are kept.
//         release() counts the page and then looks for watchers, unwatch() counts itself off and then looks at the
//         pages, all four sequentially consistent, so at least one of the two sees that it must give back.
//
// oneTBB gives a page back to the system when all of the region that it took for it is free, and keeps some in caches;
// of a burst of 400 MiB it kept 20 to 70 MiB. Asked to clean its buffers, it kept none.
//
// Locks: one for each class's list, one for the unused pages. Both are taken once for many frames: a page is listed,
// claimed or unlisted after a quarter of its blocks at least has come back.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <brigade/detail/sync.hpp>

#include "executor/frame_page.hpp"

namespace brigade::detail {

class frame_pool {
public:
    static constexpr std::size_t kept = sync::sizes.frame_pages_kept;  // unused pages

    frame_pool() = default;
    // Every frame has been freed, and the heaps are gone.
    ~frame_pool();
    frame_pool(const frame_pool&) = delete;
    frame_pool& operator=(const frame_pool&) = delete;

    // Any thread, all below.

    // A page with free blocks of that class, which becomes the owner's; null when none is listed.
    [[nodiscard]] frame_page* take_listed(unsigned size_class, frame_heap* owner) noexcept;
    // A page that nobody uses, for blocks of that class, the owner's. Throws std::bad_alloc.
    [[nodiscard]] frame_page& take_unused(unsigned size_class, frame_heap* owner);
    // A page that nobody uses and only the caller knows.
    void release(frame_page& page) noexcept;
    // A page that is the caller's.
    void part_with(frame_page& page) noexcept;
    // A run of blocks of the page. A page when it has become the caller's by that: with blocks in use, or unused.
    struct outcome {
        frame_page* adopted = nullptr;
        frame_page* unused = nullptr;
    };
    [[nodiscard]] outcome give_back(frame_page& page, frame_block* first, frame_block* last,
                                    std::uint32_t count) noexcept;

    // One frame, for a thread that could not get a heap.
    void release_block(void* frame, std::size_t size) noexcept;

    // Frames that are too large for a page: oneTBB's.
    [[nodiscard]] void* take_large(std::size_t size);
    void release_large(void* frame) noexcept;

    // Whether more unused pages are kept than should be for long.
    [[nodiscard]] bool has_excess() const noexcept {
        return unused_count_.load(std::memory_order_relaxed) > kept;  // never older than what the caller has seen
    }
    // Gives some unused pages back to the system. False when that was all that should be.
    bool give_back_some() noexcept;
    void watch() noexcept;
    void unwatch() noexcept;

    // Statistics: pages that came from oneTBB and have not gone back, and those among them that nobody uses.
    [[nodiscard]] std::size_t pages() const noexcept { return pages_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::size_t unused_pages() const noexcept { return unused_count_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::size_t listed_pages() const noexcept;
    [[nodiscard]] std::size_t large_frames() const noexcept { return large_frames_.load(std::memory_order_relaxed); }

private:
    struct alignas(sync::cache_line) shelf {
        sync::mutex mutex;
        frame_page* first = nullptr;
        sync::atomic<std::size_t> length{0};
    };

    [[nodiscard]] frame_page* from_system();
    void to_system(frame_page* page) noexcept;
    [[nodiscard]] frame_page* pop_unused() noexcept;
    void unlist(frame_page& page) noexcept;
    void give_back_excess() noexcept;

    std::array<shelf, frame_sizes::classes> shelves_;
    alignas(sync::cache_line) sync::mutex unused_mutex_;
    frame_page* unused_ = nullptr;
    sync::atomic<std::size_t> unused_count_{0};
    sync::atomic<std::size_t> pages_{0};
    sync::atomic<std::size_t> large_frames_{0};
    sync::atomic<std::size_t> watchers_{0};
};

}  // namespace brigade::detail
