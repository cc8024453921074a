// The ring that both of a worker's queues are made of, by itself: a queue, first in, first out. Its owner pushes at the
// bottom, and everybody, the owner included, takes at the top.
//
// State: items stand at the indices [top, bottom) of a ring that doubles when it is full. Indices only grow (deque.hpp
// lowers bottom for a moment; nobody does here).
//
//   RING1  An item is taken by exactly one: the one whose compare-exchange moved top past it. Top never goes back, so
//          no two can move it past the same index.
//   RING2  A slot is overwritten only after top has moved past the item in it, so a taker that read a wrong item fails
//          its compare-exchange.
//   RING3  A ring that was replaced stays readable until the queue goes: a taker may still hold it. Its live items
//          never change, since the owner writes only to the newest ring.
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

#include <brigade/detail/sync.hpp>

namespace brigade::detail {

class fifo {
public:
    explicit fifo(std::size_t initial_capacity = sync::sizes::first_ring) {
        grow_to(std::bit_ceil(initial_capacity), nullptr, 0, 0);
    }
    fifo(const fifo&) = delete;
    fifo& operator=(const fifo&) = delete;

    // Owner only. May allocate.
    void push(void* item) {
        const std::int64_t bottom = bottom_.load(std::memory_order_relaxed);  // the owner's own last store
        // pairs: the compare-exchange of take() and of deque::steal(); the slot that is overwritten was read (RING2).
        const std::int64_t top = top_.load(std::memory_order_acquire);
        ring* r = ring_.load(std::memory_order_relaxed);  // the owner's own last store
        if (bottom - top > r->mask) {
            r = grow_to(2 * (static_cast<std::size_t>(r->mask) + 1), r, top, bottom);
        }
        sync::invariant("RING2", [&] { return top <= bottom && bottom - top <= r->mask; });
        r->slot(bottom).store(item, std::memory_order_relaxed);  // published by the next line
        // pairs: the load of bottom in take() and deque::steal(), RING4.
        bottom_.store(bottom + 1, std::memory_order_release);
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

    // Any thread. How many items there were at some moment during the call, as far as the caller could see.
    [[nodiscard]] std::size_t size() const noexcept {
        // Relaxed: whoever acts on the answer takes an item or has synchronized by other means (idle.hpp).
        const std::int64_t bottom = bottom_.load(std::memory_order_relaxed);
        const std::int64_t top = top_.load(std::memory_order_relaxed);
        return bottom > top ? static_cast<std::size_t>(bottom - top) : 0;
    }

protected:
    struct ring {
        explicit ring(std::size_t capacity)
            : mask(static_cast<std::int64_t>(capacity) - 1), slots(new sync::atomic<void*>[capacity]) {}

        [[nodiscard]] sync::atomic<void*>& slot(std::int64_t index) const noexcept {
            return slots[static_cast<std::size_t>(index & mask)];
        }

        std::int64_t mask;
        std::unique_ptr<sync::atomic<void*>[]> slots;
    };

    // The item at `top`, which lies below a bottom that the caller has acquired; or null, and the new top.
    void* take_at(std::int64_t& top) noexcept {
        // pairs: the release in grow_to(); the items that were copied are visible.
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
    sync::atomic<ring*> ring_{nullptr};

private:
    ring* grow_to(std::size_t capacity, const ring* old, std::int64_t top, std::int64_t bottom) {
        auto bigger = std::make_unique<ring>(capacity);
        for (std::int64_t i = top; i < bottom; ++i) {
            bigger->slot(i).store(old->slot(i).load(std::memory_order_relaxed), std::memory_order_relaxed);
        }
        ring* const r = bigger.get();
        rings_.push_back(std::move(bigger));
        ring_.store(r, std::memory_order_release);  // pairs: the load in take_at(); the copies above are visible
        return r;
    }

    std::vector<std::unique_ptr<ring>> rings_;  // RING3; all but the last are together no larger than the last
};

}  // namespace brigade::detail
