// Who sleeps, who searches, and whom to wake: the protocol that must not lose a wake-up.
//
// A worker is running, searching (it has no work and looks for some) or parked. One word counts the searching and the
// awake ones (running or searching); a stack, under a lock, names the parked ones.
//
//   producer                                        worker without work
//   P1  publish the task in a queue                 S1  sleep(): count down in the word, enter the stack
//   P2  pick(): read the word by an RMW             S2  look at every queue, and at the stop flag, once more
//   P3  nobody searches, somebody sleeps: wake one  S3  found something: pick(), which may wake this worker itself
//                                                   S4  wait for the wake-up token
//
//   IDLE1  P2 and S1 are read-modify-writes of the same word, so one comes first. If S1 does, P2 sees the sleeper.
//          If P2 does, S1 acquires what P1 wrote, and S2 sees the task. One of them acts.
//   IDLE2  A producer that wakes nobody because somebody searches relies on that searcher. A searcher ends by an RMW of
//          the word, after P2's: it finds a task and, being the last to search, wakes another (stop_searching), or it
//          sleeps and looks again (S2). Either way the task is seen.
//   IDLE3  Who is woken has been taken off the stack and counted, as awake and searching, by the one who wakes it. So
//          `awake + length of the stack == workers` whenever the lock is free.
//   IDLE4  The token of the parker stays until it is consumed: a wake-up before the wait is not lost.
//
// At most half of the workers search (but at least one may): more only fight over the same deques. A worker that may
// not search parks at once; IDLE2 holds, since others search.
//
// Rejected: a sequentially consistent load in P2 in place of the RMW. It is cheaper with many producers, but a load may
// pass the store of P1 without a fence in between; tokio lost wake-ups that way (#1768).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <brigade/detail/sync.hpp>

namespace brigade::detail {

// Where one worker sleeps.
class parker {
public:
    // The owner. Returns once a token is there, and consumes it.
    void wait() noexcept {
        // pairs: the release in unpark().
        while (token_.load(std::memory_order_acquire) == 0) {
            sync::futex_wait(token_, 0);
        }
        token_.store(0, std::memory_order_relaxed);  // before the owner can enter the stack again
    }
    // Any thread that has taken the owner off the stack.
    void unpark() noexcept {
        token_.store(1, std::memory_order_release);  // pairs: the acquire in wait()
        sync::futex_wake(token_);
    }

private:
    sync::atomic<std::uint32_t> token_{0};
};

class idle {
public:
    // All workers start awake, none searching.
    explicit idle(unsigned workers);

    // A worker without work asks to search. False when half of the workers do already.
    [[nodiscard]] bool start_searching() noexcept;
    // A searching worker has found work. True when it was the last: it must then wake another (IDLE2).
    [[nodiscard]] bool stop_searching() noexcept;
    // S1. `searching` says whether the worker was.
    void sleep(unsigned worker, bool searching) noexcept;
    // P2 and P3. The worker to unpark, if one is needed; it counts as awake and searching from now on.
    [[nodiscard]] std::optional<unsigned> pick() noexcept;
    // A worker to unpark whatever the others do, until there is none: for shutdown.
    [[nodiscard]] std::optional<unsigned> pick_any() noexcept;

private:
    // Bits 0-31: searching; bits 32-63: awake.
    static constexpr std::uint64_t one_searching = 1;
    static constexpr std::uint64_t one_awake = std::uint64_t{1} << 32;
    static constexpr std::uint64_t searching(std::uint64_t word) noexcept { return word & 0xffff'ffff; }
    static constexpr std::uint64_t awake(std::uint64_t word) noexcept { return word >> 32; }

    unsigned pop_sleeper() noexcept;
    [[nodiscard]] bool all_are_counted() const noexcept;  // IDLE3, with the lock held

    const std::uint64_t workers_;
    alignas(sync::cache_line) sync::atomic<std::uint64_t> word_;
    alignas(sync::cache_line) sync::mutex mutex_;
    std::vector<unsigned> sleepers_;
};

}  // namespace brigade::detail
