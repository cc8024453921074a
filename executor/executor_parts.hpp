// What an executor is made of, for the parts of the runtime that live in other folders.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <brigade/executor.hpp>

#include "executor/blocking_pool.hpp"
#include "executor/scheduler.hpp"
#include "executor/task_registry.hpp"

namespace brigade::detail {

// What wakes suspended tasks for an executor: its reactor, seen from the side that does no I/O.
class event_source {
public:
    virtual ~event_source() = default;
    // Stops and joins its thread; it wakes nobody afterwards, but what waits in it can still be taken out.
    virtual void end() noexcept = 0;
};

// The members end in reverse order: the pool and the event source post to the workers, so they go before them.
struct executor_parts {
    executor_parts(executor& self, executor_options given);
    // See executor::shutdown().
    void shutdown(std::chrono::milliseconds deadline);
    executor_parts(const executor_parts&) = delete;
    executor_parts& operator=(const executor_parts&) = delete;

    executor& self;
    executor_options options;
    task_registry registry;
    detail::scheduler workers;
    sync::mutex event_source_mutex;
    sync::atomic<event_source*> events{nullptr};
    std::unique_ptr<event_source> owned_events;
    blocking_pool blocking;
    sync::atomic<bool> closing{false};
    sync::mutex shutdown_mutex;
    bool is_shut_down = false;  // under shutdown_mutex

private:
    void end_threads(scheduler::phase how);
    void report(const char* what);
};

struct executor_access {
    [[nodiscard]] static executor_parts& parts(executor& e) noexcept { return *e.parts_; }
    [[nodiscard]] static detail::scheduler& scheduler(const executor& e) noexcept { return e.parts_->workers; }

    // The executor's event source; made by `make` when it is asked for the first time. Any thread.
    template <class Make>
    [[nodiscard]] static event_source& events(executor& e, Make&& make) {
        executor_parts& p = *e.parts_;
        // pairs: the store below; the source is complete.
        if (event_source* const there = p.events.load(std::memory_order_acquire)) {
            return *there;
        }
        const sync::lock lock(p.event_source_mutex);
        if (p.owned_events == nullptr) {
            p.owned_events = make();
            p.events.store(p.owned_events.get(), std::memory_order_release);  // pairs: the load above
        }
        return *p.owned_events;
    }
};

}  // namespace brigade::detail
