#include "executor/frame_memory.hpp"

#include <new>
#include <utility>

namespace brigade::detail {

frame_heap::~frame_heap() {
    part_with_all();
}

// Fills the empty magazine.
void frame_heap::load(unsigned size_class) {
    bin& b = bins_[size_class];
    frame_magazine& loaded = loaded_[size_class];
    if (b.second.top != nullptr) {
        loaded = std::exchange(b.second, {});
        return;
    }
    frame_page& page = page_with_blocks(size_class);
    loaded.count = page.take(frame_sizes::table.rows[size_class].magazine, loaded.top);
}

// Puts the loaded magazine, which is full, into the second place, and begins another with the frame. So a thread that
// frees and allocates by turns does not come here, or to load(), with each frame.
void frame_heap::unload(void* frame, unsigned size_class) noexcept {
    bin& b = bins_[size_class];
    frame_magazine& loaded = loaded_[size_class];
    empty(b.second);
    b.second = loaded;
    loaded = {.top = frame_block::made_of(frame, size_class, nullptr), .count = 1};
}

void frame_heap::empty(frame_magazine& m) noexcept {
    frame_block* first = std::exchange(m, {}).top;
    while (first != nullptr) {
        frame_page& page = *frame_page::of(first);
        frame_block* last = first;
        frame_block* next = frame_block::after(last);
        std::uint32_t run = 1;
        for (; next != nullptr && frame_page::of(next) == &page; next = frame_block::after(last)) {
            last = next;
            ++run;
        }
        put(page, first, last, run);
        first = next;
    }
}

void frame_heap::put(frame_page& page, frame_block* first, frame_block* last, std::uint32_t run) noexcept {
    if (page.belongs_to(this)) {
        page.put(first, last, run);
        if (bins_[page.size_class()].current != &page && page.is_unused()) {
            unlink_spare(page);
            keep_unused(page);
        }
        return;
    }
    const frame_pool::outcome done = pool_.give_back(page, first, last, run);
    if (done.adopted != nullptr) {
        adopt(*done.adopted);
    } else if (done.unused != nullptr) {
        keep_unused(*done.unused);
    }
}

// The current page, after it has been replaced if it has run out.
frame_page& frame_heap::page_with_blocks(unsigned size_class) {
    bin& b = bins_[size_class];
    // Fewer than an eighth are not worth the exchange: they make others come sooner, as part of an unlisted page.
    const std::uint32_t worth = (frame_sizes::table.rows[size_class].blocks + 7) / 8;
    if (b.current != nullptr && b.current->refill(worth)) {
        return *b.current;
    }
    frame_page& next = next_page(size_class);
    if (b.current != nullptr) {
        pool_.part_with(*b.current);
    }
    b.current = &next;
    [[maybe_unused]] const bool has_some = next.refill(1);
    sync::invariant("FRM4", [has_some] { return has_some; });
    return next;
}

frame_page& frame_heap::next_page(unsigned size_class) {
    if (frame_page* const spare = bins_[size_class].spares) {
        unlink_spare(*spare);
        return *spare;
    }
    if (frame_page* const listed = pool_.take_listed(size_class, this)) {
        return *listed;
    }
    if (reserve_ != nullptr) {
        frame_page& page = *std::exchange(reserve_, reserve_->next);
        --reserve_count_;
        page.format(size_class, this);
        return page;
    }
    return pool_.take_unused(size_class, this);
}

void frame_heap::adopt(frame_page& page) noexcept {
    bin& b = bins_[page.size_class()];
    if (b.spare_count == most_spares) {
        pool_.part_with(page);
        return;
    }
    page.set_owner(this);
    page.previous = nullptr;
    page.next = std::exchange(b.spares, &page);
    if (page.next != nullptr) {
        page.next->previous = &page;
    }
    ++b.spare_count;
}

void frame_heap::unlink_spare(frame_page& page) noexcept {
    bin& b = bins_[page.size_class()];
    (page.previous != nullptr ? page.previous->next : b.spares) = page.next;
    if (page.next != nullptr) {
        page.next->previous = page.previous;
    }
    --b.spare_count;
}

void frame_heap::keep_unused(frame_page& page) noexcept {
    if (reserve_count_ == most_reserve) {
        pool_.release(page);
        return;
    }
    page.next = std::exchange(reserve_, &page);
    ++reserve_count_;
}

void frame_heap::shrink_reserve(unsigned most) noexcept {
    while (reserve_count_ > most) {
        --reserve_count_;
        pool_.release(*std::exchange(reserve_, reserve_->next));
    }
}

void frame_heap::settle() noexcept {
    for (frame_magazine& m : loaded_) {
        empty(m);
    }
    for (bin& b : bins_) {
        empty(b.second);
        while (frame_page* const spare = b.spares) {
            unlink_spare(*spare);
            pool_.part_with(*spare);
        }
    }
    shrink_reserve(reserve_at_rest);
}

void frame_heap::part_with_all() noexcept {
    settle();
    for (bin& b : bins_) {
        if (b.current != nullptr) {
            pool_.part_with(*std::exchange(b.current, nullptr));
        }
    }
    shrink_reserve(0);
}

frame_pool& process_frame_pool() {
    return sync::process_wide<frame_pool>();
}

namespace {

// The heap of the calling thread, or null.
frame_heap* this_heap() noexcept {
    frame_magazines* const m = frame_magazines_pointer::get();
    return m == &no_frame_magazines ? nullptr : static_cast<frame_heap*>(m);
}

void end_this_heap() noexcept {
    delete this_heap();
    frame_magazines_pointer::set(&no_frame_magazines);
}

// As this_heap(), but null only when there is no memory for one.
frame_heap* this_or_new_heap() noexcept {
    if (frame_heap* const heap = this_heap()) {
        return heap;
    }
    auto* const heap = new (std::nothrow) frame_heap(process_frame_pool());
    if (heap != nullptr) {
        frame_magazines_pointer::set(heap);
        sync::at_thread_end(end_this_heap);
    }
    return heap;
}

}  // namespace

void* allocate_frame_rarely(std::size_t size) {
    if (size > frame_sizes::largest) {
        return process_frame_pool().take_large(size);
    }
    frame_heap* const heap = this_or_new_heap();
    if (heap == nullptr) {
        throw std::bad_alloc();
    }
    return heap->allocate(size);
}

BRIGADE_RARELY_CALLED void free_frame_rarely(void* frame, std::size_t size) noexcept {
    frame_pool& pool = process_frame_pool();
    if (size > frame_sizes::largest) {
        pool.release_large(frame);
        return;
    }
    if (frame_heap* const heap = this_or_new_heap()) {
        heap->free(frame, size);
    } else {
        pool.release_block(frame, size);
    }
}

bool settle_frames() noexcept {
    if (frame_heap* const heap = this_heap()) {
        heap->settle();
    }
    return process_frame_pool().has_excess();
}

bool give_back_some_frames() noexcept {
    if (frame_heap* const heap = this_heap()) {
        heap->part_with_all();
    }
    return process_frame_pool().give_back_some();
}

}  // namespace brigade::detail
