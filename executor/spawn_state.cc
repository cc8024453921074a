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
        : join_waiter([](join_waiter& self) noexcept {
              sync::atomic<std::uint32_t>& word = static_cast<blocked_thread&>(self).woken;
              // pairs: the acquire load in wait_blocking(). From here on only the word's address is used.
              word.store(1, std::memory_order_release);
              sync::futex_wake(word);
          }) {}
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
    // Failure: pairs with the exchange in finish().
    if (waiter_.compare_exchange_strong(seen, &w, std::memory_order_release, std::memory_order_acquire)) {
        return true;  // JOIN2
    }
    if (seen != &finished_mark && seen != &waking_mark && seen != &stopped_mark) {
        throw std::logic_error("brigade: two tasks await one join_handle");
    }
    return false;
}

bool spawn_state::stop_waiting(join_waiter& w) noexcept {
    retain();  // JOIN3: for w, before the finisher can go
    for (;;) {
        void* seen = &w;
        // pairs: the release in wait(): the waiter is complete. JOIN1. And the exchange and the load in finish(), which
        // is not alone with its reference any more.
        if (waiter_.compare_exchange_strong(seen, nullptr, std::memory_order_acq_rel, std::memory_order_relaxed)) {
            return true;
        }
        // Null: not suspended yet. Otherwise it has finished. Relaxed: the mark carries no data, and wait() runs on the
        // stopped task's own thread.
        if (seen != nullptr || waiter_.compare_exchange_strong(seen, &stopped_mark, std::memory_order_relaxed)) {
            release();
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
    for (sync::backoff turn; waiter_.load(std::memory_order_acquire) == &waking_mark; turn.pause()) {
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
    release();  // JOIN3; the caller has another
}

void spawn_state::retain() noexcept {
    references_.fetch_add(1, std::memory_order_relaxed);  // made from a reference that exists
}

void spawn_state::release(std::uint32_t count) noexcept {
    // pairs: the subtraction, by others; the last to leave sees everything that they did to the state. Whoever has all
    // references that there are is alone.
    if (references_.load(std::memory_order_acquire) != count) {
        const std::uint32_t before = references_.fetch_sub(count, std::memory_order_acq_rel);  // pairs: as above
        sync::invariant("JOIN3", [&] { return before >= count; });
        if (before != count) {
            return;
        }
    }
    if (failed()) {  // JOIN4
        const std::shared_ptr<const exception_handler> handler = std::move(on_unhandled);
        const std::exception_ptr error = receive_exception();
        if (!(stop_.stop_requested() && is_cancellation(error))) {
            (*handler)(error);
        }
    }
    destroy();
}

std::exception_ptr spawn_state::receive_exception() noexcept {
    std::destroy_at(&on_unhandled);
    return take_exception();
}

void spawn_state::abandon() noexcept {
    stop_.request_stop();  // JOIN4: this end is a cancellation
    drop_body();
    set_exception(std::make_exception_ptr(operation_cancelled()));
    finish(true);
}

void spawn_state::finish(bool has_failed) noexcept {
    if (has_failed) [[unlikely]] {
        std::shared_ptr<const exception_handler> handler = shard_->home->handler();
        if (shard_->home->stopping()) {
            // The end of the executor has begun, and may only not have come to this task yet: it may have failed by the
            // cancellation of one that it joined. For JOIN4 it is stopped.
            stop_.request_stop();
        }
        task_registry::remove(*this);
        std::construct_at(&on_unhandled, std::move(handler));
    } else {
        task_registry::remove(*this);
    }
    // Without a handle nobody asks or begins to wait any more.
    // pairs: the subtraction in release(), by which whoever waits is seen here; and stop_waiting().
    if (references_.load(std::memory_order_acquire) == 1 && waiter_.load(std::memory_order_acquire) == nullptr) {
        release();
        return;
    }
    // pairs: release for the loads in finished() and wait(), so that they see the result; acquire for the release in
    // wait(), so that the waiter is complete. JOIN1.
    void* const seen = waiter_.exchange(&waking_mark, std::memory_order_acq_rel);
    sync::invariant("JOIN1", [seen] { return seen != &finished_mark && seen != &waking_mark; });
    const bool waits = seen != nullptr && seen != &stopped_mark;
    join_waiter* const w = waits ? static_cast<join_waiter*>(seen) : nullptr;
    const bool may_go_before = waits && w->home != nullptr && w->home != current_scheduler();
    if (may_go_before) {
        retain();
        w->wake(*w);
    }
    // pairs: the loads in let_finisher_pass(), finished() and wait(). JOIN1.
    waiter_.store(&finished_mark, std::memory_order_release);
    if (waits && !may_go_before) {
        w->wake(*w);  // with this reference, so nothing is touched after that: JOIN3
    } else {
        release();
    }
}

bool join_awaiter_base::suspend(std::coroutine_handle<> parent, stop_source* stop) {
    waiter::suspend(parent);
    if (!on_stop_.attach(stop)) {
        return false;
    }
    suspended_ = true;
    try {
        if (state_->wait(*this)) {  // JOIN2: then this may be gone
            return true;
        }
    } catch (...) {
        suspended_ = false;
        on_stop_.detach();
        state_->forget_stop();  // the other one, who waits, may have been taken out by a stop, and this by its own
        throw;
    }
    suspended_ = false;
    return false;
}

void join_awaiter_base::withdraw() noexcept {
    on_stop_.detach();
    if (!state_->stop_waiting(*this)) {
        state_->let_finisher_pass();
        state_->forget_stop();
    }
    state_->release();  // JOIN3: it has been taken out of the word
}

std::uint32_t join_awaiter_base::resumed() {
    on_stop_.detach();
    const std::uint32_t own = std::exchange(suspended_, false) ? 1 : 0;
    if (!state_->finished()) {
        state_->forget_stop();
        if (own != 0) {
            state_->release();
        }
        throw operation_cancelled();
    }
    return own;
}

void join_awaiter_base::wake_from_finish(join_waiter& self) noexcept {
    post_next(*self.home, self.handle);
}

void join_awaiter_base::stop_wait(stop_hook& hook) noexcept {
    join_awaiter_base& self = static_cast<stop_reaction&>(hook).awaiter;
    if (self.state_->stop_waiting(self)) {
        self.post();
    }
}

}  // namespace brigade::detail
