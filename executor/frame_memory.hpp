// Memory for coroutine frames: each thread has a heap, a heap owns pages, a page has blocks of one size.
//
//   allocate   pops a block from the heap's magazine for that size: no lock, no read-modify-write, no page is touched
//   free       pushes it there, whichever page it is of
//
// A magazine that is full goes into the second place, and what stood there goes back to the pages: for each run of
// blocks of one page one compare-exchange of the page's word, or none if the page is the heap's own. When both are
// empty the heap takes as many from its current page for that size. So a thread that frees what it allocates touches
// no page, and one that only frees, or only allocates, touches them once for a magazine. Magazines are
// emptied when the thread has nothing to do, and when it ends.
//
// A page that has run out of blocks is left to itself: nobody owns it and nobody lists it (frame_page.hpp). The thread
// that brings back the block that makes a quarter of it free becomes its owner, or, when it has enough of such pages,
// puts it into the pool, where a heap that needs a page finds it. Whoever brings back the last block of a page without
// owner has the page for itself. So memory goes to where frames are freed, and nobody else has to do anything to get it
// back: neither the thread that allocated, which may sleep, compute or have ended, nor its heap.
//
//   FRM6  A heap owns at most one current page for each class, `most_spares` others of each, and `most_reserve` unused
//         ones; its two magazines for a class hold at most 2 * `magazine` blocks. So what a thread that never comes
//         back keeps from others is bounded, whatever it has allocated.
//   FRM7  Only its thread touches a heap. Others compare its address with that of their own heap and never follow it.
//         When the thread ends, its heap parts with its pages and is gone.
//
// Rejected:
//   - A list of freed frames for each heap, taken by the heap's thread, as in mimalloc and snmalloc. After a burst that
//     one thread spawned and others freed, all memory waits for a thread that may sleep in main() for ever; and a
//     thread that ends leaves an orphan that others must adopt, a second protocol that runs rarely.
//   - No magazines: freeing into the page where it is the thread's own, and else into one open chain for each size. As
//     fast for one frame after the other, but with 1000 frames that end in random order most pages are nobody's, and
//     each frame begins another chain: 18 ns for both, against 4.
//   - Adoption at the first block that is freed, as SLUB does. Where frames end in random order each free would adopt a
//     page and drop another.
//   - Pages straight from and to oneTBB. See frame_pool.hpp for the cost of one.
//
// Sources: Bonwick's slab allocator, with magazines in pairs (Bonwick and Adams, USENIX 2001), and as Linux's SLUB has
// it (while a page is full it has no owner, and nobody lists it); mimalloc (pages aligned to their size; a page's own
// list, extended a few blocks at a time).
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <brigade/detail/frame_memory.hpp>
#include <brigade/detail/sync.hpp>

#include "executor/frame_page.hpp"
#include "executor/frame_pool.hpp"

namespace brigade::detail {

class frame_heap : public frame_magazines {
public:
    static constexpr unsigned most_spares = 3;
    static constexpr unsigned most_reserve = 8;
    static constexpr unsigned reserve_at_rest = 1;

    explicit frame_heap(frame_pool& pool) noexcept : pool_(pool) {}
    ~frame_heap();
    frame_heap(const frame_heap&) = delete;
    frame_heap& operator=(const frame_heap&) = delete;

    // `size` is at most frame_sizes::largest, and the same for both.
    [[nodiscard]] void* allocate(std::size_t size) {
        if (void* const frame = take_block(size)) {
            return frame;
        }
        load(frame_sizes::class_of(size));
        return take_block(size);
    }
    void free(void* frame, std::size_t size) noexcept {
        if (!put_block(frame, size)) {
            unload(frame, frame_sizes::class_of(size));
        }
    }

    // Before the thread rests: gives back what stands in magazines, and pages that others may want.
    void settle() noexcept;
    // Keeps nothing. The heap stays usable.
    void part_with_all() noexcept;

private:
    struct bin {
        frame_magazine second;
        frame_page* current = nullptr;
        frame_page* spares = nullptr;  // with free blocks
        unsigned spare_count = 0;
    };

    void load(unsigned size_class);
    void unload(void* frame, unsigned size_class) noexcept;
    void empty(frame_magazine& m) noexcept;
    void put(frame_page& page, frame_block* first, frame_block* last, std::uint32_t run) noexcept;
    [[nodiscard]] frame_page& page_with_blocks(unsigned size_class);
    [[nodiscard]] frame_page& next_page(unsigned size_class);
    void adopt(frame_page& page) noexcept;
    void unlink_spare(frame_page& page) noexcept;
    void keep_unused(frame_page& page) noexcept;
    void shrink_reserve(unsigned most) noexcept;

    frame_pool& pool_;
    unsigned reserve_count_ = 0;
    frame_page* reserve_ = nullptr;
    std::array<bin, frame_sizes::classes> bins_;
};

// The process's own.
[[nodiscard]] frame_pool& process_frame_pool();

// How long a worker that has nothing to do keeps the pages of the last burst, and its queues' rings, for the next.
inline constexpr std::chrono::milliseconds frame_patience{250};

// For the calling thread's heap, if it has one: before the thread rests. Whether the pool has excess.
[[nodiscard]] bool settle_frames() noexcept;
// As it says, for the calling thread and the process's pool. False when there is no more to give.
bool give_back_some_frames() noexcept;

}  // namespace brigade::detail
