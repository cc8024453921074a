#include "executor/frame_memory.hpp"

#include <bit>
#include <new>
#include <utility>

namespace brigade::detail {

frame_heap::~frame_heap() {
    part_with_all();
}

void* frame_heap::allocate_slow(unsigned size_class, std::size_t size) {
    bin& b = bins_[size_class];
    // Fewer than an eighth are not worth the exchange: they make others come sooner, as part of an unlisted page.
    const std::uint32_t worth = (frame_sizes::table.rows[size_class].blocks + 7) / 8;
    if (b.current != nullptr && b.current->refill(worth)) {
        return b.current->take(size);
    }
    frame_page& next = next_page(size_class);
    if (b.current != nullptr) {
        pool_.part_with(*b.current);
    }
    b.current = &next;
    void* block = next.take(size);
    if (block == nullptr) {
        [[maybe_unused]] const bool has_some = next.refill(1);
        sync::invariant("FRM4", [has_some] { return has_some; });
        block = next.take(size);
    }
    return block;
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

void frame_heap::chain(frame_page& page, void* frame) noexcept {
    const unsigned size_class = page.size_class();
    bin& b = bins_[size_class];
    if (b.chain_page != &page) {
        flush(b);
        b.chain_page = &page;
        b.chain_first = nullptr;
        unsettled_ |= std::uint32_t{1} << size_class;
    }
    b.chain_first = frame_page::retired(frame, b.chain_first);
    if (b.chained++ == 0) {
        b.chain_last = b.chain_first;
    }
    if (b.chained == page.sizes().chain) {
        flush(b);
    }
}

void frame_heap::flush(bin& b) noexcept {
    if (b.chain_page == nullptr) {
        return;
    }
    frame_page& page = *std::exchange(b.chain_page, nullptr);
    const frame_pool::outcome done = pool_.give_back(page, b.chain_first, b.chain_last, std::exchange(b.chained, 0));
    if (done.adopted != nullptr) {
        adopt(*done.adopted);
    } else if (done.unused != nullptr) {
        keep_unused(*done.unused);
    }
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
    unsettled_ |= std::uint32_t{1} << page.size_class();
}

void frame_heap::unlink_spare(frame_page& page) noexcept {
    bin& b = bins_[page.size_class()];
    (page.previous != nullptr ? page.previous->next : b.spares) = page.next;
    if (page.next != nullptr) {
        page.next->previous = page.previous;
    }
    --b.spare_count;
}

void frame_heap::drop_spare(frame_page& page) noexcept {
    unlink_spare(page);
    keep_unused(page);
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
    for (; unsettled_ != 0; unsettled_ &= unsettled_ - 1) {
        bin& b = bins_[static_cast<unsigned>(std::countr_zero(unsettled_))];
        flush(b);
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
    static frame_pool& pool = *new frame_pool;  // never destroyed: static objects may still hold frames at the very end
    return pool;
}

namespace {

void end_this_heap() noexcept {
    delete sync::thread_pointer<frame_heap>::get();
    sync::thread_pointer<frame_heap>::set(nullptr);
}

frame_heap* start_this_heap() noexcept {
    auto* const heap = new (std::nothrow) frame_heap(process_frame_pool());
    if (heap != nullptr) {
        sync::thread_pointer<frame_heap>::set(heap);
        sync::at_thread_end(end_this_heap);
    }
    return heap;
}

[[gnu::noinline]] void* allocate_rarely(frame_heap* heap, std::size_t size) {
    if (size > frame_sizes::largest) {
        return process_frame_pool().take_large(size);
    }
    if (heap == nullptr) {
        heap = start_this_heap();
        if (heap == nullptr) {
            throw std::bad_alloc();
        }
    }
    return heap->allocate(size);
}

[[gnu::noinline]] void free_rarely(frame_heap* heap, void* frame, std::size_t size) noexcept {
    frame_pool& pool = process_frame_pool();
    if (size > frame_sizes::largest) {
        pool.release_large(frame);
    } else if (heap != nullptr || (heap = start_this_heap()) != nullptr) {
        heap->free(frame);
    } else {
        pool.release_block(frame);
    }
}

}  // namespace

[[gnu::noinline]] void* allocate_frame(std::size_t size) {
    frame_heap* const heap = sync::thread_pointer<frame_heap>::get();
    if (heap == nullptr || size > frame_sizes::largest) [[unlikely]] {
        return allocate_rarely(heap, size);
    }
    return heap->allocate(size);
}

[[gnu::noinline]] void free_frame(void* frame, std::size_t size) noexcept {
    frame_heap* const heap = sync::thread_pointer<frame_heap>::get();
    if (heap == nullptr || size > frame_sizes::largest) [[unlikely]] {
        free_rarely(heap, frame, size);
        return;
    }
    heap->free(frame);
}

bool settle_frames() noexcept {
    if (frame_heap* const heap = sync::thread_pointer<frame_heap>::get()) {
        heap->settle();
    }
    return process_frame_pool().has_excess();
}

bool give_back_some_frames() noexcept {
    if (frame_heap* const heap = sync::thread_pointer<frame_heap>::get()) {
        heap->part_with_all();
    }
    return process_frame_pool().give_back_some();
}

}  // namespace brigade::detail
