// The workers of one executor and what they share: the injection queue, the idle protocol, the stop flag.
//
// The end: `phase_` is set and everybody is woken. In `draining` each worker runs what it still finds and leaves, in
// `leaving` it leaves when the coroutine that it runs has returned to it. The threads are joined. Last the destructor
// waits for threads of other executors that hold it: that are still inside post(), while the task that they posted,
// which may have been the last, has ended; or about to post one that has been destroyed meanwhile (prepared_post).
// Who spawns a task from outside keeps the executor itself, and spares the two read-modify-writes (start()).
//   SCH1  The phase only grows. A worker looks at it before it takes a coroutine (leaving) and, with nothing to run,
//         before it sleeps and after it has entered the stack of sleepers (draining).
//   SCH2  The phase carries nothing: who sees it leaves and touches nothing that others wrote; joining orders the rest.
//         A worker that sleeps, or is about to, sees it: it is on the stack when pick_any() looks, and gets a token; or
//         it enters the stack later, and then the stack's lock orders its second look behind the change. Each one that
//         sees it there wakes one sleeper, itself or another one that came as late.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <brigade/detail/sync.hpp>
#include <brigade/executor.hpp>

#include "executor/batch_spreading.hpp"
#include "executor/event_source.hpp"
#include "executor/idle.hpp"
#include "executor/injection_queue.hpp"
#include "executor/worker.hpp"

namespace brigade::detail {

class scheduler {
public:
    // Starts the threads. `owner` is what executor::current() gives on them.
    scheduler(executor& owner, unsigned workers, const std::string& name, bool pin);
    // Ends the threads, as request_end(phase::draining) does, unless they have. Not on a worker.
    ~scheduler();
    scheduler(const scheduler&) = delete;
    scheduler& operator=(const scheduler&) = delete;

    using phase = scheduler_phase;
    void request_end(phase how) noexcept;
    // Whether all workers have left, before `limit`. Not on a worker.
    [[nodiscard]] bool wait_until_ended(std::chrono::milliseconds limit);
    // After request_end(); waits for the threads. By one thread at a time, not on a worker.
    void join_threads() noexcept;

    // Between the two it does not go; see the head of this file. For threads that are none of its workers.
    void hold() noexcept {
        foreign_posts_.fetch_add(1, std::memory_order_relaxed);  // ordered by what makes the destructor possible
    }
    void let_go() noexcept {
        foreign_posts_.fetch_sub(1, std::memory_order_release);  // pairs: the load in ~scheduler()
    }

    // Any thread. Never fails: memory exhaustion terminates, as a task that was woken must not be lost.
    void post(std::coroutine_handle<> handle) noexcept;
    void post_next(std::coroutine_handle<> handle) noexcept;
    // As post(), for a caller that keeps the scheduler until this returns.
    void start(std::coroutine_handle<> handle) noexcept;
    // As start(), for a thread that is none of its workers.
    void inject(std::coroutine_handle<> handle) noexcept;
    // The calling thread, when it is one of its workers; else null.
    [[nodiscard]] worker* local_worker() const noexcept;

    // Wakes a worker for work that has been published, unless one is searching or all are awake. Workers; other threads
    // make a full fence before (IDLE5).
    void wake_one() noexcept;

    // For a worker that finds the end when it has entered the sleepers: one of them wakes up (SCH2).
    void wake_any() noexcept;

    // Where a worker may wait instead of on its futex; null when there is none yet.
    [[nodiscard]] event_source* events() const noexcept {
        return events_.load(std::memory_order_acquire);  // pairs: the store below; the source is complete
    }
    // Once; the source outlives the scheduler.
    void set_events(event_source& source) noexcept {
        events_.store(&source, std::memory_order_release);  // pairs: the load above
    }

    [[nodiscard]] unsigned worker_count() const noexcept { return static_cast<unsigned>(workers_.size()); }
    [[nodiscard]] worker& worker_at(unsigned index) const noexcept { return *workers_[index]; }
    [[nodiscard]] injection_queue& injected() noexcept { return injected_; }
    [[nodiscard]] idle& idlers() noexcept { return idle_; }
    [[nodiscard]] const sync::atomic<phase>& phase_word() const noexcept { return phase_; }
    [[nodiscard]] phase current_phase() const noexcept {
        return phase_.load(std::memory_order_relaxed);  // SCH2
    }
    [[nodiscard]] bool has_visible_work() const noexcept;
    // WRK6.
    [[nodiscard]] batch_spreading& batches() noexcept { return batches_; }  // for who holds the poller's seat
    [[nodiscard]] bool somebody_holds() const noexcept;
    // For who goes to sleep, or stands by and goes on to.
    void rely_for_holders() noexcept;
    // Whether all workers sleep, and then nothing is ready. What they did before is visible. Not on a worker.
    [[nodiscard]] bool is_at_rest() const noexcept;
    [[nodiscard]] executor_counters counters() const noexcept;

private:
    void unpark(unsigned index) noexcept;
    void hold_and_inject(std::coroutine_handle<> handle) noexcept;
    void run_worker(unsigned index, const std::string& name);

    executor& owner_;
    injection_queue injected_;
    idle idle_;
    sync::atomic<phase> phase_{phase::running};
    sync::atomic<event_source*> events_{nullptr};
    batch_spreading batches_;
    sync::mutex ended_mutex_;
    sync::condition_variable ended_;
    unsigned still_running_ = 0;  // under ended_mutex_
    alignas(sync::cache_line) sync::atomic<std::uint32_t> foreign_posts_{0};
    // Read for each task, so apart from what others write.
    alignas(sync::cache_line) std::vector<std::unique_ptr<worker>> workers_;
    std::vector<sync::thread> threads_;
};

// The calling thread belongs to `owner` until the guard goes, and then to whom it belonged before: executor::current().
class executor_scope {
public:
    explicit executor_scope(executor& owner) noexcept;
    ~executor_scope();
    executor_scope(const executor_scope&) = delete;
    executor_scope& operator=(const executor_scope&) = delete;

private:
    executor* const before_;
};

}  // namespace brigade::detail
