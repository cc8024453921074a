// A wait for an auto-reset event as a coroutine makes it, by hand, for the event's models.
#pragma once

#include <coroutine>
#include <optional>

#include <brigade/auto_reset_event.hpp>

#include "tests/explore/parts_of_models.hpp"

#include "executor/idle.hpp"
#include "executor/scheduler.hpp"

namespace explore {

using brigade::auto_reset_event;
using brigade::stop_source;
using brigade::detail::event_waiter;
using brigade::detail::parker;
using brigade::detail::prepared_post;
using brigade::detail::scheduler;
using brigade::detail::waiter;
namespace sync = brigade::detail::sync;

// Who resumes it counts, in plain memory, and wakes the thread that may be
// waiting for that.
class hand_run_wait {
public:
    explicit hand_run_wait(auto_reset_event& event, stop_source* stop = nullptr, scheduler* home = nullptr)
        : waiter_(std::in_place, event, &hand_run_wait::resume), stop_(stop), home_(home) {}

    // Whether it has suspended.
    bool arrive() {
        const auto how = waiter_->arrive({.handle = std::coroutine_handle<>::from_address(this), .home = home_}, stop_);
        suspended_ = how == event_waiter::arrival::waits;
        return suspended_;
    }
    // As arrive(), for a task that goes on by go_on_elsewhere(), perhaps before this returns.
    void arrive_and_leave() {
        if (waiter_->arrive({.handle = std::coroutine_handle<>::from_address(this), .home = home_}, stop_) !=
            event_waiter::arrival::waits) {
            token_.unpark();
        }
    }
    bool go_on_elsewhere() {
        token_.wait();
        return end();
    }
    // The waiter is gone once the task goes on. Gives whether it has got a permit.
    bool go_on() {
        if (suspended_) {
            token_.wait();
            require(resumed_ == 1, "EVT2: woken once");
        }
        return end();
    }
    bool wait() {
        arrive();
        return go_on();
    }
    // The task is destroyed where it waits.
    void destroy() { waiter_.reset(); }
    // After all threads have gone that could do so.
    [[nodiscard]] int times_resumed() const noexcept { return resumed_; }

private:
    bool end() {
        const bool permitted = waiter_->finish();
        waiter_.reset();
        return permitted;
    }
    static void resume(const prepared_post& p) noexcept {
        const waiter& w = p.whom();
        auto& self = *static_cast<hand_run_wait*>(w.handle.address());
        ++self.resumed_;
        self.token_.unpark();
        if (w.home != nullptr) {
            static_cast<void>(w.home->injected().size());  // a post would touch the scheduler
        }
    }

    std::optional<event_waiter> waiter_;
    stop_source* stop_;
    scheduler* home_;
    bool suspended_ = false;
    int resumed_ = 0;
    parker token_;
};

}  // namespace explore
