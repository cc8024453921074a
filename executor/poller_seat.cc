#include "executor/poller_seat.hpp"

#include <algorithm>

#include "executor/event_source.hpp"

namespace brigade::detail {

bool poller_seat::try_take() noexcept {
    std::uint32_t word = word_.load(std::memory_order_relaxed);  // a guess; the exchange decides
    for (;;) {
        if ((word & holder) == nobody) {
            // pairs: the release of who left (SEAT1)
            if (word_.compare_exchange_weak(word, word | worker, std::memory_order_acquire,
                                            std::memory_order_relaxed)) {
                return true;
            }
        } else if ((word & holder) == watchdog && (word & wanted) == 0) {
            if (word_.compare_exchange_weak(word, word | wanted, std::memory_order_relaxed)) {
                return false;
            }
        } else {
            return false;
        }
    }
}

bool poller_seat::is_free() const noexcept {
    const std::uint32_t word = word_.load(std::memory_order_relaxed);  // a wake-up depends on it, nothing else
    return (word & holder) == nobody || (word & handing) != 0;
}

void poller_seat::leave(bool has_polled) noexcept {
    std::uint32_t word = word_.load(std::memory_order_relaxed);  // a guess; the exchange decides
    std::uint32_t left = 0;
    do {
        sync::invariant("SEAT1", [word] { return (word & holder) == worker; });
        left = (word & ~(holder | asleep)) + (has_polled ? one_sitting : 0);
        // pairs: the acquire of who takes it (SEAT1)
    } while (!word_.compare_exchange_weak(word, left, std::memory_order_release, std::memory_order_relaxed));
    if ((word & asleep) != 0) {
        sync::futex_wake(word_);  // SEAT2
    }
}

void poller_seat::watch(event_source& source) noexcept {
    std::uint32_t seen = watchdog;  // nothing yet
    unsigned periods = 1;           // SEAT2: how long it looks away
    for (;;) {
        std::uint32_t word = word_.load(std::memory_order_relaxed);  // close() passes nothing on but itself
        if ((word & closed) != 0) {
            return;
        }
        if ((word & holder) == watchdog) {
            poll(source);
        } else if (word != seen) {
            // Somebody polled since the last look, or holds the seat.
            const bool often = word - seen >= 4 * periods * one_sitting;
            periods = often ? std::min(2 * periods, most_periods) : 1;
            seen = word;
            sync::futex_wait_for(word_, word, periods * sync::sizes.watch_period);
        } else if ((word & holder) == worker) {
            sleep_while_taken(word);
            periods = 1;
        } else {
            periods = 1;
            // pairs: the release of who left (SEAT1)
            word_.compare_exchange_strong(word, word | watchdog, std::memory_order_acquire, std::memory_order_relaxed);
        }
    }
}

void poller_seat::poll(event_source& source) noexcept {
    if (!source.wait(event_source::no_limit)) {
        return;
    }
    if ((word_.load(std::memory_order_relaxed) & wanted) == 0) {  // SEAT4; the mark carries nothing
        static_cast<void>(source.deliver());
        return;
    }
    // The mark goes before the tasks are woken: who sets it again sleeps again.
    std::uint32_t word = word_.fetch_xor(wanted | handing, std::memory_order_relaxed) ^ (wanted | handing);
    const bool woken = source.deliver();
    // pairs: the acquire of who takes it (SEAT1). Fails when it is wanted again, or closed.
    if (!woken || !word_.compare_exchange_strong(word, (word & ~(holder | handing)) + one_sitting,
                                                 std::memory_order_release, std::memory_order_relaxed)) {
        word_.fetch_and(~handing, std::memory_order_relaxed);
    }
}

void poller_seat::sleep_while_taken(std::uint32_t seen) noexcept {
    if (!word_.compare_exchange_strong(seen, seen | asleep, std::memory_order_relaxed)) {
        return;
    }
    for (std::uint32_t word = seen | asleep; (word & asleep) != 0;
         word = word_.load(std::memory_order_relaxed)) {  // SEAT2; the mark carries nothing
        sync::futex_wait(word_, word);
    }
}

void poller_seat::close(event_source& source) noexcept {
    word_.fetch_or(closed, std::memory_order_relaxed);  // carries nothing; the thread is joined
    sync::futex_wake(word_);
    source.interrupt();
}

}  // namespace brigade::detail
