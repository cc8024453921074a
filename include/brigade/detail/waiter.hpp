// A suspended coroutine and the executor whose workers are to resume it; and the few questions that an awaitable asks
// of the worker it runs on.
#pragma once

#include <coroutine>

namespace brigade {
class executor;
}

namespace brigade::detail {

class scheduler;
class worker;

// The scheduler of the calling worker, and the executor of the calling worker or blocking thread; null on any other
// thread.
[[nodiscard]] scheduler* current_scheduler() noexcept;
[[nodiscard]] executor* current_executor() noexcept;

// Puts the coroutine at the end of the queue: of the calling worker where it is one of the scheduler's, else of the
// injection queue. Any thread. Never resumes on the caller's stack.
void post(scheduler& home, std::coroutine_handle<> handle) noexcept;

// As post(), for a caller that is about to finish: the coroutine may run next on this worker, ahead of its queue.
void post_next(scheduler& home, std::coroutine_handle<> handle) noexcept;

// The functions below are for workers; they report and terminate on any other thread.

// Puts the coroutine at the end of the calling worker's queue and wakes nobody.
void post_yielded(std::coroutine_handle<> handle) noexcept;

// A look such as a fork takes (WRK3). True when others are due: the coroutine, which is suspended, goes on when they
// have had their turn, here or on a worker that takes it.
[[nodiscard]] bool make_way(std::coroutine_handle<> handle) noexcept;

// Takes one from the budget of the task that runs on the calling worker. False when it is used up.
[[nodiscard]] bool consume_budget() noexcept;

// Who waits for an event. The event's source posts it exactly once.
struct waiter {
    std::coroutine_handle<> handle;
    scheduler* home = nullptr;

    // On a worker, in await_suspend. Reports and terminates on any other thread.
    void suspend(std::coroutine_handle<> suspended) noexcept;
    // Any thread. The waiter may be gone when this returns, so it works on a copy.
    void post() const noexcept {
        const waiter self = *this;
        detail::post(*self.home, self.handle);
    }
};

// A post in two steps, for a thread that has to let the waiter go in between, and with it perhaps the scheduler's tasks
// and workers: from here on the scheduler stays. Any thread.
class prepared_post {
public:
    explicit prepared_post(const waiter& w) noexcept;
    ~prepared_post();
    prepared_post(const prepared_post&) = delete;
    prepared_post& operator=(const prepared_post&) = delete;

    [[nodiscard]] const waiter& whom() const noexcept { return whom_; }
    // Once.
    void post() const noexcept;

private:
    const waiter whom_;
    worker* const local_;  // the calling one, when it is one of the scheduler's
};

}  // namespace brigade::detail
