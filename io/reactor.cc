#include "io/reactor.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <span>

#include <sys/eventfd.h>
#include <unistd.h>

#include "executor/threads.hpp"
#include "io/system_call.hpp"

namespace brigade::detail {

reactor& reactor::of(executor& e) {
    event_source& source =
        executor_access::events(e, [&e]() -> std::unique_ptr<event_source> { return std::make_unique<reactor>(e); });
    return static_cast<reactor&>(source);  // the io side makes no other
}

reactor::reactor(executor& home) {
    try {
        epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
        if (epoll_ == -1) {
            throw std::system_error(last_error(), "brigade: epoll_create1");
        }
        wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (wake_fd_ == -1) {
            throw std::system_error(last_error(), "brigade: eventfd");
        }
        epoll_event event{};
        event.events = EPOLLIN | EPOLLET;
        event.data.u64 = wake_key;
        if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_fd_, &event) == -1) {
            throw std::system_error(last_error(), "brigade: epoll_ctl");
        }
        thread_ = sync::thread([this, &home] {
            name_this_thread(home.name(), "-io");
            const executor_scope scope(home);  // as on a worker, for stop callbacks that timers run
            seat().watch(*this);
        });
    } catch (...) {
        close_descriptors();
        throw;
    }
}

void reactor::end(bool leaves_some) noexcept {
    leaves_some_ = leaves_some_ || leaves_some;
    if (thread_.joinable()) {
        seat().close(*this);
        thread_.join();
    }
}

reactor::~reactor() {
    end(false);
    close_descriptors();
    if (leaves_some_) {
        return;  // what holds them does not run
    }
    if (const std::size_t open = table_.in_use(); open != 0) {
        std::fprintf(stderr, "brigade: %zu sockets outlive the executor that they belong to\n", open);
        std::terminate();
    }
}

void reactor::close_descriptors() noexcept {
    for (const int fd : {wake_fd_, epoll_}) {
        if (fd != -1) {
            close_fd(fd);
        }
    }
}

socket_ref reactor::open(int fd) {
    registration& slot = table_.take(*this);
    return {&slot, slot.open(fd)};
}

std::error_code reactor::arm(const registration& r) noexcept {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.u64 = r.key();
    return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, r.fd(), &event) == 0 ? std::error_code() : last_error();
}

void reactor::disarm(int fd) noexcept {
    // Not left to close(): a copy of the fd in a child process would keep the entry alive.
    if (::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr) == -1) {
        fail_fatally("epoll_ctl(EPOLL_CTL_DEL)");
    }
}

void reactor::interrupt() noexcept {
    const std::uint64_t one = 1;
    // EAGAIN: the counter is at its end, after 2^64 wake-ups; the poller is awake then.
    if (::write(wake_fd_, &one, sizeof(one)) == -1 && errno != EAGAIN) {
        fail_fatally("write to the reactor's eventfd");
    }
}

bool reactor::set(timer& t, sync::clock::time_point deadline, const stop_source* stop) {
    const sync::lock lock(timers_mutex_);
    // A stop whose reaction has run before this lock found nothing to cancel; see it here. One that comes later finds
    // the timer.
    if (stop != nullptr && stop->stop_requested()) {
        return false;
    }
    timers_.set(t, deadline);
    if (deadline < wakes_at_) {
        wakes_at_ = deadline;  // TIM2
        // Under the lock: once it is free the timer may expire, its task end, and the executor with it.
        interrupt();
    }
    return true;
}

bool reactor::cancel(timer& t) noexcept {
    const sync::lock lock(timers_mutex_);
    return timers_.cancel(t);  // TIM1
}

void reactor::cancel_and_wait(timer& t) noexcept {
    sync::lock lock(timers_mutex_);
    if (timers_.cancel(t)) {
        return;
    }
    for (sync::backoff turn; expiring_ == &t;) {  // TIM3; the functions are short: they post
        lock.unlock();
        turn.pause();
        lock.lock();
    }
}

bool reactor::wait(std::chrono::nanoseconds limit) noexcept {
    const std::chrono::nanoseconds sleep = time_to_sleep(limit);
    const auto seconds = std::chrono::floor<std::chrono::seconds>(sleep);
    const timespec until{.tv_sec = seconds.count(), .tv_nsec = (sleep - seconds).count()};
    const int count = ::epoll_pwait2(epoll_, events_.data(), static_cast<int>(events_.size()),
                                     sleep == no_limit ? nullptr : &until, nullptr);
    if (count == -1 && errno != EINTR) {
        fail_fatally("epoll_pwait2");
    }
    event_count_ = static_cast<std::size_t>(std::max(count, 0));
    const bool timers_are_due = end_of_sleep();
    const bool interrupted_only = event_count_ == 1 && events_[0].data.u64 == wake_key;
    return timers_are_due || (event_count_ != 0 && !interrupted_only);
}

std::chrono::nanoseconds reactor::time_to_sleep(std::chrono::nanoseconds limit) noexcept {
    const sync::lock lock(timers_mutex_);
    const timer* const first = timers_.earliest();
    wakes_at_ = first != nullptr ? first->deadline : sync::clock::time_point::max();
    if (first == nullptr) {
        return limit;
    }
    // The later of the two, and not the larger difference: that overflows for a deadline long past.
    const sync::clock::time_point now = sync::clock::now();
    return std::min<std::chrono::nanoseconds>(std::max(wakes_at_, now) - now, limit);
}

bool reactor::end_of_sleep() noexcept {
    const sync::lock lock(timers_mutex_);
    wakes_at_ = awake;  // TIM2
    const timer* const first = timers_.earliest();
    return first != nullptr && first->deadline <= sync::clock::now();
}

bool reactor::deliver() noexcept {
    bool woken = false;
    for (const epoll_event& event : std::span(events_).first(event_count_)) {
        if (event.data.u64 != wake_key) {
            const auto index = static_cast<std::uint32_t>(event.data.u64);
            woken |= table_.at(index).deliver(event.events, static_cast<std::uint32_t>(event.data.u64 >> 32));
        }
    }
    event_count_ = 0;
    return expire_timers() || woken;
}

bool reactor::expire_timers() noexcept {
    bool some = false;
    sync::lock lock(timers_mutex_);
    // No more than there are now: timers that are due again as soon as they have expired could go on for ever, and the
    // sockets would wait.
    for (std::size_t left = timers_.size(); left > 0; --left) {
        timer* const first = timers_.earliest();
        if (first == nullptr || first->deadline > sync::clock::now()) {
            break;
        }
        some = true;
        timers_.cancel(*first);  // TIM1
        expiring_ = first;
        lock.unlock();
        first->expire(*first);  // may end the timer: not touched again
        lock.lock();
        expiring_ = nullptr;
    }
    return some;
}

}  // namespace brigade::detail
