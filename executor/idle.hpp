// Who sleeps, who searches, and whom to wake: the protocol that must not lose a wake-up.
//
// A worker is running, searching (it has no work and looks for some) or parked. One word counts the searching and the
// awake ones (running or searching); a stack, under a lock, names the parked ones.
//
//   producer                                        worker without work
//   P1  publish the task in a queue                 S1  sleep(): count down in the word, enter the stack
//   P2  light fence; read the word                  S2  heavy fence; look at every queue, and the stop flag, once more
//   P3  nobody searches, somebody sleeps: wake one  S3  found something: wake one, which may be this worker itself
//                                                   S4  wait for the wake-up token
//
//   IDLE1  Of the fences in P2 and S2 one comes first. If S2's does, P2 reads what S1 left of the word, or something
//          later: it sees the sleeper, or that the sleeper has been woken since. If P2's does, S2 sees the task. So one
//          of them acts, and the producer pays a load for it: the fences are asymmetric (sync.hpp), and the sleeper,
//          which is about to make a system call anyway, pays for both.
//   IDLE2  A producer that wakes nobody because it read that somebody searches relies on a searcher that was counted in
//          what it read. That one ends by a read-modify-write of the word: it finds other work and, if it was the last
//          to search, wakes another sleeper, which then searches (stop_searching); or it sleeps, and S2 sees the task,
//          for by IDLE1 P2 would otherwise have read what it left. So does whoever takes over from it. When nobody is
//          left to wake, all are awake, and the next one to sleep looks as well. Either way the task is seen.
//   IDLE3  Who is woken has been taken off the stack and counted, as awake and searching, by the one who wakes it. So
//          `awake + length of the stack == workers` whenever the lock is free.
//   IDLE4  The token of the parker stays until it is consumed: a wake-up before the wait is not lost.
//
// The fences order the word against the queues, and it carries no data, so its accesses are relaxed but for one: who
// ends a search releases, in stop_searching(), what it has moved into its own queue meanwhile, to another searcher that
// has looked there before and now sleeps: the fence of S2 acquires it.
//
// At most half of the workers search (but at least one may): more only fight over the same deques. A worker that may
// not search parks at once; IDLE2 holds, since others search.
//
// Rejected: a read-modify-write in P2 (as here before). It needs no fence, but takes the word's cache line for each
// push, which is more than the rest of a fork costs. Rejected: a sequentially consistent load alone: it may pass the
// store of P1 without a fence in between; tokio lost wake-ups that way (#1768).
#pragma once

#include <chrono>
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
    // As wait(), for about `limit`, perhaps less. False when no token came.
    [[nodiscard]] bool wait_for(std::chrono::nanoseconds limit) noexcept {
        sync::futex_wait_for(token_, 0, limit);
        return try_wait();
    }
    [[nodiscard]] bool try_wait() noexcept {
        // pairs: the release in unpark().
        if (token_.load(std::memory_order_acquire) == 0) {
            return false;
        }
        token_.store(0, std::memory_order_relaxed);  // as in wait()
        return true;
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
    // S1, and the fence of S2. `searching` says whether the worker was.
    void sleep(unsigned worker, bool searching) noexcept;
    // P2, for work that has just been published: whether to call pick(). One load, for those that push very often.
    [[nodiscard]] bool needs_waking() const noexcept {
        sync::asymmetric_fence_light();  // pairs: the heavy fence in sleep(), IDLE1
        return needs_waking(word_.load(std::memory_order_relaxed));
    }
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

    [[nodiscard]] bool needs_waking(std::uint64_t word) const noexcept {
        return searching(word) == 0 && awake(word) != workers_;
    }
    unsigned pop_sleeper() noexcept;
    [[nodiscard]] bool all_are_counted() const noexcept;  // IDLE3, with the lock held

    const std::uint64_t workers_;
    alignas(sync::cache_line) sync::atomic<std::uint64_t> word_;
    alignas(sync::cache_line) sync::mutex mutex_;
    std::vector<unsigned> sleepers_;
};

}  // namespace brigade::detail
