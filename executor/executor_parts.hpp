// What an executor is made of, for the parts of the runtime that live in other folders.
#pragma once

#include <memory>
#include <string>

#include <brigade/executor.hpp>

#include "executor/blocking_pool.hpp"
#include "executor/scheduler.hpp"
#include "executor/task_registry.hpp"

namespace brigade::detail {

// What wakes suspended tasks for an executor: its reactor, seen from the side that does no I/O. The destructor stops
// and joins its thread. It runs when no task is alive.
class event_source {
public:
    virtual ~event_source() = default;
};

// The members end in reverse order: the pool and the event source post to the workers, so they go before them.
struct executor_parts {
    executor_parts(executor& self, executor_options given);
    ~executor_parts();
    executor_parts(const executor_parts&) = delete;
    executor_parts& operator=(const executor_parts&) = delete;

    executor_options options;
    task_registry registry;
    detail::scheduler scheduler;
    sync::mutex event_source_mutex;
    sync::atomic<event_source*> events{nullptr};
    std::unique_ptr<event_source> owned_events;
    blocking_pool blocking;
    sync::atomic<bool> closed{false};
};

struct executor_access {
    [[nodiscard]] static executor_parts& parts(executor& e) noexcept { return *e.parts_; }
    [[nodiscard]] static detail::scheduler& scheduler(const executor& e) noexcept { return e.parts_->scheduler; }

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
