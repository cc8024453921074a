// The ring that both of a worker's queues are made of, by itself: a queue, first in, first out. Its owner pushes at the
// bottom, and everybody, the owner included, takes at the top.
//
// State: items stand at the indices [top, bottom) of a ring that is replaced by one of twice the size when it is full,
// and by the first one when the queue is empty and its owner rests. Indices only grow (but the owner of a deque lowers
// bottom when it pops).
//
//   RING1  An item is taken by exactly one: the one whose compare-exchange moved top past it. Top never goes back, so
//          no two can move it past the same index.
//   RING2  A slot is overwritten only after top has moved past the item in it, so a taker that read a wrong item fails
//          its compare-exchange. The owner looks at top only when it has filled the slots that were free when it last
//          looked: top only grows.
//   RING3  A ring that was replaced stays readable until the queue goes, or is used again: a taker may still hold it.
//          Its live items never change, since the owner writes only to the newest ring. It comes back into use, or
//          loses its contents, only when the queue is empty: then no taker gets past its compare-exchange at an index
//          that was in it. A taker that goes for an item has acquired a bottom above it, and so sees the ring in which
//          it stands, or a later one to which it was copied.
//   RING4  An item and what it points to are visible to its taker by the release of bottom that pushed it: bottom never
//          goes back, so a bottom above the item's index is that store or a later one of the same kind.
//
// No fence and no sequentially consistent access is needed. What is read of top and bottom may be old: an old top fails
// the compare-exchange, an old bottom hides the newest items. Whoever must not miss them synchronizes before
// (idle.hpp).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <brigade/detail/compiler.hpp>
#include <brigade/detail/sync.hpp>

namespace brigade::detail {

class fifo {
public:
    explicit fifo(std::size_t initial_capacity = sync::sizes.first_ring) {
        rings_.push_back(std::make_unique<kept_ring>(std::bit_ceil(initial_capacity)));
        use(0, 0);
    }
    fifo(const fifo&) = delete;
    fifo& operator=(const fifo&) = delete;

    // Owner only. Terminates when memory runs out: a task that was woken must not be lost.
    [[gnu::always_inline]] void push(void* item) noexcept {
        const std::int64_t bottom = bottom_.load(std::memory_order_relaxed);  // the owner's own last store
        if (bottom >= limit_) [[unlikely]] {
            make_room(bottom);
        }
        newest_ring_.slot(bottom).store(item, std::memory_order_relaxed);  // published by the next line
        // pairs: the load of bottom in take() and deque::steal(), RING4.
        bottom_.store(bottom + 1, std::memory_order_release);
    }

    // Owner only. Whether there has been so much in it that shrink() is worth while.
    [[nodiscard]] bool is_large() const noexcept { return newest_ring_.mask >= std::int64_t{sync::sizes.kept_ring}; }
    // Owner only. Gives the memory of large rings back to the system, if the queue is empty.
    void shrink() noexcept {
        // pairs: the compare-exchange of take() and of deque::steal(); the slots were read (RING2).
        const std::int64_t top = top_.load(std::memory_order_acquire);
        const std::int64_t bottom = bottom_.load(std::memory_order_relaxed);  // the owner's own last store
        if (top != bottom || !is_large()) {
            return;
        }
        use(0, top);
        for (std::size_t i = 1; i < rings_.size(); ++i) {
            sync::discard(rings_[i]->slots.get(), rings_[i]->size());
        }
    }

    // Any thread. The oldest item, or null when there is none.
    void* take() noexcept {
        std::int64_t top = top_.load(std::memory_order_relaxed);  // a guess; the exchange decides
        for (;;) {
            // pairs: the release in push(), RING4.
            const std::int64_t bottom = bottom_.load(std::memory_order_acquire);
            if (top >= bottom) {
                return nullptr;
            }
            if (void* const item = take_at(top)) {
                return item;
            }
        }
    }

    // Owner only. Fetches what the oldest item points to, if there is one that is suspended.
    void prefetch_oldest() const noexcept {
        if constexpr (sync::prefetches) {
            // Relaxed: it is not looked into, and the owner's own stores are enough.
            const std::int64_t top = top_.load(std::memory_order_relaxed);
            if (top < bottom_.load(std::memory_order_relaxed)) {
                void* const item = newest_ring_.slot(top).load(std::memory_order_relaxed);
                sync::prefetch_suspended(reinterpret_cast<std::uintptr_t>(item));
            }
        }
    }

    // Any thread. How many items there were at some moment during the call, as far as the caller could see.
    [[nodiscard]] std::size_t size() const noexcept {
        // Relaxed: whoever acts on the answer takes an item or has synchronized by other means (idle.hpp).
        const std::int64_t bottom = bottom_.load(std::memory_order_relaxed);
        const std::int64_t top = top_.load(std::memory_order_relaxed);
        return bottom > top ? static_cast<std::size_t>(bottom - top) : 0;
    }

protected:
    // Of how many slots, and where. Copied freely; the slots belong to the queue (RING3).
    struct ring {
        [[nodiscard]] sync::atomic<void*>& slot(std::int64_t index) const noexcept { return slots[index & mask]; }

        std::int64_t mask = -1;
        sync::atomic<void*>* slots = nullptr;
    };

    // The item at `top`, which lies below a bottom that the caller has acquired; or null, and the new top.
    void* take_at(std::int64_t& top) noexcept {
        // pairs: the release in use(); the items that were copied are visible.
        const ring* r = ring_.load(std::memory_order_acquire);
        void* const item = r->slot(top).load(std::memory_order_relaxed);  // ordered by the caller's load of bottom
        // pairs: the load of top in push(): the slot has been read (RING2). Failure: another guess.
        if (top_.compare_exchange_strong(top, top + 1, std::memory_order_release, std::memory_order_relaxed)) {
            return item;
        }
        return nullptr;
    }

    alignas(sync::cache_line) sync::atomic<std::int64_t> top_{0};
    alignas(sync::cache_line) sync::atomic<std::int64_t> bottom_{0};
    ring newest_ring_;  // the owner's

private:
    struct kept_ring {
        explicit kept_ring(std::size_t capacity)
            : slots(new sync::atomic<void*>[capacity]),
              where{.mask = static_cast<std::int64_t>(capacity) - 1, .slots = slots.get()} {}
        [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(where.mask) + 1; }
        const std::unique_ptr<sync::atomic<void*>[]> slots;
        const ring where;
    };

    BRIGADE_RARELY_CALLED void make_room(std::int64_t bottom) noexcept {
        // pairs: the compare-exchange of take() and of deque::steal(); the slots that are overwritten were read
        // (RING2).
        const std::int64_t top = top_.load(std::memory_order_acquire);
        sync::invariant("RING2", [&] { return top <= bottom && bottom - top <= newest_ring_.mask + 1; });
        if (bottom - top > newest_ring_.mask) {
            grow(top, bottom);
        } else {
            limit_ = top + newest_ring_.mask + 1;
        }
    }

    void grow(std::int64_t top, std::int64_t bottom) {
        if (in_use_ + 1 == rings_.size()) {
            rings_.push_back(std::make_unique<kept_ring>(2 * rings_.back()->size()));
        }
        for (std::int64_t i = top; i < bottom; ++i) {
            rings_[in_use_ + 1]->where.slot(i).store(newest_ring_.slot(i).load(std::memory_order_relaxed),
                                                     std::memory_order_relaxed);
        }
        use(in_use_ + 1, top);
    }

    void use(std::size_t index, std::int64_t top) noexcept {
        in_use_ = index;
        newest_ring_ = rings_[index]->where;
        limit_ = top + newest_ring_.mask + 1;
        // pairs: the load in take_at(); the items that were copied are visible.
        ring_.store(&rings_[index]->where, std::memory_order_release);
    }

    std::int64_t limit_ = 0;  // the owner's: RING2 lets it write the slots below without another look at top
    sync::atomic<const ring*> ring_{nullptr};
    std::vector<std::unique_ptr<kept_ring>> rings_;  // RING3; each is twice as large as the one before
    std::size_t in_use_ = 0;
};

}  // namespace brigade::detail
