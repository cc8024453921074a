// Models of a batch of tasks that an event source wakes: its worker may keep them (WRK6), but not from running.
#include <coroutine>
#include <cstdint>
#include <utility>
#include <vector>

#include "tests/explore/parts_of_models.hpp"

#include "executor/event_source.hpp"
#include "executor/scheduler.hpp"

namespace explore {
namespace {

using brigade::detail::event_source;
namespace sync = brigade::detail::sync;

// Wakes what it is given, all in one deliver().
class batch_source final : public event_source {
public:
    explicit batch_source(workers& home) : home_(home) {}

    // After the batch before has been delivered. Any thread.
    void bring(std::vector<std::coroutine_handle<>> tasks) {
        tasks_ = std::move(tasks);
        say(has_batch);
    }

    void end(bool /*leaves_some*/) noexcept override {}
    bool wait(std::chrono::nanoseconds limit) noexcept override {
        // pairs: the release in say(): the batch is complete
        for (int i = 0; word_.load(std::memory_order_acquire) == 0 && (limit == no_limit || i == 0); ++i) {
            if (limit == no_limit) {
                sync::futex_wait(word_, 0);
            } else {
                sync::futex_wait_for(word_, 0, limit);
            }
        }
        // pairs: the release in say(): the batch is complete
        return (word_.fetch_and(~interrupted, std::memory_order_acquire) & has_batch) != 0;
    }
    bool deliver() noexcept override {
        // pairs: the release in say(), which the caller's wait() has acquired
        if ((word_.fetch_and(~has_batch, std::memory_order_acquire) & has_batch) == 0) {
            return false;
        }
        for (const std::coroutine_handle<> task : std::exchange(tasks_, {})) {
            home_.post(task);
        }
        return true;
    }
    void interrupt() noexcept override { say(interrupted); }

private:
    static constexpr std::uint32_t has_batch = 1;
    static constexpr std::uint32_t interrupted = 2;

    void say(std::uint32_t what) noexcept {
        word_.fetch_or(what, std::memory_order_release);  // pairs: the acquires in wait() and deliver()
        sync::futex_wake(word_);
    }

    workers& home_;
    std::vector<std::coroutine_handle<>> tasks_;
    sync::atomic<std::uint32_t> word_{0};
};

stray tell(event& happened) {
    happened.happen();
    co_return;
}
stray tell_after(event& awaited, event& happened) {
    awaited.wait();  // keeps the worker
    happened.happen();
    co_return;
}
stray tell_both(event& one, event& other) {
    one.happen();
    other.happen();
    co_return;
}

// The first batch makes a worker come for the seat, as a rule. The first task of the second may wait, on its worker,
// for the one behind it.
void run_two_batches(unsigned count, bool blocks) {
    workers w(count);
    batch_source source(w);
    w.set_events(source);
    const model_thread watchdog([&] { source.seat().watch(source); });
    event first;
    source.bring({tell(first).handle});
    first.wait();
    event go_on;
    event second;
    event third;
    event fourth;
    source.bring({blocks ? tell_after(go_on, second).handle : tell(second).handle, tell_both(go_on, third).handle,
                  tell(fourth).handle});
    second.wait();
    third.wait();
    fourth.wait();
    w.request_end(workers::phase::draining);
    w.join_threads();
    source.seat().close(source);
}

MODEL_WITH(batch_model, its_tasks_run, orders_only(1, 4'000)) {
    run_two_batches(1, false);
}

MODEL_WITH(batch_model, its_tasks_run_on_one_of_two_workers_or_on_both, orders_only(1, 4'000)) {
    run_two_batches(2, false);
}

MODEL_WITH(batch_model, a_task_that_blocks_does_not_keep_the_others_of_its_batch, orders_only(1, 6'000)) {
    run_two_batches(2, true);
}

}  // namespace
}  // namespace explore
