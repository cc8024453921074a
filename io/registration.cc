#include "io/registration.hpp"

#include <utility>

#include <brigade/errc.hpp>

#include <sys/epoll.h>

#include "io/system_call.hpp"
#include "io/traffic.hpp"

namespace brigade::detail {

void registration::settle(registration_home& home, std::uint32_t index) noexcept {
    home_ = &home;
    index_ = index;
}

// Relaxed: nobody else knows the fd yet. A late event of the slot's last one may be under way, and finds either.
std::uint32_t registration::open(int fd, file_kind kind, sharing who) noexcept {
    fd_ = fd;
    kind_ = kind;
    sharing_ = who;
    watched_.store(false, std::memory_order_relaxed);
    for (word& readiness : readiness_) {
        readiness.store(ready, std::memory_order_relaxed);
    }
    const std::uint64_t generation = generation_of(state_.load(std::memory_order_relaxed));
    state_.store(generation << 32 | one_reference, std::memory_order_relaxed);
    return static_cast<std::uint32_t>(generation);
}

std::error_code registration::error_of(admission refusal) noexcept {
    return refusal == admission::busy ? errc::busy : errc::closed;
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

void registration::end_of_last(std::uint64_t state) noexcept {
    close_fd(fd_);
    fd_ = -1;
    if (traffic* const measured = std::exchange(traffic_, nullptr)) {
        measured->release();
    }
    state_.store((generation_of(state) + 1) << 32 | is_closed_bit, std::memory_order_relaxed);  // REG4
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
        const sync::spinlock_guard lock(watch_lock_);
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
    const std::uintptr_t before = readiness.exchange(closed, std::memory_order_acquire);
    if (is_operation(before)) {
        operation_at(before).wake(errc::closed);
    }
}

std::error_code registration::watch() noexcept {
    if (watched_.load(std::memory_order_relaxed)) {  // as is_ready_for_waits() says
        return {};
    }
    const sync::spinlock_guard lock(watch_lock_);
    if (is_closed()) {
        return errc::closed;  // by now close() has looked, or it will see what is done here
    }
    if (!watched_.load(std::memory_order_relaxed)) {
        if (const std::error_code error = home_->arm(*this)) {
            return error;
        }
        watched_.store(true, std::memory_order_relaxed);  // as is_ready_for_waits() says
    }
    return {};
}

void registration::stays_over(direction d) noexcept {
    std::uintptr_t seen = at(d).load(std::memory_order_relaxed);  // only this operation, and events, write here
    while ((seen == quiet || seen == ready) && !at(d).compare_exchange_weak(seen, over, std::memory_order_relaxed)) {
    }
}

bool registration::withdraw(direction d, io_operation& o) noexcept {
    std::uintptr_t seen = address_of(o);
    // pairs: the release in wait(): the operation is complete, also for the worker that resumes it. REG2.
    return at(d).compare_exchange_strong(seen, quiet, std::memory_order_acquire, std::memory_order_relaxed);
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

std::error_code registration::prepare_wait(direction d) noexcept {
    const std::error_code objected = objection(d);
    return objected ? objected : watch();
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
    std::uintptr_t seen = readiness.load(std::memory_order_relaxed);  // a guess; the exchange decides
    if (is_operation(seen) && objection(d)) {
        // pairs: the release in wait(): the operation is complete, and what its task has done before is visible. REG2.
        if (readiness.compare_exchange_strong(seen, quiet, std::memory_order_acquire, std::memory_order_relaxed)) {
            // Asked again: only now its task stands still. It may be a later operation in the same place, to which
            // nobody objects: that one calls once for nothing.
            const std::error_code error = objection(d);
            error ? operation_at(seen).wake(error) : operation_at(seen).wake();
        }
    }
    release();
}

bool registration::deliver(std::uint32_t events, std::uint32_t generation) noexcept {
    // An error or a hang-up is something for both directions to find out by their system call.
    constexpr std::uint32_t both = EPOLLERR | EPOLLHUP;
    // A read stops at urgent data, so a short one leaves something then.
    constexpr std::uint32_t over_for_reading = EPOLLRDHUP | EPOLLPRI | both;
    if (!is_open(state_.load(std::memory_order_relaxed), generation)) {  // REG4: a hint is enough
        return false;
    }
    bool woken = false;
    if ((events & (EPOLLIN | over_for_reading)) != 0) {
        woken = deliver_to(direction::read, (events & over_for_reading) != 0 ? over : ready);
    }
    if ((events & (EPOLLOUT | both)) != 0) {
        woken |= deliver_to(direction::write, (events & both) != 0 ? over : ready);
    }
    return woken;
}

bool registration::deliver_to(direction d, std::uintptr_t news) noexcept {
    word& readiness = at(d);
    std::uintptr_t seen = readiness.load(std::memory_order_relaxed);  // a guess; the exchanges decide
    for (;;) {
        const bool waits = is_operation(seen);
        const bool says_so = seen == news || seen == over;
        // A writer's next call locks in the kernel, so it comes after the event or has not made the word quiet yet. A
        // reader's may look without a lock: for it the word is written again.
        if (seen == closed || (says_so && d == direction::write)) {
            return false;
        }
        const std::uintptr_t next = says_so ? seen : waits && news == ready ? quiet : news;
        // pairs: the release in wait(), of the operation; the acquires in try_now() and wait(), of the event. The
        // kernel's own locks order most calls after the event; but it need not lock to say EAGAIN. REG1, REG2.
        if (readiness.compare_exchange_weak(seen, next, std::memory_order_acq_rel, std::memory_order_relaxed)) {
            if (waits) {
                operation_at(seen).wake();
            }
            return waits;
        }
    }
}

}  // namespace brigade::detail
