// The work-stealing deque: its owner pushes and pops at the bottom, thieves steal at the top.
//
// Source: Chase and Lev, "Dynamic circular work-stealing deque" (SPAA 2005), with the memory orders of Lê, Pop, Cohen
// and Zappa Nardelli, "Correct and efficient work-stealing for weak memory models" (PPoPP 2013), and its two
// sequentially consistent fences made asymmetric: the owner's costs nothing, the thief pays for both (sync.hpp).
//
// It is the ring of fifo.hpp, but the owner may take back what it pushed last, by lowering bottom:
//
//   owner, pop()                              thief, steal()
//   O1  bottom := b, where b was the newest   T1  t := top
//   O2  light fence                           T2  heavy fence
//   O3  t := top                              T3  b := bottom; none when t >= b
//   O4  t < b: the item is the owner's        T4  take the item by moving top from t to t + 1
//       t = b: move top past it, as a thief
//       t > b: there was none
//
//   DEQ1  An item is taken by exactly one: the one whose compare-exchange moved top past it, or, where O3 read
//         a smaller top, the owner by lowering bottom.
//   DEQ2  When the owner takes the item at b by O4's first line, no thief takes it. One that could has read top = b in
//         T1. Of the fences O2 and T2 one comes first. If T2 does, O3 sees the top that T1 saw, or a later one, and t <
//         b does not hold. If O2 does, T3 sees the lowered bottom, or what the owner stored after it: the thief finds
//         nothing at b, or what was pushed there anew.
//   DEQ3  An item and what it points to are visible to its taker. T3 acquires a bottom above the item's index. By DEQ2
//         it was stored after the item was pushed: by a push, or by a pop that lowered bottom to somewhere above the
//         item. Both release. The fences carry no data, so ThreadSanitizer, which does not understand them, sees every
//         order that is needed. (The stores that restore bottom do not release: below them every item has been taken.)
//   RING2 and RING3 hold as well: a slot is written anew, or discarded, after top has moved past its item, or after a
//         pop, and then DEQ2 is what keeps a thief from the old item.
//
// DEQ2 needs nothing of the processor but that the light fence holds the compiler and the heavy one stops every other
// thread for a full barrier. So it is as good on AArch64, where O1 is an stlr and T1 to T4 are ldr, ldar and a cas.
// Rejected: sequentially consistent O1 and O3 (as here before): on x86-64 O1 is then an xchg, which costs the owner
// about 8 ns, twice what the rest of a fork costs without its frame.
// Rejected: the THE protocol, which spares the owner the compare-exchange for the last item too: its thieves hold a
// lock, and an owner would wait for one that lost its processor.
#pragma once

#include <cstdint>

#include <brigade/detail/compiler.hpp>
#include <brigade/detail/fifo.hpp>
#include <brigade/detail/sync.hpp>

namespace brigade::detail {

class deque : private fifo {
public:
    using fifo::fifo;
    using fifo::is_large;
    using fifo::push;
    using fifo::shrink;
    using fifo::size;

    // Owner only. The newest item, or null.
    void* pop() noexcept {
        const std::int64_t bottom = newest();
        void* const item = newest_ring_.slot(bottom).load(std::memory_order_relaxed);  // as in pop_if()
        return pop_at(bottom) ? item : nullptr;
    }

    // Owner only. Pops the newest item if it is this one, which is not null. False when it is another, or gone.
    [[gnu::always_inline]] bool pop_if(const void* item) noexcept {
        const std::int64_t bottom = newest();
        // The owner's own store. Where the deque is empty it is an old item; then pop_at() finds that out.
        if (newest_ring_.slot(bottom).load(std::memory_order_relaxed) != item) [[unlikely]] {
            return false;
        }
        return pop_at(bottom);
    }

    // Any thread. The oldest item, or null when there is none.
    void* steal() noexcept {
        while (size() != 0) {                                         // a look costs little, the fence does not
            std::int64_t top = top_.load(std::memory_order_relaxed);  // T1; the fence orders it
            sync::asymmetric_fence_heavy();                           // T2; pairs: the light fence in pop_at()
            // T3. pairs: the releases in push() and pop_at(), DEQ3.
            const std::int64_t bottom = bottom_.load(std::memory_order_acquire);
            if (top >= bottom) {
                return nullptr;
            }
            if (void* const item = take_at(top)) {  // T4
                return item;
            }
        }
        return nullptr;
    }

private:
    // The index of the newest item, if there is one.
    [[nodiscard]] std::int64_t newest() const noexcept {
        return bottom_.load(std::memory_order_relaxed) - 1;  // the owner's own last store
    }

    // Whether the item at `bottom` is the owner's from here on. Relaxed: the owner pushed it.
    [[gnu::always_inline]] bool pop_at(std::int64_t bottom) noexcept {
        // O1. pairs: the load of bottom in steal(): of a thief that finds an older item below it (DEQ3).
        bottom_.store(bottom, std::memory_order_release);
        sync::asymmetric_fence_light();                                 // O2; pairs: the heavy fence in steal()
        const std::int64_t top = top_.load(std::memory_order_relaxed);  // O3; the fence orders it
        sync::invariant("DEQ1", [&] { return top <= bottom + 1; });
        if (top < bottom) [[likely]] {
            return true;
        }
        return race_for_last(top, bottom);
    }

    BRIGADE_RARELY_CALLED bool race_for_last(std::int64_t top, std::int64_t bottom) noexcept {
        // DEQ1. Relaxed: the owner pushed the item, and does not read the slot from here on.
        const bool won = top == bottom && top_.compare_exchange_strong(top, top + 1, std::memory_order_relaxed);
        // Empty: no thief gets past its compare-exchange.
        bottom_.store(bottom + 1, std::memory_order_relaxed);
        return won;
    }
};

}  // namespace brigade::detail
