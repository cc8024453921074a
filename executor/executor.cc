// The end of an executor, in the order of executor::shutdown():
//   1. Intake closes, for threads that belong to no executor: `closing`.
//   2. The registry asks every task to stop, also those that come later.
//   3. Nothing is alive: the registry is empty before the deadline, and the workers drain. Or it is not, and they leave
//      instead of running what stands in their queues. They are waited for.
//   4. The registry closes: intake ends for everybody. Those who had entered before are waited for, if they bring a
//      job.
//   5. The reactor ends. What the registry holds of tasks is suspended now, or stands in a queue that nobody takes
//      from, and is destroyed, on the thread that shuts down. Blocking jobs that have not begun are given up.
//   6. The blocking pool ends. Not before: a job may wait for a task, which only step 5 ends.
// A task is destroyed where it is suspended by destroying the frame of its body, and so all frames that it awaits, and
// the children that it has forked (FORK8). Its spawn_state holds the result, and goes when the handle does.
//   END1  When step 5 destroys tasks, the executor has neither workers nor a reactor, so nothing of a task runs, and
//         nothing of this executor resumes one. Blocking jobs may run: they touch tasks by their states only.
//   END2  A wait of the runtime has ended by step 2 and is past: what is suspended in step 5 waits in an awaitable from
//         elsewhere, stands in a queue, or awaits one that does. Another executor may still be about to wake one that
//         joined a task of its own: the awaiter's destructor waits for that (JOIN1).
//   END3  A job is in the registry before it is in the pool, and `entering` counts who is between the two. So when step
//         4 is over, no job comes.
#include <brigade/executor.hpp>

#include <cstdio>
#include <exception>

#include <brigade/manual_clock.hpp>
#include <brigade/schedule_on.hpp>

#include "executor/executor_parts.hpp"

namespace brigade {

namespace {

constexpr unsigned most_workers = 4096;

void report_and_terminate(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "brigade: unhandled exception in a task: %s\n", e.what());
    } catch (...) {
        std::fprintf(stderr, "brigade: unhandled exception in a task, of a type not derived from std::exception\n");
    }
    std::terminate();
}

executor_options checked(executor_options options) {
    if (options.workers == 0) {
        options.workers = default_worker_count();
    }
    if (options.workers > most_workers) {
        throw std::invalid_argument("brigade: executor_options::workers is " + std::to_string(options.workers) +
                                    "; the most is " + std::to_string(most_workers));
    }
    if (options.blocking_threads == 0) {
        throw std::invalid_argument("brigade: executor_options::blocking_threads is 0; the least is 1");
    }
    if (options.shutdown_deadline <= std::chrono::milliseconds(0)) {
        throw std::invalid_argument("brigade: executor_options::shutdown_deadline must be positive");
    }
    if (!options.unhandled_exception) {
        options.unhandled_exception = report_and_terminate;
    }
    return options;
}

}  // namespace

detail::executor_parts::executor_parts(executor& owner, executor_options given)
    : self(owner),
      options(checked(std::move(given))),
      registry(options.unhandled_exception),
      workers(self, options.workers, options.name, options.pin_workers),
      blocking(self, options.blocking_threads, options.name) {
    if (options.clock != nullptr) {
        options.clock->attach(*this);
    }
}

void detail::executor_parts::shutdown(std::chrono::milliseconds deadline) {
    const sync::lock lock(shutdown_mutex);
    if (std::exchange(is_shut_down, true)) {
        return;
    }
    // Relaxed: a caller that races the end of the executor has lost either way.
    closing.store(true, std::memory_order_relaxed);
    registry.request_stop();
    if (options.clock != nullptr) {
        options.clock->detach(*this);  // after the stop: it waits for advance(), and that for tasks that may need one
    }
    const bool all_ended = registry.wait_until_empty(deadline);
    if (!all_ended) {
        report("is shutting down; the deadline has passed, and these have not ended:");
    }
    end_workers(all_ended ? scheduler::phase::draining : scheduler::phase::leaving);
    registry.close();
    // pairs: the subtraction in executor::submit(); the job is in the pool (END3).
    for (sync::backoff turn; entering.load(std::memory_order_acquire) != 0; turn.pause()) {
    }
    end_events(!all_ended);
    {
        const executor_scope scope(self);
        if (!all_ended) {
            blocking.give_up_queued();
        }
        registry.abandon_tasks();
    }
    end_blocking_jobs();
}

void detail::executor_parts::end_workers(scheduler::phase how) {
    workers.request_end(how);
    while (!workers.wait_until_ended(options.shutdown_deadline)) {
        report("is shutting down and waits for what is still running, among:");
    }
    workers.join_threads();
}

void detail::executor_parts::end_events(bool leaves_some) noexcept {
    const sync::lock lock(event_source_mutex);
    events_ended = true;
    if (owned_events != nullptr) {
        events.store(nullptr, std::memory_order_relaxed);  // who still saw it has lost either way
        owned_events->end(leaves_some);
    }
}

void detail::executor_parts::end_blocking_jobs() {
    blocking.request_end();
    while (!blocking.wait_until_ended(options.shutdown_deadline)) {
        report("is shutting down and waits for blocking jobs, among:");
    }
    blocking.join_threads();
}

void detail::executor_parts::report(const char* what) {
    const std::vector<std::string> lines = registry.describe(10);
    if (lines.empty()) {
        return;  // its threads are on their way out
    }
    std::string text = "brigade: executor '" + options.name + "' " + what + "\n";
    for (const std::string& line : lines) {
        text += "  " + line + "\n";
    }
    sync::say(text.c_str());
}

executor::executor(executor_options options)
    : parts_(std::make_unique<detail::executor_parts>(*this, std::move(options))) {}

executor::~executor() {
    if (try_current() == this) {
        std::fprintf(stderr, "brigade: executor '%s' is destroyed on one of its own threads, which it would wait for\n",
                     name().c_str());
        std::terminate();
    }
    parts_->shutdown(parts_->options.shutdown_deadline);
}

void executor::shutdown(std::chrono::milliseconds deadline) {
    if (try_current() == this) {
        throw std::logic_error("brigade: shutdown() on a thread of the same executor, which it would wait for");
    }
    parts_->shutdown(deadline);
}

void executor::request_stop() {
    parts_->registry.request_stop();
}

unsigned executor::worker_count() const noexcept {
    return parts_->workers.worker_count();
}

const std::string& executor::name() const noexcept {
    return parts_->options.name;
}

executor_counters executor::counters() const noexcept {
    return parts_->workers.counters();
}

executor& executor::current() {
    if (executor* const e = try_current()) {
        return *e;
    }
    throw std::logic_error("brigade: no executor here: this thread is neither a worker nor a blocking thread");
}

executor* executor::try_current() noexcept {
    return detail::current_executor();
}

void executor::refuse_on_worker() const {
    if (detail::current_scheduler() != nullptr) {
        throw std::logic_error("brigade: block_on on a worker would keep it from its tasks; co_await instead");
    }
}

namespace {

class on_the_way_in {
public:
    explicit on_the_way_in(detail::sync::atomic<std::uint32_t>& count) noexcept : count_(count) {
        // Relaxed: the registry's lock orders it before close(), which comes before the look at it.
        count_.fetch_add(1, std::memory_order_relaxed);
    }
    on_the_way_in(const on_the_way_in&) = delete;
    on_the_way_in& operator=(const on_the_way_in&) = delete;
    ~on_the_way_in() {
        count_.fetch_sub(1, std::memory_order_release);  // pairs: the load in executor_parts::shutdown() (END3)
    }

private:
    detail::sync::atomic<std::uint32_t>& count_;
};

[[noreturn]] void refuse(const executor& self, detail::spawn_state& state) {
    state.release();  // the side that would have run
    throw std::runtime_error("brigade: spawn on executor '" + self.name() + "', which is shutting down");
}

void refuse_when_closed(const executor& self, const detail::executor_parts& parts, detail::spawn_state& state) {
    // Threads of any executor may carry one of this executor's tasks, as a guest or on its blocking pool.
    if (parts.closing.load(std::memory_order_relaxed) && executor::try_current() == nullptr) {
        refuse(self, state);
    }
}

}  // namespace

void executor::launch(detail::spawn_state& state, std::coroutine_handle<> handle) {
    refuse_when_closed(*this, *parts_, state);
    if (!parts_->registry.add(state)) {
        refuse(*this, state);
    }
    parts_->workers.start(handle);
}

void executor::submit(detail::spawn_state& state, detail::blocking_job_base& job) {
    refuse_when_closed(*this, *parts_, state);
    const on_the_way_in inside(parts_->entering);
    if (!parts_->registry.add(state)) {
        refuse(*this, state);
    }
    try {
        parts_->blocking.submit(job);
    } catch (...) {
        detail::task_registry::remove(state);
        state.release();  // the side that would have run
        throw;
    }
}

bool detail::is_worker_of(const executor& where) noexcept {
    return current_scheduler() == &executor_access::scheduler(where);
}

void detail::post(executor& where, std::coroutine_handle<> handle) noexcept {
    executor_access::scheduler(where).post(handle);
}

std::optional<unsigned> this_worker_index() noexcept {
    const detail::worker* const w = detail::worker::current();
    return w != nullptr ? std::optional<unsigned>(w->index()) : std::nullopt;
}

}  // namespace brigade
