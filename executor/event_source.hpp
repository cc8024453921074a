// What wakes suspended tasks for an executor: its reactor, seen from the side that does no I/O.
#pragma once

#include <chrono>

#include <brigade/detail/sync.hpp>

#include "executor/poller_seat.hpp"

namespace brigade::detail {

class event_source {
public:
    static constexpr std::chrono::nanoseconds no_limit = std::chrono::nanoseconds::max();

    virtual ~event_source() = default;
    // Stops and joins its thread; it wakes nobody afterwards, but what waits in it can still be taken out. After the
    // workers have left. `leaves_some`: coroutines may stay behind that hold a part of it, and never run.
    virtual void end(bool leaves_some) noexcept = 0;

    // For who holds the seat.

    // Waits until there is something to deliver, interrupt() is called, or `limit` has passed; may return for no
    // reason. Whether there is something to deliver.
    [[nodiscard]] virtual bool wait(std::chrono::nanoseconds limit) noexcept = 0;
    // Posts the tasks that waited for it. Whether there may have been some.
    [[nodiscard]] virtual bool deliver() noexcept = 0;

    // Ends the wait() that runs, or else the next one; it sees what the caller did before. Any thread.
    virtual void interrupt() noexcept = 0;

    // For who moves a manual clock, of which the timers are: not later than any deadline; and what is due is posted.
    // One thread at a time, while the tasks are at rest.
    [[nodiscard]] virtual sync::clock::time_point earliest_deadline() noexcept {
        return sync::clock::time_point::max();
    }
    virtual void expire_timers(sync::clock::time_point /*now*/) noexcept {}

    [[nodiscard]] poller_seat& seat() noexcept { return seat_; }
    [[nodiscard]] const poller_seat& seat() const noexcept { return seat_; }

private:
    poller_seat seat_;
};

}  // namespace brigade::detail
