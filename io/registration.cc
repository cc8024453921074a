#include "io/registration.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <brigade/errc.hpp>

#include "io/reactor.hpp"
#include "io/system_call.hpp"

namespace brigade::detail {

void registration::settle(reactor& home, std::uint32_t index) noexcept {
    reactor_ = &home;
    index_ = index;
}

std::uint32_t registration::open(int fd) noexcept {
    const sync::lock lock(mutex_);
    fd_ = fd;
    armed_ = false;
    closed_ = false;
    references_.store(1, std::memory_order_relaxed);  // nobody else knows the fd yet
    return generation_;
}

void registration::close(std::uint32_t generation) noexcept {
    {
        const sync::lock lock(mutex_);
        if (!is_open(generation)) {
            return;
        }
        closed_ = true;
        if (armed_) {
            reactor_->disarm(fd_);
        }
        if (sides_[0].busy || sides_[1].busy) {
            // Operations are inside, so the fd stays for a moment; the peer should not have to wait for them. Fails
            // on what is not connected: there is nobody to tell.
            ::shutdown(fd_, SHUT_RDWR);
        }
        for (side& s : sides_) {
            if (readiness_awaiter* const waiting = std::exchange(s.waiting, nullptr)) {
                waiting->outcome_ = errc::closed;
                waiting->waiter_.post();
            }
        }
    }
    release();  // the owner's
}

bool registration::retain(std::uint32_t generation) noexcept {
    const sync::lock lock(mutex_);
    if (!is_open(generation)) {
        return false;
    }
    references_.fetch_add(1, std::memory_order_relaxed);  // the owner's is there
    return true;
}

void registration::release() noexcept {
    // pairs: itself; the last one closes after everything that the others did with the fd.
    if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) {
        return;
    }
    close_fd(fd_);
    {
        const sync::lock lock(mutex_);
        ++generation_;  // REG4
        fd_ = -1;
    }
    reactor_->give_back(*this);
}

std::error_code registration::begin(std::uint32_t generation, direction d) noexcept {
    const sync::lock lock(mutex_);
    if (!is_open(generation)) {
        return errc::closed;
    }
    if (at(d).busy) {
        return errc::busy;
    }
    at(d).busy = true;
    references_.fetch_add(1, std::memory_order_relaxed);  // the owner's is there
    return {};
}

void registration::end(direction d) noexcept {
    {
        const sync::lock lock(mutex_);
        at(d).busy = false;
    }
    release();
}

std::uint32_t registration::tick(direction d) noexcept {
    const sync::lock lock(mutex_);
    return at(d).tick;
}

bool registration::is_closed() noexcept {
    const sync::lock lock(mutex_);
    return closed_;
}

bool registration::deliver(std::uint32_t events, std::uint32_t generation) noexcept {
    // An error or a hang-up is something for both directions to find out by their system call.
    constexpr std::uint32_t both = EPOLLERR | EPOLLHUP;
    constexpr std::array<std::uint32_t, 2> meant{EPOLLIN | EPOLLRDHUP | both, EPOLLOUT | both};
    const sync::lock lock(mutex_);
    if (!is_open(generation)) {
        return false;
    }
    bool woken = false;
    for (std::size_t i = 0; i < sides_.size(); ++i) {
        if ((events & meant[i]) == 0) {
            continue;
        }
        ++sides_[i].tick;
        if (const readiness_awaiter* const waiting = std::exchange(sides_[i].waiting, nullptr)) {
            waiting->waiter_.post();
            woken = true;
        }
    }
    return woken;
}

bool readiness_awaiter::suspend(std::coroutine_handle<> self, stop_source* source) {
    waiter_.suspend(self);
    if (!on_stop_.attach(source)) {
        outcome_ = std::make_error_code(std::errc::operation_canceled);
        return false;
    }
    const sync::lock lock(registration_.mutex_);
    if (registration_.closed_) {
        outcome_ = errc::closed;
        return false;
    }
    // A stop that came after attach() has either run its reaction, which found nobody here: then this sees it, because
    // the reaction took the same lock. Or its reaction is still to come, and finds the waiter.
    if (source != nullptr && source->stop_requested()) {
        outcome_ = std::make_error_code(std::errc::operation_canceled);
        return false;
    }
    if (!registration_.armed_) {
        outcome_ = registration_.reactor_->arm(registration_);
        if (outcome_) {
            return false;
        }
        registration_.armed_ = true;
    }
    registration::side& here = registration_.at(direction_);
    if (here.tick != seen_) {
        return false;  // REG1
    }
    here.waiting = this;
    suspended_ = true;
    return true;  // from the end of the lock on, another thread may resume and destroy this
}

readiness_awaiter::~readiness_awaiter() {
    if (suspended_) {
        on_stop_.detach();
        const sync::lock lock(registration_.mutex_);
        registration::side& here = registration_.at(direction_);
        if (here.waiting == this) {
            here.waiting = nullptr;
        }
    }
}

void readiness_awaiter::stop(stop_hook& hook) noexcept {
    readiness_awaiter& self = static_cast<stop_reaction&>(hook).awaiter;
    {
        const sync::lock lock(self.registration_.mutex_);
        registration::side& here = self.registration_.at(self.direction_);
        if (here.waiting != &self) {
            return;  // not yet suspended, or woken by someone else (REG2)
        }
        here.waiting = nullptr;
        self.outcome_ = std::make_error_code(std::errc::operation_canceled);
    }
    self.waiter_.post();
}

std::expected<operation, std::error_code> operation::begin(socket_ref s, direction d) noexcept {
    if (s.entry == nullptr) {
        return std::unexpected(make_error_code(errc::closed));
    }
    if (const std::error_code refused = s.entry->begin(s.generation, d)) {
        return std::unexpected(refused);
    }
    return operation(*s.entry, d);
}

}  // namespace brigade::detail
