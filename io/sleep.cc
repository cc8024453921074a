#include <brigade/sleep.hpp>

#include <brigade/with_timeout.hpp>

#include "io/reactor.hpp"

namespace brigade::detail {

sleep_awaiter::sleep_awaiter(sync::clock::time_point deadline) noexcept
    : deadline_(deadline), timer_(*this), on_stop_(*this) {}

bool sleep_awaiter::suspend(std::coroutine_handle<> self, stop_source* source) {
    reactor_ = &reactor::of(executor::current());
    waiter_.suspend(self);
    if (!on_stop_.attach(source)) {
        stopped_ = true;
        return false;
    }
    asleep_ = true;
    // From here on another thread may resume this coroutine, so nothing of it is touched unless set() refused.
    if (!reactor_->set(timer_, deadline_, source)) {
        asleep_ = false;
        stopped_ = true;
        return false;
    }
    return true;
}

sleep_awaiter::~sleep_awaiter() {
    if (asleep_) {
        on_stop_.detach();
        reactor_->cancel_and_wait(timer_);
    }
}

void sleep_awaiter::await_resume() {
    asleep_ = false;
    on_stop_.detach();
    if (stopped_) {
        throw operation_cancelled();
    }
}

void sleep_awaiter::wake(timer& expired) noexcept {
    static_cast<alarm_clock&>(expired).sleeper.waiter_.post();
}

void sleep_awaiter::stop(stop_hook& hook) noexcept {
    sleep_awaiter& self = static_cast<stop_reaction&>(hook).sleeper;
    if (self.reactor_->cancel(self.timer_)) {
        self.stopped_ = true;
        self.waiter_.post();
    }
}

deadline_alarm::deadline_alarm(sync::clock::time_point deadline, stop_source& target)
    : reactor_(reactor::of(executor::current())), target_(target), timer_(*this) {
    static_cast<void>(reactor_.set(timer_, deadline, nullptr));  // without a stop source it is never refused
}

deadline_alarm::~deadline_alarm() {
    reactor_.cancel_and_wait(timer_);
}

void deadline_alarm::ring(timer& expired) noexcept {
    deadline_alarm& self = static_cast<alarm_clock&>(expired).owner;
    self.expired_.store(true, std::memory_order_relaxed);  // ordered by the stop request that follows
    self.target_.request_stop();
}

}  // namespace brigade::detail
