#include <brigade/stop.hpp>

namespace brigade {

bool stop_source::request_stop() {
    detail::sync::spinlock_guard lock(lock_);
    if (requested_.load(std::memory_order_relaxed)) {  // under lock_, as is the only store
        return false;
    }
    request self{.first = nullptr, .running = nullptr, .thread = detail::sync::this_thread_number()};
    if (first != nullptr) {
        self.first = first;
        self.first->link_ = &self.first;
    }
    in_progress = &self;
    // pairs: the acquire load in stop_requested().
    requested_.store(true, std::memory_order_release);
    while (self.first != nullptr) {
        detail::stop_hook& hook = *self.first;
        hook.unlink();  // STOP1
        self.running = &hook;
        lock.unlock();
        hook.run_(hook);  // may destroy the hook: not touched again
        lock.lock();
        self.running = nullptr;
    }
    in_progress = nullptr;
    return true;
}

namespace detail {

bool is_cancellation(const std::exception_ptr& error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const operation_cancelled&) {
        return true;
    } catch (...) {
        return false;
    }
}

void stop_hook::link(stop_hook*& first) noexcept {
    next_ = first;
    if (next_ != nullptr) {
        next_->link_ = &next_;
    }
    link_ = &first;
    first = this;
}

void stop_hook::unlink() noexcept {
    sync::invariant("STOP1", [this] { return link_ != nullptr && *link_ == this; });
    *link_ = next_;
    if (next_ != nullptr) {
        next_->link_ = link_;
    }
    link_ = nullptr;
}

bool stop_hook::attach(stop_source* source) {
    if (source == nullptr) {
        return true;
    }
    const sync::spinlock_guard lock(source->lock_);
    if (source->requested_.load(std::memory_order_relaxed)) {  // under lock_, as is the only store
        return false;                                          // STOP3
    }
    source_ = source;
    link(source->first);
    return true;
}

void stop_hook::take_off() noexcept {
    stop_source& source = *std::exchange(source_, nullptr);
    sync::spinlock_guard lock(source.lock_);
    if (link_ != nullptr) {
        unlink();
        return;
    }
    // A request has taken it off. STOP2. The run is short: the runtime's own hooks only post.
    const auto runs_elsewhere = [&] {
        const stop_source::request* const r = source.in_progress;
        return r != nullptr && r->running == this && r->thread != sync::this_thread_number();
    };
    for (sync::backoff turn; runs_elsewhere();) {
        lock.unlock();
        turn.pause();
        lock.lock();
    }
}

}  // namespace detail
}  // namespace brigade
