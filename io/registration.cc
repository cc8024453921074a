#include "io/registration.hpp"

#include <utility>

#include <brigade/errc.hpp>

#include <sys/epoll.h>

#include "io/system_call.hpp"
#include "io/traffic.hpp"

namespace brigade::detail {

namespace {

// The values of a readiness that are neither null, for quiet, nor an operation.
char ready_mark;
char over_mark;
char closed_mark;

bool is_operation(const void* readiness) noexcept {
    return readiness != nullptr && readiness != &ready_mark && readiness != &over_mark && readiness != &closed_mark;
}

}  // namespace

void registration::settle(registration_home& home, std::uint32_t index) noexcept {
    home_ = &home;
    index_ = index;
}

// Relaxed: nobody else knows the fd yet. A late event of the slot's last one may be under way, and finds either.
std::uint32_t registration::open(int fd, short_read meaning, sharing who) noexcept {
    fd_ = fd;
    meaning_ = meaning;
    sharing_ = who;
    watched_.store(false, std::memory_order_relaxed);
    for (word& readiness : readiness_) {
        readiness.store(&ready_mark, std::memory_order_relaxed);
    }
    const std::uint64_t generation = generation_of(state_.load(std::memory_order_relaxed));
    state_.store(generation << 32 | one_reference, std::memory_order_relaxed);
    return static_cast<std::uint32_t>(generation);
}

std::error_code registration::begin(std::uint32_t generation, direction d) noexcept {
    std::uint64_t state = state_.load(std::memory_order_relaxed);  // a guess; the exchange decides
    do {
        if (!is_open(state, generation)) {
            return errc::closed;
        }
        if ((state & busy(d)) != 0) {
            return errc::busy;
        }
        // pairs: the release in drop(), of the operation of this direction that was here before
    } while (!state_.compare_exchange_weak(state, (state + one_reference) | busy(d), std::memory_order_acquire,
                                           std::memory_order_relaxed));
    return {};
}

bool registration::retain(std::uint32_t generation) noexcept {
    std::uint64_t state = state_.load(std::memory_order_relaxed);  // a guess; the exchange decides
    do {
        if (!is_open(state, generation)) {
            return false;
        }
    } while (!state_.compare_exchange_weak(state, state + one_reference, std::memory_order_relaxed));
    return true;
}

void registration::drop(std::uint64_t what) noexcept {
    // pairs: itself, the last one closes after everything that the others did with the fd; and begin()
    const std::uint64_t before = state_.fetch_sub(what, std::memory_order_acq_rel);
    if ((before & references) != one_reference) {
        return;
    }
    close_fd(fd_);
    fd_ = -1;
    if (traffic* const measured = std::exchange(traffic_, nullptr)) {
        measured->release();
    }
    state_.store((generation_of(before) + 1) << 32 | is_closed_bit, std::memory_order_relaxed);  // REG4
    home_->give_back(*this);
}

void registration::close(std::uint32_t generation) noexcept {
    std::uint64_t state = state_.load(std::memory_order_relaxed);  // a guess; the exchange decides
    do {
        if (!is_open(state, generation)) {
            return;
        }
    } while (!state_.compare_exchange_weak(state, state | is_closed_bit, std::memory_order_relaxed));
    {
        const sync::lock lock(watch_mutex_);
        if (watched_.load(std::memory_order_relaxed)) {
            home_->disarm(fd_);
        }
    }
    if (sharing_ == sharing::none && (state & (busy(direction::read) | busy(direction::write))) != 0) {
        // Operations are inside, so the fd stays for a moment; the peer should not have to wait for them.
        end_connection(fd_);
    }
    for (word& readiness : readiness_) {
        wake_closed(readiness);
    }
    release();  // the owner's
}

void registration::wake_closed(word& readiness) noexcept {
    // pairs: the release in wait(): the operation is complete. REG2.
    void* const before = readiness.exchange(&closed_mark, std::memory_order_acquire);
    if (is_operation(before)) {
        static_cast<io_operation*>(before)->wake(errc::closed);
    }
}

std::error_code registration::watch() noexcept {
    // Relaxed: who comes to wait before the fd is in epoll hears of what is there by then, as it is put in.
    if (watched_.load(std::memory_order_relaxed)) {
        return {};
    }
    const sync::lock lock(watch_mutex_);
    if (is_closed()) {
        return errc::closed;  // by now close() has looked, or it will see what is done here
    }
    if (!watched_.load(std::memory_order_relaxed)) {
        if (const std::error_code error = home_->arm(*this)) {
            return error;
        }
        watched_.store(true, std::memory_order_relaxed);  // as above
    }
    return {};
}

bool registration::try_now(direction d) noexcept {
    void* seen = at(d).load(std::memory_order_relaxed);  // a guess; for a writer the call itself decides
    if (d == direction::read && seen == &ready_mark) {
        // REG1. pairs: the release in deliver_to(): the call comes after the event. It fails for an end, or a close.
        at(d).compare_exchange_strong(seen, nullptr, std::memory_order_acquire, std::memory_order_relaxed);
        return true;
    }
    return seen != nullptr;
}

void registration::stays_ready(direction d) noexcept {
    void* seen = at(d).load(std::memory_order_relaxed);  // only this operation, and events, write here
    if (seen == nullptr) {
        at(d).compare_exchange_strong(seen, &ready_mark, std::memory_order_relaxed);  // an event did it otherwise
    }
}

registration::arrival registration::wait(direction d, io_operation& o) noexcept {
    word& readiness = at(d);
    void* seen = readiness.load(std::memory_order_relaxed);  // a guess; the exchanges decide
    for (;;) {
        if (seen == &closed_mark) {
            return arrival::closed;
        }
        if (seen == &ready_mark || seen == &over_mark) {
            const arrival next = seen == &over_mark ? arrival::calls_after_the_end : arrival::calls_again;
            // REG1. pairs: the release in deliver_to(): the next call comes after the event.
            if (readiness.compare_exchange_weak(seen, nullptr, std::memory_order_acquire, std::memory_order_relaxed)) {
                return next;
            }
            continue;
        }
        // pairs: who takes it out, in deliver_to(), wake_closed() and withdraw()
        if (readiness.compare_exchange_weak(seen, &o, std::memory_order_release, std::memory_order_relaxed)) {
            return arrival::waits;
        }
    }
}

bool registration::withdraw(direction d, io_operation& o) noexcept {
    void* seen = &o;
    // pairs: the release in wait(): the operation is complete, also for the worker that resumes it. REG2.
    return at(d).compare_exchange_strong(seen, nullptr, std::memory_order_acquire, std::memory_order_relaxed);
}

void registration::measure(traffic& t) noexcept {
    t.retain();
    traffic_ = &t;
}

void registration::count_traffic(direction d, std::size_t bytes) noexcept {
    traffic_->add(d, bytes);
}

std::error_code registration::objection(direction d) const noexcept {
    return traffic_ != nullptr ? traffic_->objection(d) : std::error_code();
}

bool registration::waits(std::uint32_t generation, direction d) noexcept {
    return is_open(state_.load(std::memory_order_relaxed), generation) &&
           is_operation(at(d).load(std::memory_order_relaxed));
}

void registration::reconsider(std::uint32_t generation, direction d) noexcept {
    if (!retain(generation)) {
        return;
    }
    word& readiness = at(d);
    void* seen = readiness.load(std::memory_order_relaxed);  // a guess; the exchange decides
    if (is_operation(seen) && objection(d)) {
        // pairs: the release in wait(): the operation is complete, and what its task has done before is visible. REG2.
        if (readiness.compare_exchange_strong(seen, nullptr, std::memory_order_acquire, std::memory_order_relaxed)) {
            static_cast<io_operation*>(seen)->wake(objection(d));  // asked again: only now its task stands still
        }
    }
    release();
}

bool registration::deliver(std::uint32_t events, std::uint32_t generation) noexcept {
    // An error or a hang-up is something for both directions to find out by their system call.
    constexpr std::uint32_t both = EPOLLERR | EPOLLHUP;
    if (!is_open(state_.load(std::memory_order_relaxed), generation)) {  // REG4: a hint is enough
        return false;
    }
    bool woken = false;
    // A read stops at urgent data, so a short one leaves something then.
    constexpr std::uint32_t over_for_reading = EPOLLRDHUP | EPOLLPRI | both;
    if ((events & (EPOLLIN | over_for_reading)) != 0) {
        woken = deliver_to(direction::read, (events & over_for_reading) != 0);
    }
    if ((events & (EPOLLOUT | both)) != 0) {
        woken |= deliver_to(direction::write, (events & both) != 0);
    }
    return woken;
}

bool registration::deliver_to(direction d, bool is_over) noexcept {
    word& readiness = at(d);
    void* const mark = is_over ? &over_mark : &ready_mark;
    void* seen = readiness.load(std::memory_order_relaxed);  // a guess; the exchanges decide
    for (;;) {
        const bool says_so = seen == mark || seen == &over_mark;
        // A writer's next call locks in the kernel, so it comes after the event or has not made the word quiet yet. A
        // reader's may look without a lock: for it the word is written again.
        if (seen == &closed_mark || (says_so && d == direction::write)) {
            return false;
        }
        void* const waiting = is_operation(seen) ? seen : nullptr;
        void* next = says_so ? seen : mark;
        if (waiting != nullptr && !is_over) {
            next = nullptr;
        }
        // pairs: the release in wait(), of the operation; the acquires in try_now() and wait(), of the event. The
        // kernel's own locks order most calls after the event; but it need not lock to say EAGAIN. REG1, REG2.
        if (readiness.compare_exchange_weak(seen, next, std::memory_order_acq_rel, std::memory_order_relaxed)) {
            if (waiting != nullptr) {
                static_cast<io_operation*>(waiting)->wake({});
            }
            return waiting != nullptr;
        }
    }
}

}  // namespace brigade::detail
