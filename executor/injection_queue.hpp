// Where threads that are not workers of an executor put tasks for it.
//
// moodycamel::ConcurrentQueue carries the items. It is not linearizable: it may say that it is empty when it is not, so
// its word counts for nothing here. Beside it stands an exact count, and a consumer first claims items from the count
// and then fetches what it has claimed.
//   INJ1  claims <= enqueues that have completed: an item is counted after it is in the queue. So whoever has a claim
//         finds an item, if need be after some spurious failures.
//   INJ2  The count is never negative, and it is zero only if every item that was counted has been claimed. Parking
//         looks at the count.
// Rejected: counting before the item is in the queue. A producer that loses its processor in between would keep workers
// spinning for an item that is not there yet.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <exception>

#include <concurrentqueue/concurrentqueue.h>

#include <brigade/detail/sync.hpp>

namespace brigade::detail {

class injection_queue {
public:
    // Any thread. Wake a worker afterwards. Terminates when memory runs out: a task that was woken must not be lost.
    void push(void* item) noexcept {
        if (!items_.enqueue(slot(item))) {
            std::fputs("brigade: out of memory for a task that is ready to run\n", stderr);
            std::terminate();
        }
        // pairs: the exchange in take(); the item is in the queue, and what it points to is visible.
        count_.fetch_add(1, std::memory_order_release);
    }

    // Any thread. Takes up to `most` items to `out` and says how many.
    std::size_t take(void** out, std::size_t most) noexcept {
        std::size_t counted = count_.load(std::memory_order_relaxed);  // a guess; the exchange decides
        std::size_t claimed;
        do {
            claimed = std::min(counted, most);
            if (claimed == 0) {
                return 0;
            }
            // pairs: the additions in push(), all that this count is made of.
        } while (!count_.compare_exchange_weak(counted, counted - claimed, std::memory_order_acquire,
                                               std::memory_order_relaxed));
        sync::invariant("INJ2", [&] { return claimed <= counted; });
        for (std::size_t fetched = 0; fetched < claimed;) {
            fetched += items_.try_dequeue_bulk(out + fetched, claimed - fetched);  // INJ1: ends
        }
        return claimed;
    }

    // Any thread. Relaxed: whoever parks on the answer has synchronized by idle's word.
    [[nodiscard]] std::size_t size() const noexcept { return count_.load(std::memory_order_relaxed); }
    // What size() reads, for those that ask very often.
    [[nodiscard]] const sync::atomic<std::size_t>& count() const noexcept { return count_; }

private:
    // An item as it stands in moodycamel's queue. A producer may write a slot anew after a consumer has counted it as
    // read by a release that the producer does not acquire (cameron314/concurrentqueue#254). Harmless on real
    // processors, as a branch stands in between, but to C++ and to ThreadSanitizer a data race, unless the accesses are
    // atomic. They order nothing; count_ does.
    class slot {
    public:
        explicit slot(void* item) noexcept { std::atomic_ref(item_).store(item, std::memory_order_relaxed); }
        slot(slot&& other) noexcept : slot(static_cast<void*>(other)) {}
        slot& operator=(slot&&) = delete;
        // The queue assigns what it takes out.
        operator void*() noexcept {  // NOLINT(google-explicit-constructor)
            return std::atomic_ref(item_).load(std::memory_order_relaxed);
        }

    private:
        void* item_;  // not initialised, which would be a plain write
    };

    moodycamel::ConcurrentQueue<slot> items_;
    alignas(sync::cache_line) sync::atomic<std::size_t> count_{0};
};

}  // namespace brigade::detail
