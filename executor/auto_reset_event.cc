#include <brigade/auto_reset_event.hpp>

#include <utility>

namespace brigade {

namespace {

// The values of word_ that are neither null, for nobody, nor a waiter.
char permit_mark;
char several_mark;

}  // namespace

auto_reset_event::auto_reset_event(bool set) noexcept : word_(set ? &permit_mark : nullptr) {}

auto_reset_event::~auto_reset_event() {
    detail::sync::invariant("EVT1", [this] {
        const void* const seen = word_.load(std::memory_order_relaxed);  // the last look at it
        return seen == nullptr || seen == &permit_mark;
    });
}

void auto_reset_event::set() noexcept {
    void* seen = word_.load(std::memory_order_relaxed);  // a guess; the exchanges and the lock decide
    for (;;) {
        if (seen == nullptr || seen == &permit_mark) {
            // Made also when the permit is there: who takes it sees what was done before either set().
            // pairs: the exchanges of the permit in enter() and reset(), and the load in is_set().
            if (word_.compare_exchange_strong(seen, &permit_mark, std::memory_order_release,
                                              std::memory_order_relaxed)) {
                return;
            }
            continue;
        }
        if (seen == &several_mark) {
            if (detail::event_waiter* const first = take_first()) {
                first->wake();  // EVT5
                return;
            }
            seen = word_.load(std::memory_order_relaxed);
            continue;
        }
        // pairs: the release in enter(): the waiter is complete. EVT2.
        if (word_.compare_exchange_strong(seen, nullptr, std::memory_order_acquire, std::memory_order_relaxed)) {
            static_cast<detail::event_waiter*>(seen)->wake();  // EVT5
            return;
        }
    }
}

bool auto_reset_event::reset() noexcept {
    void* seen = &permit_mark;
    // pairs: the release in set().
    return word_.compare_exchange_strong(seen, nullptr, std::memory_order_acquire, std::memory_order_relaxed);
}

bool auto_reset_event::is_set() const noexcept {
    return word_.load(std::memory_order_acquire) == &permit_mark;  // pairs: the release in set()
}

bool auto_reset_event::enter(detail::event_waiter& w) noexcept {
    detail::sync::lock lock;
    void* seen = word_.load(std::memory_order_relaxed);  // a guess; the exchanges and the lock decide
    for (;;) {
        if (seen == &permit_mark) {
            // pairs: the release in set().
            if (word_.compare_exchange_strong(seen, nullptr, std::memory_order_acquire, std::memory_order_relaxed)) {
                return false;
            }
            continue;
        }
        if (seen == nullptr) {
            if (lock.owns_lock()) {
                lock.unlock();  // EVT5: who takes a waiter that is alone does not wait for the lock
            }
            // pairs: the exchange of a waiter in set(), and the one below.
            if (word_.compare_exchange_strong(seen, &w, std::memory_order_release, std::memory_order_relaxed)) {
                return true;
            }
            continue;
        }
        if (!lock.owns_lock()) {
            lock = detail::sync::lock(mutex_);
            seen = word_.load(std::memory_order_relaxed);
            continue;
        }
        if (seen != &several_mark) {
            // pairs: the release above: the waiter that was alone is complete. EVT3.
            if (!word_.compare_exchange_strong(seen, &several_mark, std::memory_order_acquire,
                                               std::memory_order_relaxed)) {
                continue;
            }
            append(*static_cast<detail::event_waiter*>(seen));
        }
        append(w);
        return true;
    }
}

bool auto_reset_event::withdraw(detail::event_waiter& w) noexcept {
    void* seen = &w;
    // pairs: the release in enter(): the waiter is complete.
    if (word_.compare_exchange_strong(seen, nullptr, std::memory_order_acquire, std::memory_order_relaxed)) {
        return true;
    }
    if (seen != &several_mark) {
        return false;  // EVT2: taken
    }
    const detail::sync::lock lock(mutex_);
    if (!w.listed_) {
        return false;
    }
    remove(w);
    return true;
}

detail::event_waiter* auto_reset_event::take_first() noexcept {
    const detail::sync::lock lock(mutex_);
    detail::event_waiter* const first = first_;
    if (first != nullptr) {
        remove(*first);
    }
    return first;
}

void auto_reset_event::append(detail::event_waiter& w) noexcept {
    w.listed_ = true;
    w.previous_ = std::exchange(last_, &w);
    (w.previous_ != nullptr ? w.previous_->next_ : first_) = &w;
}

void auto_reset_event::remove(detail::event_waiter& w) noexcept {
    detail::sync::invariant("EVT3", [this] { return word_.load(std::memory_order_relaxed) == &several_mark; });
    (w.previous_ != nullptr ? w.previous_->next_ : first_) = w.next_;
    (w.next_ != nullptr ? w.next_->previous_ : last_) = w.previous_;
    w.listed_ = false;
    if (first_ == nullptr) {
        word_.store(nullptr, std::memory_order_relaxed);  // EVT3; carries nothing
    }
}

namespace detail {

event_waiter::arrival event_waiter::arrive(const waiter& self, stop_source* stop) noexcept {
    self_ = self;
    if (!on_stop_.attach(stop)) {
        stopped_ = true;
        return arrival::goes_on;
    }
    arrived_ = true;
    if (event_.enter(*this)) {
        return arrival::waits;
    }
    let_go_.store(true, std::memory_order_relaxed);  // the permit carries what there is to see
    return arrival::takes_permit;
}

bool event_waiter::finish() noexcept {
    arrived_ = false;
    on_stop_.detach();
    return !stopped_;
}

void event_waiter::wake() noexcept {
    const resumption resume = resume_;
    const prepared_post prepared(self_);             // EVT6
    let_go_.store(true, std::memory_order_release);  // pairs: the load in give_up(). EVT4.
    resume(prepared);
}

void event_waiter::give_up() noexcept {
    on_stop_.detach();
    if (stopped_ || event_.withdraw(*this)) {
        return;
    }
    // pairs: the store in wake(). EVT4.
    for (sync::backoff turn; !let_go_.load(std::memory_order_acquire); turn.pause()) {
    }
    event_.set();
}

void event_waiter::stop_wait(stop_hook& hook) noexcept {
    event_waiter& self = static_cast<stop_reaction&>(hook).waiting;
    // Until it is published, or let go. Relaxed: that carries nothing to this thread.
    for (sync::backoff turn; !self.let_go_.load(std::memory_order_relaxed); turn.pause()) {
        if (self.event_.withdraw(self)) {
            self.stopped_ = true;
            self.wake();
            return;
        }
    }
}

bool event_awaiter::suspend(std::coroutine_handle<> handle, stop_source* stop) noexcept {
    waiter self;
    self.suspend(handle);
    switch (arrive(self, stop)) {
        case arrival::waits:
            return true;
        case arrival::goes_on:
            return false;
        case arrival::takes_permit:
            break;
    }
    if (consume_budget()) {
        return false;
    }
    post_yielded(handle);
    return true;
}

}  // namespace detail
}  // namespace brigade
