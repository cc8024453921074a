#include <brigade/manual_clock.hpp>

#include <algorithm>
#include <cstdint>
#include <stdexcept>

#include <brigade/executor.hpp>

#include "executor/executor_parts.hpp"

namespace brigade {

void manual_clock::attach(detail::executor_parts& e) {
    const detail::sync::lock lock(mutex_);
    executors_.push_back(&e);
}

void manual_clock::detach(detail::executor_parts& e) noexcept {
    const detail::sync::lock lock(mutex_);
    std::erase(executors_, &e);
}

void manual_clock::advance(duration d) {
    if (d < duration::zero()) {
        throw std::invalid_argument("brigade: manual_clock::advance() by a negative duration");
    }
    const executor* const here = executor::try_current();
    if (here != nullptr && detail::executor_access::parts(*here).options.clock == this) {
        throw std::logic_error(
            "brigade: manual_clock::advance() on a thread of an executor with this clock, for whose "
            "tasks it would wait");
    }
    const detail::sync::lock lock(mutex_);
    if (d >= time_point::max() - now()) {
        throw std::invalid_argument("brigade: manual_clock::advance() beyond the last moment that the clock can tell");
    }
    const time_point end = now() + d;
    settle();
    for (time_point next = earliest_deadline(); next <= end; next = earliest_deadline()) {
        // pairs: now()
        now_.store(std::max(next, now()).time_since_epoch().count(), std::memory_order_release);
        expire_timers();
        settle();
    }
    now_.store(end.time_since_epoch().count(), std::memory_order_release);  // pairs: now()
}

void manual_clock::settle() noexcept {
    const auto all_at_rest = [this] {
        return std::ranges::all_of(executors_, [](const detail::executor_parts* e) { return e->workers.is_at_rest(); });
    };
    const auto resumed = [this] {
        std::uint64_t sum = 0;
        for (const detail::executor_parts* const e : executors_) {
            sum += e->workers.counters().resumed;
        }
        return sum;
    };
    // They are not looked at all at once: one may wake a task of another, behind the look at that, and be at rest then.
    // So twice, and nothing may have run in between. Somebody who has entered the sleepers may still find work there;
    // it is visible in its queue until somebody runs it.
    for (detail::sync::backoff turn;; turn.pause()) {
        const std::uint64_t before = resumed();
        const bool once = all_at_rest();
        const bool twice = all_at_rest();
        if (once && twice && resumed() == before) {
            return;
        }
    }
}

manual_clock::time_point manual_clock::earliest_deadline() noexcept {
    time_point least = time_point::max();
    for (detail::executor_parts* const e : executors_) {
        if (detail::event_source* const source = e->workers.events()) {
            least = std::min(least, source->earliest_deadline());
        }
    }
    return least;
}

void manual_clock::expire_timers() noexcept {
    for (detail::executor_parts* const e : executors_) {
        if (detail::event_source* const source = e->workers.events()) {
            const detail::executor_scope scope(e->self);  // for stop callbacks
            source->expire_timers(now());
        }
    }
}

detail::sync::clock::time_point now() noexcept {
    if (executor* const here = executor::try_current()) {
        if (const manual_clock* const clock = detail::executor_access::parts(*here).options.clock) {
            return clock->now();
        }
    }
    return detail::sync::clock::now();
}

}  // namespace brigade
