// A lock for sections of some instructions, where two threads hardly ever meet.
//
// It takes one atomic read-modify-write, and a store to unlock: half of what std::mutex takes, which must look whether
// somebody sleeps (7 and 15 ns here, uncontended). Who finds it locked lets other threads run, and looks again: so a
// holder that was preempted costs those who wait a system call each time that they get the processor, not their time
// slices. Rejected: a futex word that says whether somebody sleeps. Its unlock is an exchange, and 12 ns of the 15 are
// back.
#pragma once

#include <mutex>

#include <brigade/detail/sync.hpp>

namespace brigade::detail {

class spinlock {
public:
    spinlock() = default;
    spinlock(const spinlock&) = delete;
    spinlock& operator=(const spinlock&) = delete;

    void lock() noexcept {
        // pairs: unlock(); what was done under the lock is seen.
        while (locked_.exchange(true, std::memory_order_acquire)) {
            sync::yield_thread();
        }
    }
    // Its last touch is the store: who has locked after that may destroy the lock.
    void unlock() noexcept {
        locked_.store(false, std::memory_order_release);  // pairs: the exchange in lock()
    }

private:
    sync::atomic<bool> locked_{false};
};

using spinlock_guard = std::unique_lock<spinlock>;

}  // namespace brigade::detail
