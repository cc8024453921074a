#include "executor/frame_pool.hpp"

#include <new>
#include <utility>

#include <oneapi/tbb/scalable_allocator.h>

namespace brigade::detail {

frame_page* frame_pool::from_system() {
    void* const memory = ::scalable_aligned_malloc(frame_sizes::page, frame_sizes::page);
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    // pairs: to_system(). oneTBB has an order of its own, which ThreadSanitizer does not see.
    pages_.fetch_add(1, std::memory_order_acquire);
    return ::new (memory) frame_page;
}

void frame_pool::to_system(frame_page* page) noexcept {
    page->~frame_page();
    sync::reuse(page, frame_sizes::page);
    pages_.fetch_sub(1, std::memory_order_release);  // pairs: from_system()
    ::scalable_aligned_free(page);
}

void* frame_pool::take_large(std::size_t size) {
    void* const frame = ::scalable_malloc(size);
    if (frame == nullptr) {
        throw std::bad_alloc();
    }
    // pairs: release_large(), as in from_system()
    large_frames_.fetch_add(1, std::memory_order_acquire);
    return frame;
}

void frame_pool::release_large(void* frame) noexcept {
    large_frames_.fetch_sub(1, std::memory_order_release);  // pairs: take_large()
    ::scalable_free(frame);
}

frame_pool::~frame_pool() {
    sync::invariant("FRM3", [this] { return listed_pages() == 0 && pages() == unused_pages(); });
    while (frame_page* const page = pop_unused()) {
        to_system(page);
    }
}

frame_page& frame_pool::take_unused(unsigned size_class, frame_heap* owner) {
    frame_page* page = pop_unused();
    if (page == nullptr) {
        page = from_system();
    }
    page->format(size_class, owner);
    return *page;
}

frame_page* frame_pool::take_listed(unsigned size_class, frame_heap* owner) noexcept {
    shelf& s = shelves_[size_class];
    if (s.length.load(std::memory_order_relaxed) == 0) {  // a look that spares the lock
        return nullptr;
    }
    const sync::lock lock(s.mutex);
    for (frame_page* page = s.first; page != nullptr; page = page->next) {
        if (page->claim()) {
            unlist(*page);
            page->set_owner(owner);
            return page;
        }
    }
    return nullptr;
}

// Under the shelf's lock.
void frame_pool::unlist(frame_page& page) noexcept {
    shelf& s = shelves_[page.size_class()];
    (page.previous != nullptr ? page.previous->next : s.first) = page.next;
    if (page.next != nullptr) {
        page.next->previous = page.previous;
    }
    s.length.store(s.length.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);  // written under the lock
}

void frame_pool::part_with(frame_page& page) noexcept {
    frame_page::state now = page.leave(false);
    if (now == frame_page::state::owned) {
        shelf& s = shelves_[page.size_class()];
        const sync::lock lock(s.mutex);
        now = page.leave(true);
        if (now == frame_page::state::listed) {
            // Whoever empties the page from now on waits for the lock before it unlinks it (FRM2).
            page.previous = nullptr;
            page.next = std::exchange(s.first, &page);
            if (page.next != nullptr) {
                page.next->previous = &page;
            }
            s.length.store(s.length.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        }
    }
    if (now == frame_page::state::emptied) {
        release(page);
    }
}

frame_pool::outcome frame_pool::give_back(frame_page& page, frame_block* first, frame_block* last,
                                          std::uint32_t count) noexcept {
    const frame_page::transition done = page.give_back(first, last, count);
    if (done.before == done.after) {
        return {};
    }
    if (done.after == frame_page::state::owned) {
        return {.adopted = &page};
    }
    if (done.before == frame_page::state::listed) {
        const sync::lock lock(shelves_[page.size_class()].mutex);
        unlist(page);
    }
    return {.unused = &page};
}

void frame_pool::release_block(void* frame, std::size_t size) noexcept {
    frame_block* const block = frame_block::made_of(frame, frame_sizes::class_of(size), nullptr);
    const outcome done = give_back(*frame_page::of(frame), block, block, 1);
    if (done.adopted != nullptr) {
        part_with(*done.adopted);
    } else if (done.unused != nullptr) {
        release(*done.unused);
    }
}

void frame_pool::release(frame_page& page) noexcept {
    std::size_t count = 0;
    {
        const sync::lock lock(unused_mutex_);
        page.next = std::exchange(unused_, &page);
        count = unused_count_.fetch_add(1, std::memory_order_seq_cst) + 1;  // pairs: the load in unwatch() (FRM5)
    }
    // pairs: the subtraction in unwatch() (FRM5).
    if (count > 2 * kept && watchers_.load(std::memory_order_seq_cst) == 0) {
        give_back_excess();
    }
}

frame_page* frame_pool::pop_unused() noexcept {
    if (unused_count_.load(std::memory_order_relaxed) == 0) {  // a look that spares the lock
        return nullptr;
    }
    const sync::lock lock(unused_mutex_);
    if (unused_ == nullptr) {
        return nullptr;
    }
    unused_count_.fetch_sub(1, std::memory_order_relaxed);  // FRM5 is about growth
    return std::exchange(unused_, unused_->next);
}

bool frame_pool::give_back_some() noexcept {
    constexpr std::size_t at_once = 16;  // some 50 us
    bool some = false;
    for (std::size_t i = 0; i < at_once && has_excess(); ++i) {
        frame_page* const page = pop_unused();
        if (page == nullptr) {
            break;
        }
        to_system(page);
        some = true;
    }
    if (!some || has_excess()) {
        return some;
    }
    ::scalable_allocation_command(TBBMALLOC_CLEAN_ALL_BUFFERS, nullptr);
    return false;
}

void frame_pool::give_back_excess() noexcept {
    while (give_back_some()) {
    }
}

void frame_pool::watch() noexcept {
    // Relaxed: a release() that does not see it gives back itself, and one that does comes before the subtraction in
    // unwatch(), as all that FRM5 needs.
    watchers_.fetch_add(1, std::memory_order_relaxed);
}

void frame_pool::unwatch() noexcept {
    // pairs: release(): its count comes before its look at the watchers, as this comes before the look at the count.
    watchers_.fetch_sub(1, std::memory_order_seq_cst);
    if (unused_count_.load(std::memory_order_seq_cst) > 2 * kept) {  // pairs: release() (FRM5)
        give_back_excess();
    }
}

std::size_t frame_pool::listed_pages() const noexcept {
    std::size_t sum = 0;
    for (const shelf& s : shelves_) {
        sum += s.length.load(std::memory_order_relaxed);
    }
    return sum;
}

}  // namespace brigade::detail
