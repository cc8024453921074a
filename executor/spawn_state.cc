#include <brigade/detail/spawn_state.hpp>

#include <stdexcept>
#include <utility>

#include <brigade/join_handle.hpp>

#include "executor/task_registry.hpp"

namespace brigade::detail {

namespace {

// The values of waiter_ that are neither null nor a waiter.
char waking_mark;
char finished_mark;
char stopped_mark;

struct blocked_thread : join_waiter {
    blocked_thread() noexcept
        : join_waiter{[](join_waiter& self) noexcept {
              sync::atomic<std::uint32_t>& word = static_cast<blocked_thread&>(self).woken;
              // pairs: the acquire load in wait_blocking(). From here on only the word's address is used.
              word.store(1, std::memory_order_release);
              sync::futex_wake(word);
          }} {}
    sync::atomic<std::uint32_t> woken{0};
};

}  // namespace

bool spawn_state::finished() const noexcept {
    // pairs: the exchange in finish(), or the store behind it; the result is visible.
    const void* const seen = waiter_.load(std::memory_order_acquire);
    return seen == &finished_mark || seen == &waking_mark;
}

bool spawn_state::wait(join_waiter& w) {
    void* seen = nullptr;
    // Success: the release publishes the waiter to finish() and stop_waiting().
    // Failure: pairs with the exchange in finish(), or with stop_waiting().
    if (waiter_.compare_exchange_strong(seen, &w, std::memory_order_release, std::memory_order_acquire)) {
        return true;  // JOIN2
    }
    if (seen != &finished_mark && seen != &waking_mark && seen != &stopped_mark) {
        throw std::logic_error("brigade: two tasks await one join_handle");
    }
    return false;
}

bool spawn_state::stop_waiting(join_waiter& w) noexcept {
    for (;;) {
        void* seen = &w;
        // pairs: the release in wait(): the waiter is complete. JOIN1.
        if (waiter_.compare_exchange_strong(seen, nullptr, std::memory_order_acquire, std::memory_order_relaxed)) {
            return true;
        }
        if (seen != nullptr) {
            return false;  // finished
        }
        // Not suspended yet. Relaxed: the mark carries no data, and wait() runs on the stopped task's own thread.
        if (waiter_.compare_exchange_strong(seen, &stopped_mark, std::memory_order_relaxed)) {
            return false;
        }
    }
}

void spawn_state::forget_stop() noexcept {
    void* seen = &stopped_mark;
    waiter_.compare_exchange_strong(seen, nullptr, std::memory_order_relaxed);  // nobody else is left to set or read it
}

void spawn_state::let_finisher_pass() noexcept {
    // pairs: the store in finish(): the waiter and its scheduler may go.
    while (waiter_.load(std::memory_order_acquire) == &waking_mark) {
        sync::yield_thread();
    }
}

void spawn_state::wait_blocking() {
    blocked_thread self;
    if (!wait(self)) {
        return;
    }
    // pairs: the release store in blocked_thread's wake.
    while (self.woken.load(std::memory_order_acquire) == 0) {
        sync::futex_wait(self.woken, 0);
    }
}

void spawn_state::retain() noexcept {
    references_.fetch_add(1, std::memory_order_relaxed);  // made from a reference that exists
}

void spawn_state::release() noexcept {
    // pairs: itself; the last to leave sees everything that the other did to the state.
    const std::uint32_t before = references_.fetch_sub(1, std::memory_order_acq_rel);
    sync::invariant("JOIN3", [before] { return before != 0; });
    if (before != 1) {
        return;
    }
    if (failed()) {  // JOIN4
        const std::shared_ptr<const exception_handler> handler = std::move(on_unhandled_);
        const std::exception_ptr error = take_exception();
        if (!(stop_.stop_requested() && is_cancellation(error))) {
            (*handler)(error);
        }
    }
    destroy();
}

void spawn_state::abandon() noexcept {
    stop_.request_stop();  // JOIN4: this end is a cancellation
    drop_body();
    set_exception(std::make_exception_ptr(operation_cancelled()));
    finish();
}

void spawn_state::finish() noexcept {
    if (failed()) {
        on_unhandled_ = registry_->handler();
        if (registry_->stopping()) {
            // The end of the executor has begun, and may only not have come to this task yet: it may have failed by the
            // cancellation of one that it joined. For JOIN4 it is stopped.
            stop_.request_stop();
        }
    }
    registry_->remove(*this);
    // pairs: release for the loads in finished() and wait(), so that they see the result; acquire for the release in
    // wait(), so that the waiter is complete. JOIN1.
    void* const seen = waiter_.exchange(&waking_mark, std::memory_order_acq_rel);
    sync::invariant("JOIN1", [seen] { return seen != &finished_mark && seen != &waking_mark; });
    if (seen != nullptr && seen != &stopped_mark) {
        auto& w = *static_cast<join_waiter*>(seen);
        w.wake(w);
    }
    // pairs: the loads in let_finisher_pass(), finished() and wait(). JOIN1.
    waiter_.store(&finished_mark, std::memory_order_release);
    release();
}

bool join_awaiter_base::suspend(std::coroutine_handle<> parent, stop_source* stop) {
    waiter_.suspend(parent);
    if (!on_stop_.attach(stop)) {
        return false;
    }
    suspended_ = true;
    state_->retain();  // for as long as suspended_
    bool waits = false;
    try {
        waits = state_->wait(*this);  // JOIN2: when it gives true, this may be gone
    } catch (...) {
        no_longer_suspended();
        throw;
    }
    if (!waits) {
        no_longer_suspended();
    }
    return waits;
}

void join_awaiter_base::no_longer_suspended() noexcept {
    if (std::exchange(suspended_, false)) {
        state_->release();
    }
}

void join_awaiter_base::withdraw() noexcept {
    on_stop_.detach();
    if (!state_->stop_waiting(*this)) {
        state_->let_finisher_pass();
        state_->forget_stop();
    }
    no_longer_suspended();
}

void join_awaiter_base::resumed() {
    on_stop_.detach();
    const bool finished = state_->finished();
    if (!finished) {
        state_->forget_stop();
    }
    no_longer_suspended();
    if (!finished) {
        throw operation_cancelled();
    }
}

void join_awaiter_base::wake_from_finish(join_waiter& self) noexcept {
    const waiter woken = static_cast<join_awaiter_base&>(self).waiter_;
    post_next(*woken.home, woken.handle);
}

void join_awaiter_base::stop_wait(stop_hook& hook) noexcept {
    join_awaiter_base& self = static_cast<stop_reaction&>(hook).awaiter;
    if (self.state_->stop_waiting(self)) {
        self.waiter_.post();
    }
}

}  // namespace brigade::detail
