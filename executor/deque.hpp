// The work-stealing deque: its owner pushes and pops at the bottom, thieves take at the top.
//
// Source: Chase and Lev, "Dynamic circular work-stealing deque" (SPAA 2005), with the memory orders worked out anew for
// C++20 after Lê, Pop, Cohen and Zappa Nardelli, "Correct and efficient work-stealing for weak memory models" (PPoPP
// 2013). Where those use fences, this uses sequentially consistent accesses: they cost the same on x86-64, and the
// thread sanitizer understands them.
//
// State: items stand at the indices [top, bottom) of a ring that doubles when it is full. Indices only grow, except
// that pop() lowers bottom by one for as long as it runs.
//
//   DEQ1  An item is taken by exactly one: the one whose compare-exchange moved top past it, or, if others remain above
//         it, the owner by lowering bottom.
//   DEQ2  The owner takes without a compare-exchange only below a top that it read after lowering bottom. A thief that
//         could take the same item read bottom before it was lowered, and top before that; all four accesses are in
//         the one order of sequentially consistent operations, so the owner's read of top would have shown it.
//   DEQ3  A slot is overwritten only after top has moved past the item in it, so a thief that read a stale item fails
//         its compare-exchange.
//   DEQ4  A ring that was replaced stays readable until the deque goes: a thief may still hold it. Its live items never
//         change, since the owner writes only to the newest ring.
//
// A deque is used in one of two ways, and an executor's worker has one of each: last in, first out (push and pop) for
// forked children, and first in, first out (push and steal, by the owner too) for tasks that were woken, spawned or
// yielded.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <brigade/detail/sync.hpp>

namespace brigade::detail {

class deque {
public:
    explicit deque(std::size_t initial_capacity = sync::sizes::first_ring) {
        grow_to(std::bit_ceil(initial_capacity), nullptr, 0, 0);
    }
    deque(const deque&) = delete;
    deque& operator=(const deque&) = delete;

    // Owner only. May allocate.
    void push(void* item) {
        const std::int64_t bottom = bottom_.load(std::memory_order_relaxed);  // the owner's own last store
        // pairs: the compare-exchange of steal() and pop(); the slot that is overwritten has been read (DEQ3).
        const std::int64_t top = top_.load(std::memory_order_acquire);
        ring* r = ring_.load(std::memory_order_relaxed);  // the owner's own last store
        if (bottom - top > r->mask) {
            r = grow_to(2 * (static_cast<std::size_t>(r->mask) + 1), r, top, bottom);
        }
        r->slot(bottom).store(item, std::memory_order_relaxed);  // published by the next line
        // pairs: the load of bottom in steal(); the item and all that it points to are visible.
        bottom_.store(bottom + 1, std::memory_order_release);
    }

    // Owner only. The newest item, or null.
    void* pop() noexcept {
        const std::int64_t bottom = bottom_.load(std::memory_order_relaxed) - 1;
        const ring* r = ring_.load(std::memory_order_relaxed);
        bottom_.store(bottom, std::memory_order_seq_cst);         // pairs: the load of bottom in steal(), DEQ2
        std::int64_t top = top_.load(std::memory_order_seq_cst);  // pairs: the compare-exchange in steal(), DEQ2
        if (top > bottom) {
            bottom_.store(bottom + 1, std::memory_order_relaxed);  // empty: no thief gets past its compare-exchange
            return nullptr;
        }
        void* item = r->slot(bottom).load(std::memory_order_relaxed);  // the owner's own store
        if (top == bottom) {
            // The last item: race the thieves for it. pairs: the compare-exchange in steal(), DEQ1.
            if (!top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst, std::memory_order_relaxed)) {
                item = nullptr;
            }
            bottom_.store(bottom + 1, std::memory_order_relaxed);  // empty, as above
        }
        return item;
    }

    // Any thread. The oldest item, or null when there is none.
    void* steal() noexcept {
        std::int64_t top = top_.load(std::memory_order_seq_cst);  // pairs: pop(), DEQ2
        for (;;) {
            // pairs: the release in push(), for the item; pop(), DEQ2.
            const std::int64_t bottom = bottom_.load(std::memory_order_seq_cst);
            if (top >= bottom) {
                return nullptr;
            }
            // pairs: the release in grow_to(); the items that were copied are visible.
            const ring* r = ring_.load(std::memory_order_acquire);
            void* const item = r->slot(top).load(std::memory_order_relaxed);  // ordered by bottom's load
            // pairs: pop() and steal(), DEQ1. On failure top is read anew, with the order of the load above.
            if (top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst, std::memory_order_seq_cst)) {
                return item;
            }
        }
    }

    // Any thread. How many items there were at some moment during the call, as far as the caller could see.
    [[nodiscard]] std::size_t size() const noexcept {
        // Relaxed: whoever acts on the answer takes an item by steal() or has synchronized by other means (idle.hpp).
        const std::int64_t bottom = bottom_.load(std::memory_order_relaxed);
        const std::int64_t top = top_.load(std::memory_order_relaxed);
        return bottom > top ? static_cast<std::size_t>(bottom - top) : 0;
    }

private:
    struct ring {
        explicit ring(std::size_t capacity)
            : mask(static_cast<std::int64_t>(capacity) - 1), slots(new sync::atomic<void*>[capacity]) {}

        [[nodiscard]] sync::atomic<void*>& slot(std::int64_t index) const noexcept {
            return slots[static_cast<std::size_t>(index & mask)];
        }

        std::int64_t mask;
        std::unique_ptr<sync::atomic<void*>[]> slots;
    };

    ring* grow_to(std::size_t capacity, const ring* old, std::int64_t top, std::int64_t bottom) {
        auto bigger = std::make_unique<ring>(capacity);
        for (std::int64_t i = top; i < bottom; ++i) {
            bigger->slot(i).store(old->slot(i).load(std::memory_order_relaxed), std::memory_order_relaxed);
        }
        ring* const r = bigger.get();
        rings_.push_back(std::move(bigger));
        ring_.store(r, std::memory_order_release);  // pairs: the load in steal(); the copies above are visible
        return r;
    }

    alignas(sync::cache_line) sync::atomic<std::int64_t> top_{0};
    alignas(sync::cache_line) sync::atomic<std::int64_t> bottom_{0};
    sync::atomic<ring*> ring_{nullptr};
    std::vector<std::unique_ptr<ring>> rings_;  // DEQ4; all but the last are together no larger than the last
};

}  // namespace brigade::detail
