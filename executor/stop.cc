#include <brigade/stop.hpp>

namespace brigade {

bool stop_source::request_stop() {
    detail::sync::lock lock(mutex_);
    if (requested_.load(std::memory_order_relaxed)) {  // under mutex_, as is the only store
        return false;
    }
    requester_ = detail::sync::this_thread_number();
    // pairs: the acquire load in stop_requested().
    requested_.store(true, std::memory_order_release);
    while (first_ != nullptr) {
        detail::stop_hook& hook = *first_;
        unlink(hook);  // STOP1
        running_ = &hook;
        lock.unlock();
        hook.run_(hook);  // may destroy the hook: not touched again
        lock.lock();
        running_ = nullptr;
    }
    return true;
}

void stop_source::unlink(detail::stop_hook& hook) noexcept {
    detail::sync::invariant("STOP1", [&hook] { return hook.linked_; });
    (hook.previous_ != nullptr ? hook.previous_->next_ : first_) = hook.next_;
    if (hook.next_ != nullptr) {
        hook.next_->previous_ = hook.previous_;
    }
    hook.previous_ = hook.next_ = nullptr;
    hook.linked_ = false;
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

bool stop_hook::attach(stop_source* source) {
    if (source == nullptr) {
        return true;
    }
    sync::lock lock(source->mutex_);
    if (source->requested_.load(std::memory_order_relaxed)) {  // under mutex_, as is the only store
        return false;                                          // STOP3
    }
    source_ = source;
    next_ = source->first_;
    if (next_ != nullptr) {
        next_->previous_ = this;
    }
    source->first_ = this;
    linked_ = true;
    return true;
}

void stop_hook::detach() noexcept {
    if (source_ == nullptr) {
        return;
    }
    stop_source& source = *std::exchange(source_, nullptr);
    sync::lock lock(source.mutex_);
    if (linked_) {
        source.unlink(*this);
        return;
    }
    // STOP2. The run is short: the runtime's own hooks only post.
    while (source.running_ == this && source.requester_ != sync::this_thread_number()) {
        lock.unlock();
        sync::yield_thread();
        lock.lock();
    }
}

}  // namespace detail
}  // namespace brigade
