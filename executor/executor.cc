// The end of an executor:
//   1. Intake closes: spawn() throws on threads that belong to no executor.
//   2. Every live task is asked to stop, and so is every task that they still spawn.
//   3. The destructor waits until nothing is alive, and says for whom it waits when that takes long.
//   4. The blocking pool, the reactor, and the workers end, in this order; each joins its threads.
// Tasks are not destroyed while they are suspended: every wait of the runtime ends on a stop, so they end themselves,
// and destructors run where they always run.
#include <brigade/executor.hpp>

#include <cstdio>
#include <exception>

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
    if (options.shutdown_report <= std::chrono::milliseconds(0)) {
        throw std::invalid_argument("brigade: executor_options::shutdown_report must be positive");
    }
    if (!options.unhandled_exception) {
        options.unhandled_exception = report_and_terminate;
    }
    return options;
}

}  // namespace

detail::executor_parts::executor_parts(executor& self, executor_options given)
    : options(checked(std::move(given))),
      registry(options.unhandled_exception),
      scheduler(self, options.workers, options.name, options.pin_workers),
      blocking(self, options.blocking_threads, options.name) {}

detail::executor_parts::~executor_parts() {
    while (!registry.wait_until_empty(options.shutdown_report)) {
        std::string report = "brigade: executor '" + options.name + "' is being destroyed and waits for:\n";
        for (const std::string& line : registry.describe(10)) {
            report += "  " + line + "\n";
        }
        std::fputs(report.c_str(), stderr);
    }
}

executor::executor(executor_options options)
    : parts_(std::make_unique<detail::executor_parts>(*this, std::move(options))) {}

executor::~executor() {
    if (try_current() == this) {
        std::fprintf(stderr, "brigade: executor '%s' is destroyed on one of its own threads, which it would wait for\n",
                     name().c_str());
        std::terminate();
    }
    parts_->closed.store(true, std::memory_order_relaxed);  // a caller that races the destructor has lost either way
    request_stop();
}

void executor::request_stop() {
    parts_->registry.request_stop();
}

unsigned executor::worker_count() const noexcept {
    return parts_->scheduler.worker_count();
}

const std::string& executor::name() const noexcept {
    return parts_->options.name;
}

executor_counters executor::counters() const noexcept {
    return parts_->scheduler.counters();
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

void refuse_when_closed(const executor& self, const detail::executor_parts& parts, detail::spawn_state& state) {
    // Threads of any executor may carry one of this executor's tasks, as a guest or on its blocking pool.
    if (parts.closed.load(std::memory_order_relaxed) && executor::try_current() == nullptr) {
        state.release();  // the side that would have run
        throw std::runtime_error("brigade: spawn on executor '" + self.name() + "', which is being destroyed");
    }
}

}  // namespace

void executor::launch(detail::spawn_state& state, std::coroutine_handle<> handle, const char* type_name) {
    refuse_when_closed(*this, *parts_, state);
    parts_->registry.add(state, type_name);
    parts_->scheduler.post(handle);
}

void executor::submit(detail::spawn_state& state, detail::blocking_job_base& job, const char* type_name) {
    refuse_when_closed(*this, *parts_, state);
    parts_->registry.add(state, type_name);
    try {
        parts_->blocking.submit(job);
    } catch (...) {
        parts_->registry.remove(state);
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
