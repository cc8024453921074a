#include <brigade/with_timeout.hpp>

#include "io/reactor.hpp"

namespace brigade::detail {

void deadline_scope::begin(stop_source*& place) {
    timer_shard& shard = reactor::of(executor::current()).timers().here();
    outer_ = place;
    place_ = &place;
    place = &source_;
    if (!attach(outer_)) {
        source_.request_stop();
        return;
    }
    shard_ = &shard;
    static_cast<void>(shard.set(*this, limit_.from(shard.now()), nullptr));  // without a stop source never refused
}

void deadline_scope::leave() noexcept {
    *place_ = outer_;
    place_ = nullptr;
    detach();
    if (shard_ != nullptr) {
        shard_->cancel_and_wait(*this);
    }
}

void deadline_scope::expire(timer& expired) noexcept {
    auto& self = static_cast<deadline_scope&>(expired);
    self.expired_.store(true, std::memory_order_relaxed);  // TIM5: read when this has returned
    self.source_.request_stop();
}

void deadline_scope::pass_on(stop_hook& hook) noexcept {
    static_cast<deadline_scope&>(hook).source_.request_stop();
}

}  // namespace brigade::detail
