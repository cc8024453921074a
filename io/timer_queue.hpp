// The timers that are set, in two parts: a heap for those of the next millisecond, and a hierarchical wheel (Varghese
// and Lauck 1987) for all others. Most timers are time-outs, and most of those are cancelled long before they are due:
// they come into a slot of the wheel and leave it by a few assignments, and nobody ever sorts them. Those that stay get
// into the heap shortly before they are due, and that one is exact: the wheel is coarse, but no deadline is rounded.
//
// A tick is 2^20 ns. `base_` is the first tick that is not in the heap.
//   WHL1  A timer of an earlier tick is in the heap. Any other is in the slot of its tick at the lowest level that
//         reaches it: level L has 256 slots of 2^(7 L) ticks, from the slot that holds `base_` on. So two neighbouring
//         slots of a level fit into the level below.
//   WHL2  `base_` does not pass the beginning of a slot, at any level, before the slot is empty.
//   WHL3  A slot's bit is set when it holds a timer. It may be set when it holds none: a cancel does not know the slot.
//
// A slot of a higher level is taken apart while `base_` is in the slot before it: there is as much time for that as the
// slot is long (134 ms at the second level), so it goes in portions between which others have the lock, and timers that
// are due are not held up. A portion is as long as the caller says.
//
// How early the poller has to wake: earliest() gives a bound. It is a timer's deadline where the slot in question holds
// few; else the moment when the slot has to be taken apart. So one sleeping task wakes the poller once, however long it
// sleeps; of a million that end within a minute, each at another moment, there were 56,000 wake-ups beside theirs, one
// for nearly every millisecond, and of 10,000 there were 380.
//
// To cancel a timer and set it anew, to 30 s from then, took 31 to 39 ns of CPU time here, 22 of them for the clock:
// with one timer, 10,000 and 500,000 for each thread, and with one thread and two. In the same minutes tokio 1.24 took
// 89 to 202 ns (Sleep::reset) and 139 to 295 (a new Sleep), Asio (Boost 1.81) 201 to 526 (Clang 19 -O3; the machine
// was busy).
//
// Rejected, by wall-clock time for a cancel and a set without a look at the clock (one thread, a lock around each):
//   - a 4-ary heap with the deadlines beside the pointers. 64 ns with 10,000 timers, 137 with a million, when time-outs
//     of one length are cancelled in the order in which they were set, which is what a server does; a wheel 16 and 22.
//     With deadlines and cancels by dice, a million: 116, a wheel 130; both wait for memory.
//   - a wheel of eleven levels of 64 slots, down to a nanosecond, without a heap (tokio's, but for the tick). The same
//     for who sets and cancels. But a timer passes three or four levels on its way, and each slot is taken apart when
//     its first timer may be due already: with a million timers in it that held up the first for 184 ms.
//   - to sort all timers that are due into the heap, and fire them then. When a million are late, it is the heap that
//     they wait for: its nodes are everywhere in memory.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <brigade/detail/timer.hpp>

#include "io/timer_heap.hpp"

namespace brigade::detail {

class timer_queue {
public:
    using time_point = sync::clock::time_point;

    // `t` is not set.
    void set(timer& t, time_point deadline) noexcept {
        t.deadline = deadline;
        place(t);
    }

    // Whether it was set.
    bool cancel(timer& t) noexcept {
        if (t.link == nullptr) {
            return false;
        }
        unlink(t);
        heap_.adopt(t);  // has no children in the wheel
        return true;
    }

    // Takes the earliest timer out, if it is due. Takes slots apart for that, and those of which it is time at `now`,
    // up to `budget` timers, which it counts down. At zero there is more to do, and a null says nothing.
    [[nodiscard]] timer* take_due(time_point now, std::size_t& budget) noexcept {
        do {
            timer* const first = heap_.earliest();
            // In the heap, but of `base_`: others of its tick may still be in their slot.
            if (first != nullptr && first->deadline <= now && tick_of(first->deadline) < base_) {
                heap_.remove(*first);
                return first;
            }
        } while (budget != 0 && advance(now, budget));
        return nullptr;
    }

    // Not later than any deadline: when take_due() is to be called.
    [[nodiscard]] time_point earliest() noexcept;

private:
    static constexpr unsigned tick_bits = 20;
    static constexpr unsigned level_bits = 7;
    static constexpr std::size_t slots = 256;
    static constexpr unsigned levels = 5;  // two years; what is later is placed again by then
    static constexpr std::size_t few = 8;

    struct level {
        std::array<timer*, slots> first{};
        std::array<std::uint64_t, slots / 64> used{};  // WHL3
    };
    // The number of a slot: its first tick divided by its length.
    struct slot_number {
        unsigned level;
        std::uint64_t number;
        [[nodiscard]] std::uint64_t begin() const noexcept { return number << (level * level_bits); }
    };
    static constexpr std::uint64_t none = ~std::uint64_t{0};

    [[nodiscard]] static time_point begin_of(std::uint64_t tick) noexcept {
        return time_point(std::chrono::nanoseconds(static_cast<std::int64_t>(tick << tick_bits)));
    }
    [[nodiscard]] static std::uint64_t tick_of(time_point t) noexcept {
        const std::int64_t since = std::chrono::nanoseconds(t.time_since_epoch()).count();
        return static_cast<std::uint64_t>(std::max<std::int64_t>(since, 0)) >> tick_bits;
    }
    [[nodiscard]] timer*& list(slot_number s) noexcept { return levels_[s.level].first[s.number % slots]; }

    void place(timer& t) noexcept {
        const std::uint64_t tick = tick_of(t.deadline);
        if (tick < base_) {
            heap_.insert(t);
            return;
        }
        unsigned at = 0;
        std::uint64_t number = tick;
        std::uint64_t base = base_;
        while (number - base >= slots && at < levels - 1) {
            number >>= level_bits;
            base >>= level_bits;
            ++at;
        }
        put(t, {at, std::min(number, base + slots - 1)});
    }
    void put(timer& t, slot_number s) noexcept {
        push_front(list(s), t);
        levels_[s.level].used[s.number % slots / 64] |= std::uint64_t{1} << (s.number % 64);
    }

    // The first slot of a level that holds a timer, or `none`.
    [[nodiscard]] std::uint64_t first_used(unsigned at) noexcept;
    // Whether that has changed what may be taken from the heap.
    [[nodiscard]] bool advance(time_point now, std::size_t& budget) noexcept;
    void take_apart(slot_number s, std::size_t& budget) noexcept;
    [[nodiscard]] time_point bound(slot_number s) noexcept;

    std::uint64_t base_ = 1;  // what lies before the beginning of time is in the heap
    timer_heap heap_;
    std::array<level, levels> levels_;
};

}  // namespace brigade::detail
