// Who sleeps, who searches, and whom to wake: the protocol that must not lose a wake-up.
//
// A worker is running, searching (it has no work and looks for some) or parked. One word counts the searching and the
// awake ones (running or searching); a stack, under a lock, names the parked ones.
//
//   producer                                        worker without work
//   P1  publish the task in a queue                 S1  sleep(): count down in the word, enter the stack
//   P2  light fence; read the word                  S2  heavy fence; look at every queue, and the stop flag, once more
//   P3  nobody searches, somebody sleeps: wake one  S3  found something: as P3, which may be this worker itself
//                                                   S4  wait for the wake-up token; or, in the poller's seat, for
//                                                   events
//                                                   S5  who has got events leaves the sleepers by itself: rejoin()
//                                                   S6  who stands by has waited for `standby`: as S2, if relied on
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
//          The last searcher need not wake anybody when it is also the last one awake, and sees no more work behind a
//          full fence: workers that relied on it sleep by now, and what they had has been run, or seen in S2, or
//          stolen, by one that sleeps as well or by this one, which sees its own queue; other threads have made a full
//          fence before P2. So one task at a time wakes one worker at a time.
//   IDLE3  Who is woken has been taken off the stack and counted, as awake and searching, by the one who wakes it. So
//          `awake + sleepers == workers` whenever the lock is free.
//   IDLE4  The token of the parker stays until it is consumed: a wake-up before the wait is not lost. Who polls has
//          said so in the parker before, so who brings the token knows that the source must be interrupted.
//   IDLE5  The last one awake needs no heavy fence in S2, and saves a system call for each event of a quiet process.
//          Light fences are made by workers, and all others sleep: who is woken later is woken under the lock after S1,
//          and reads what S1 left. (A sleeper makes one in S3 and S6, for what it has seen: that was published by one
//          who was awake after that, or by an outsider.) Threads that are no workers make a full fence in P2.
//   IDLE6  Who holds the poller's seat sleeps apart from the stack and is picked last: whoever else is woken costs as
//          much, and events go on being heard. But in S3, when it runs still, it picks itself.
//   IDLE7  A worker that has made one task ready, and expects to run it in a moment itself, need not wake anybody while
//          another stands by (rely_on_standby). Who goes to sleep beside workers that are awake stands by, one at a
//          time: it sleeps for a few milliseconds at first. Then, if it has been relied on, it looks at every queue
//          behind a heavy fence, and goes on to stand by; else it sleeps for good, so that an idle process is quiet. So
//          a task whose maker computes on, or blocks, waits for two such times at most. Both marks stand in the word:
//          as in IDLE1, either the producer reads that nobody stands by any more, or S6 sees the task. When it is
//          picked, a searcher takes the place of the one that stood by in one step, and IDLE2 holds; when events have
//          woken it and it has been relied on, it counts as one that ends a search.
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
#include <brigade/detail/worker_core.hpp>

namespace brigade::detail {

// Where one worker sleeps.
class parker {
public:
    // The owner. Returns once a token is there, and consumes it.
    void wait() noexcept {
        // pairs: the release in unpark().
        while (state_.load(std::memory_order_acquire) == empty) {
            sync::futex_wait(state_, empty);
        }
        state_.store(empty, std::memory_order_relaxed);  // before the owner can be a sleeper again
    }
    // As wait(), for about `limit`, perhaps less. False when no token came.
    [[nodiscard]] bool wait_for(std::chrono::nanoseconds limit) noexcept {
        sync::futex_wait_for(state_, empty, limit);
        return try_wait();
    }
    [[nodiscard]] bool try_wait() noexcept {
        // pairs: the release in unpark().
        if (state_.load(std::memory_order_acquire) == empty) {
            return false;
        }
        state_.store(empty, std::memory_order_relaxed);  // as in wait()
        return true;
    }
    // The owner is about to wait elsewhere, until unpark() has it interrupted. False when a token is there; it stays.
    [[nodiscard]] bool begin_polling() noexcept {
        std::uint32_t seen = empty;
        // pairs: the acquire in unpark(), whose caller then finds where the owner waits.
        return state_.compare_exchange_strong(seen, polling, std::memory_order_release, std::memory_order_relaxed);
    }
    // The owner does not wait there any more. Whether a token is there; it stays.
    [[nodiscard]] bool end_polling() noexcept {
        std::uint32_t seen = polling;
        // Relaxed: wait() or try_wait() takes the token.
        return !state_.compare_exchange_strong(seen, empty, std::memory_order_relaxed);
    }
    // Any thread that has taken the owner off the sleepers. True when the owner polls and the caller must interrupt it.
    bool unpark() noexcept {
        // pairs: the acquire in wait() and try_wait(), the release in begin_polling()
        if (state_.exchange(token, std::memory_order_acq_rel) == polling) {
            return true;
        }
        sync::futex_wake(state_);
        return false;
    }

private:
    static constexpr std::uint32_t empty = 0;
    static constexpr std::uint32_t token = 1;
    static constexpr std::uint32_t polling = 2;

    sync::atomic<std::uint32_t> state_{empty};
};

class idle : public worker_counts {
public:
    // All workers start awake, none searching.
    explicit idle(unsigned workers);

    // A worker without work asks to search. False when half of the workers do already.
    [[nodiscard]] bool start_searching() noexcept;
    // A searching worker has found work. True when it was the last: it must then wake another (IDLE2)
    // or see is_last_awake().
    [[nodiscard]] bool stop_searching() noexcept;
    // Whether the calling worker, which has just stopped searching as the last, is also the last one awake: then it
    // need wake another only if it sees work after this (IDLE2).
    [[nodiscard]] bool is_last_awake() noexcept;
    // S1, and the fence of S2. `searching` says whether the worker was. Gives whether it stands by (IDLE7).
    bool sleep(unsigned worker, bool searching) noexcept;
    // As sleep(), for who holds the poller's seat (IDLE6).
    bool sleep_in_seat(unsigned worker, bool searching) noexcept;
    // S3 for who holds the seat, after sleep_in_seat(). True when it is needed: it is awake then, and searching.
    [[nodiscard]] bool pick_itself(unsigned worker) noexcept;
    // S5, after sleep_in_seat().
    enum class rejoined : std::uint8_t {
        picked,     // not by itself: the token is there, or will be
        searching,  // and must end that search (IDLE7)
        running,
    };
    [[nodiscard]] rejoined rejoin(unsigned worker) noexcept;

    // P2 of a worker for the only task that is ready there. False when it must go on to P3 (IDLE7).
    [[nodiscard]] bool rely_on_standby() noexcept;
    // S6, and its fence. Whether the worker has been relied on: it looks then, and stands by still.
    [[nodiscard]] bool go_on_standing_by(unsigned worker) noexcept;

    // P2 and P3. The worker to unpark, if one is needed; it counts as awake and searching from now on.
    [[nodiscard]] std::optional<unsigned> pick() noexcept;
    // Whether every worker has entered the sleepers. Then what they did before that is visible.
    [[nodiscard]] bool all_asleep() const noexcept;

    // A worker to unpark whatever the others do; none when nobody sleeps. For the end of the workers.
    [[nodiscard]] std::optional<unsigned> pick_any() noexcept;

private:
    // With the lock held; whether it was the last one awake.
    [[nodiscard]] bool count_asleep(unsigned worker, bool searching) noexcept;
    bool fence_of_sleeper(sync::lock lock, unsigned worker, bool last) noexcept;  // whether the worker stands by
    // With the lock held; IDLE3, IDLE7. Whether others have relied on it.
    bool count_awake(unsigned worker, bool searching) noexcept;
    std::optional<unsigned> pop_sleeper() noexcept;       // with the lock held
    [[nodiscard]] bool all_are_counted() const noexcept;  // IDLE3, with the lock held

    alignas(sync::cache_line) mutable sync::mutex mutex_;
    std::vector<unsigned> sleepers_;      // but for the one in the poller's seat
    std::optional<unsigned> in_seat_;     // IDLE6
    std::optional<unsigned> on_standby_;  // IDLE7; one of the above
};

}  // namespace brigade::detail
