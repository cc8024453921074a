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

reactor::reactor(executor& home) : timers_(*this, home.worker_count(), executor_access::parts(home).options.clock) {
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
            prepare_this_thread(home.name(), "-io");
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
        std::fprintf(stderr, "brigade: %zu sockets or other descriptors outlive the executor that they belong to\n",
                     open);
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

descriptor_ref reactor::open(int fd, file_kind kind, sharing who) {
    registration& slot = table_.take(*this);
    return {&slot, slot.open(fd, kind, who)};
}

std::error_code reactor::arm(const registration& r) noexcept {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET;
    event.data.u64 = r.key();
    return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, r.fd(), &event) == 0 ? std::error_code() : last_error();
}

void reactor::disarm(int fd) noexcept {
    // Not left to close(): a copy of the fd in a child process would keep the entry alive.
    if (::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr) == -1) {
        fail_fatally("epoll_ctl(EPOLL_CTL_DEL)");
    }
}

void reactor::give_back(registration& slot) noexcept {
    table_.give_back(slot);
    shortage_.one_is_free();
}

void reactor::interrupt() noexcept {
    const std::uint64_t one = 1;
    // EAGAIN: the counter is at its end, after 2^64 wake-ups; the poller is awake then.
    if (::write(wake_fd_, &one, sizeof(one)) == -1 && errno != EAGAIN) {
        fail_fatally("write to the reactor's eventfd");
    }
}

bool reactor::wait(std::chrono::nanoseconds limit) noexcept {
    event_count_ = wait_for_events(epoll_, events_, timers_.time_to_sleep(limit));
    const bool timers_are_due = timers_.end_of_sleep();
    const bool interrupted_only = event_count_ == 1 && events_[0].data.u64 == wake_key;
    return timers_are_due || (event_count_ != 0 && !interrupted_only);
}

bool reactor::deliver() noexcept {
    // Ahead of each event its registration is fetched, and then who waits there.
    constexpr std::size_t ahead = 4;
    bool woken = false;
    const std::span events = std::span(events_).first(event_count_);
    for (std::size_t i = 0; i < events.size() + 2 * ahead; ++i) {
        if (i < events.size() && events[i].data.u64 != wake_key) {
            __builtin_prefetch(&registration_of(events[i]), 1);
        }
        if (i >= ahead && i - ahead < events.size() && events[i - ahead].data.u64 != wake_key) {
            registration_of(events[i - ahead]).prefetch_reader();
        }
        if (i >= 2 * ahead && events[i - 2 * ahead].data.u64 != wake_key) {
            const epoll_event& event = events[i - 2 * ahead];
            woken |= registration_of(event).deliver(event.events, static_cast<std::uint32_t>(event.data.u64 >> 32));
        }
    }
    event_count_ = 0;
    return timers_.expire() || woken;
}

registration& reactor::registration_of(const epoll_event& event) const noexcept {
    return table_.at(static_cast<std::uint32_t>(event.data.u64));
}

}  // namespace brigade::detail
