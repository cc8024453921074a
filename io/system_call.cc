#include "io/system_call.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <exception>
#include <limits>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace brigade::detail {

namespace {

int wait_in_milliseconds(int epoll, std::span<epoll_event> events, std::chrono::nanoseconds limit) noexcept {
    int timeout = -1;
    if (limit != std::chrono::nanoseconds::max()) {
        const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(limit).count();
        timeout = static_cast<int>(std::min<decltype(rounded)>(rounded, std::numeric_limits<int>::max()));
    }
    return ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), timeout);
}

}  // namespace

std::size_t wait_for_events(int epoll, std::span<epoll_event> events, std::chrono::nanoseconds limit) noexcept {
    static constinit std::atomic<bool> has_pwait2 = true;
    int count = -1;
    if (has_pwait2.load(std::memory_order_relaxed)) {  // says what the system has; carries nothing
        const auto seconds = std::chrono::floor<std::chrono::seconds>(limit);
        const timespec until{.tv_sec = seconds.count(), .tv_nsec = (limit - seconds).count()};
        count = ::epoll_pwait2(epoll, events.data(), static_cast<int>(events.size()),
                               limit == std::chrono::nanoseconds::max() ? nullptr : &until, nullptr);
        if (count == -1 && errno == ENOSYS) {
            has_pwait2.store(false, std::memory_order_relaxed);
        }
    }
    if (!has_pwait2.load(std::memory_order_relaxed)) {
        count = wait_in_milliseconds(epoll, events, limit);
    }
    if (count == -1 && errno != EINTR) {
        fail_fatally("waiting in epoll");
    }
    return static_cast<std::size_t>(std::max(count, 0));
}

[[gnu::noinline]] int last_errno() noexcept {
    return errno;
}

void fail_fatally(const char* what) noexcept {
    std::fprintf(stderr, "brigade: %s failed: %s\n", what, ::strerrordesc_np(errno));
    std::terminate();
}

void close_fd(int fd) noexcept {
    if (::close(fd) == -1 && errno == EBADF) {
        fail_fatally("close");
    }
}

int poll_now(int fd, short events) noexcept {
    pollfd asked{.fd = fd, .events = events, .revents = 0};
    const int ready = ::poll(&asked, 1, 0);
    if (ready == 0) {
        errno = EAGAIN;
        return -1;
    }
    return ready;
}

void end_connection(int fd) noexcept {
    // It can only say that there is no connection, of which nobody needs to be told.
    static_cast<void>(::shutdown(fd, SHUT_RDWR));
}

}  // namespace brigade::detail
