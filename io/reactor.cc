#include "io/reactor.hpp"

#include <array>
#include <cstdio>
#include <exception>
#include <span>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "executor/threads.hpp"
#include "io/system_call.hpp"

namespace brigade::detail {

reactor& reactor::of(executor& e) {
    event_source& source = executor_access::events(
        e, [&e]() -> std::unique_ptr<event_source> { return std::make_unique<reactor>(e.name()); });
    return static_cast<reactor&>(source);  // the io side makes no other
}

reactor::reactor(const std::string& name) {
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
        thread_ = sync::thread([this, name] {
            name_this_thread(name, "-io");
            run();
        });
    } catch (...) {
        close_descriptors();
        throw;
    }
}

void reactor::end(bool leaves_some) noexcept {
    leaves_some_ = leaves_some_ || leaves_some;
    if (thread_.joinable()) {
        stopping_.store(true, std::memory_order_release);  // pairs: the load in run()
        wake();
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

void reactor::wake() noexcept {
    const std::uint64_t one = 1;
    // EAGAIN: the counter is at its end, after 2^64 wake-ups; the thread is awake then.
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
        wake();
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
    while (expiring_ == &t) {  // TIM3; the functions are short: they post
        lock.unlock();
        sync::yield_thread();
        lock.lock();
    }
}

void reactor::run() noexcept {
    while (!stopping_.load(std::memory_order_acquire)) {  // pairs: the store in end()
        wait_and_deliver();
        expire_timers();
    }
}

void reactor::wait_and_deliver() noexcept {
    timespec limit{};
    const timespec* sleep = nullptr;
    {
        const sync::lock lock(timers_mutex_);
        const timer* const first = timers_.earliest();
        wakes_at_ = first != nullptr ? first->deadline : sync::clock::time_point::max();
        if (first != nullptr) {
            // The later of the two, and not the larger difference: that overflows for a deadline long past.
            const sync::clock::time_point now = sync::clock::now();
            const auto left = std::max(wakes_at_, now) - now;
            const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
            limit.tv_sec = seconds.count();
            limit.tv_nsec = std::chrono::nanoseconds(left - seconds).count();
            sleep = &limit;
        }
    }
    std::array<epoll_event, 256> events;
    const int count = ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), sleep, nullptr);
    if (count == -1 && errno != EINTR) {
        fail_fatally("epoll_pwait2");
    }
    {
        const sync::lock lock(timers_mutex_);
        wakes_at_ = awake;  // TIM2
    }
    for (const epoll_event& event : std::span(events).first(static_cast<std::size_t>(std::max(count, 0)))) {
        if (event.data.u64 != wake_key) {
            const auto index = static_cast<std::uint32_t>(event.data.u64);
            table_.at(index).deliver(event.events, static_cast<std::uint32_t>(event.data.u64 >> 32));
        }
    }
}

void reactor::expire_timers() noexcept {
    sync::lock lock(timers_mutex_);
    // No more than there are now: timers that are due again as soon as they have expired could go on for ever, and the
    // sockets would wait.
    for (std::size_t left = timers_.size(); left > 0; --left) {
        timer* const first = timers_.earliest();
        if (first == nullptr || first->deadline > sync::clock::now()) {
            return;
        }
        timers_.cancel(*first);  // TIM1
        expiring_ = first;
        lock.unlock();
        first->expire(*first);  // may end the timer: not touched again
        lock.lock();
        expiring_ = nullptr;
    }
}

}  // namespace brigade::detail
