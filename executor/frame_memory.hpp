// Memory for coroutine frames: each thread has a heap, a heap owns pages, a page has blocks of one size.
//
//   allocate   a block of the thread's current page for that size: no lock, no read-modify-write, two cache lines
//   free       into a page of the thread's own: the same. Into another: the block joins the open chain for its size;
//              the chain goes back, by one compare-exchange of the page's word, when it is long enough, when a block of
//              another page comes up, when the thread has nothing to do, and when it ends.
//
// A page that has run out of blocks is left to itself: nobody owns it and nobody lists it (frame_page.hpp). The thread
// that frees a quarter of it becomes its owner, or, when it has enough of such pages, puts it into the pool, where a
// heap that needs a page finds it. Whoever frees the last block of a page without owner has it for itself.
// So memory goes to where frames are freed, and it takes nobody's cooperation to get it back: neither the thread that
// allocated (it may sleep, compute, or have ended) nor the heap that it had.
//
//   FRM6  A heap owns at most one current page for each class, `most_spares` others of each, and `most_reserve` unused
//         ones. So what a thread that never comes back keeps from others is bounded, whatever it has allocated.
//   FRM7  Only its thread touches a heap. Others compare its address with that of their own heap and never follow it.
//         When the thread ends, its heap parts with its pages and is gone.
//
// Rejected:
//   - A list of freed frames for each heap, taken by the heap's thread, as in mimalloc and snmalloc. After a burst that
//     one thread spawned and others freed, all memory waits for a thread that may sleep in main() for ever; and a
//     thread that ends leaves an orphan that others must adopt, a second protocol that runs rarely.
//   - Returning each block to the page's word at once: a compare-exchange for each frame that is not the thread's own;
//     with chains it is one for 32.
//   - Adoption at the first block that is freed, as SLUB does. Where frames end in random order each free would adopt a
//     page and drop another.
//   - Pages straight from and to oneTBB. See frame_pool.hpp for the cost of one.
//
// Sources: Bonwick's slab allocator as Linux's SLUB has it (while a page is full it has no owner, and nobody lists it);
// mimalloc (pages aligned to their size; a page's own list, extended a few blocks at a time); snmalloc (batches).
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <brigade/detail/frame_memory.hpp>
#include <brigade/detail/sync.hpp>

#include "executor/frame_page.hpp"
#include "executor/frame_pool.hpp"

namespace brigade::detail {

class frame_heap {
public:
    static constexpr unsigned most_spares = 3;
    static constexpr unsigned most_reserve = 8;
    static constexpr unsigned reserve_at_rest = 1;

    explicit frame_heap(frame_pool& pool) noexcept : pool_(pool) {}
    ~frame_heap();
    frame_heap(const frame_heap&) = delete;
    frame_heap& operator=(const frame_heap&) = delete;

    // `size` is at most frame_sizes::largest.
    [[nodiscard]] void* allocate(std::size_t size) {
        const unsigned size_class = frame_sizes::class_of(size);
        if (frame_page* const page = bins_[size_class].current) [[likely]] {
            if (void* const block = page->take(size)) [[likely]] {
                return block;
            }
        }
        return allocate_slow(size_class, size);
    }
    void free(void* frame) noexcept {
        frame_page* const page = frame_page::of(frame);
        if (!page->belongs_to(this)) [[unlikely]] {
            chain(*page, frame);
        } else if (page->put(frame) && bins_[page->size_class()].current != page) [[unlikely]] {
            drop_spare(*page);
        }
    }

    // Before the thread rests: gives back open chains, and pages that others may want.
    void settle() noexcept;
    // Keeps nothing. The heap stays usable.
    void part_with_all() noexcept;

private:
    struct bin {
        frame_page* current = nullptr;
        frame_page* spares = nullptr;  // with free blocks
        unsigned spare_count = 0;
        // The open chain of blocks of a page that is not ours.
        std::uint32_t chained = 0;
        frame_page* chain_page = nullptr;
        frame_block* chain_first = nullptr;
        frame_block* chain_last = nullptr;
    };

    [[nodiscard]] void* allocate_slow(unsigned size_class, std::size_t size);
    [[nodiscard]] frame_page& next_page(unsigned size_class);
    void chain(frame_page& page, void* frame) noexcept;
    void flush(bin& b) noexcept;
    void adopt(frame_page& page) noexcept;
    void unlink_spare(frame_page& page) noexcept;
    void drop_spare(frame_page& page) noexcept;
    void keep_unused(frame_page& page) noexcept;
    void shrink_reserve(unsigned most) noexcept;

    frame_pool& pool_;
    std::uint32_t unsettled_ = 0;  // one bit for each bin that may have spares or an open chain
    unsigned reserve_count_ = 0;
    frame_page* reserve_ = nullptr;
    std::array<bin, frame_sizes::classes> bins_;
};
static_assert(frame_sizes::classes <= 32);

// The process's own.
[[nodiscard]] frame_pool& process_frame_pool();

// How long a worker that has nothing to do keeps the pages of the last burst for the next.
inline constexpr std::chrono::milliseconds frame_patience{250};

// For the calling thread's heap, if it has one: before the thread rests. Whether the pool has excess.
[[nodiscard]] bool settle_frames() noexcept;
// As it says, for the calling thread and the process's pool. False when there is no more to give.
bool give_back_some_frames() noexcept;

}  // namespace brigade::detail
