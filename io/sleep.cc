#include <brigade/sleep.hpp>

#include "io/reactor.hpp"

namespace brigade::detail {

bool sleep_awaiter::suspend(std::coroutine_handle<> self, stop_source* source) {
    shard_ = &reactor::of(executor::current()).timers().here();
    if (is_relative_) {
        timer::deadline = later_by(shard_->now(), timer::deadline.time_since_epoch());
    }
    waiter_.suspend(self);
    if (!attach(source)) {
        stopped_ = true;
        return false;
    }
    asleep_ = true;
    // From here on another thread may resume this coroutine, so nothing of it is touched unless set() refused.
    if (!shard_->set(*this, timer::deadline, source)) {
        asleep_ = false;
        stopped_ = true;
        return false;
    }
    return true;
}

void sleep_awaiter::give_up() noexcept {
    detach();
    shard_->cancel_and_wait(*this);
}

void sleep_awaiter::wake(timer& expired) noexcept {
    static_cast<sleep_awaiter&>(expired).waiter_.post();
}

void sleep_awaiter::stop(stop_hook& hook) noexcept {
    auto& self = static_cast<sleep_awaiter&>(hook);
    if (self.shard_->cancel(self)) {
        self.stopped_ = true;
        self.waiter_.post();
    }
}

}  // namespace brigade::detail
