// What an executor is made of, for the parts of the runtime that live in other folders.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include <brigade/executor.hpp>

#include "executor/blocking_pool.hpp"
#include "executor/event_source.hpp"
#include "executor/scheduler.hpp"
#include "executor/task_registry.hpp"

namespace brigade::detail {

// The members end in reverse order. The pool posts to the workers, so it goes before them. The event source has ended
// with shutdown(), and goes after them: threads that are on their way out of post() may still interrupt it (SEAT3).
struct executor_parts {
    executor_parts(executor& owner, executor_options given);
    // See executor::shutdown().
    void shutdown(std::chrono::milliseconds deadline);
    executor_parts(const executor_parts&) = delete;
    executor_parts& operator=(const executor_parts&) = delete;

    executor& self;
    executor_options options;
    task_registry registry;
    sync::mutex event_source_mutex;
    sync::atomic<event_source*> events{nullptr};  // for those who begin to wait; null again when it has ended
    std::unique_ptr<event_source> owned_events;   // under event_source_mutex
    bool events_ended = false;                    // as well
    detail::scheduler workers;
    blocking_pool blocking;
    sync::atomic<bool> closing{false};
    sync::atomic<std::uint32_t> entering{0};  // threads inside executor::submit()
    sync::mutex shutdown_mutex;
    bool is_shut_down = false;  // under shutdown_mutex

private:
    void end_workers(scheduler::phase how);
    void end_events(bool leaves_some) noexcept;
    void end_blocking_jobs();
    void report(const char* what);
};

struct executor_access {
    [[nodiscard]] static executor_parts& parts(const executor& e) noexcept { return *e.parts_; }
    [[nodiscard]] static detail::scheduler& scheduler(const executor& e) noexcept { return e.parts_->workers; }

    // The executor's event source; made by `make` when it is asked for the first time. Any thread. Throws
    // std::runtime_error when the executor has been shut down.
    template <class Make>
    [[nodiscard]] static event_source& events(executor& e, Make&& make) {
        executor_parts& p = *e.parts_;
        // pairs: the store below; the source is complete.
        if (event_source* const there = p.events.load(std::memory_order_acquire)) {
            return *there;
        }
        const sync::lock lock(p.event_source_mutex);
        if (p.events_ended) {
            throw std::runtime_error("brigade: I/O on executor '" + p.options.name + "', which has ended");
        }
        if (p.owned_events == nullptr) {
            p.owned_events = make();
            p.workers.set_events(*p.owned_events);
            p.events.store(p.owned_events.get(), std::memory_order_release);  // pairs: the load above
        }
        return *p.owned_events;
    }
};

}  // namespace brigade::detail
