#include "io/system_call.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <exception>
#include <limits>

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <brigade/detail/sync.hpp>

namespace brigade::detail {

namespace {

// The calls that a service makes for each request go to the kernel directly. glibc's functions are cancellation points,
// and pay for that with two locked instructions each where there are several threads. A sanitizer has to see them.
constexpr bool calls_directly = !sync::under_sanitizer;

int wait_until(int epoll, std::span<epoll_event> events, const timespec* until) noexcept {
    const int most = static_cast<int>(events.size());
    if constexpr (calls_directly) {
        static_assert(sizeof(timespec) == 16, "as the kernel has it");
        constexpr std::size_t size_of_no_mask = 0;
        return static_cast<int>(
            ::syscall(SYS_epoll_pwait2, epoll, events.data(), most, until, nullptr, size_of_no_mask));
    } else {
        return ::epoll_pwait2(epoll, events.data(), most, until, nullptr);
    }
}

int wait_in_milliseconds(int epoll, std::span<epoll_event> events, std::chrono::nanoseconds limit) noexcept {
    int timeout = -1;
    if (limit != std::chrono::nanoseconds::max()) {
        const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(limit).count();
        timeout = static_cast<int>(std::min<decltype(rounded)>(rounded, std::numeric_limits<int>::max()));
    }
    return ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), timeout);
}

msghdr message_of(std::span<const iovec> buffers) noexcept {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(buffers.data());  // the system does not write there
    message.msg_iovlen = buffers.size();
    return message;
}

}  // namespace

std::size_t wait_for_events(int epoll, std::span<epoll_event> events, std::chrono::nanoseconds limit) noexcept {
    static constinit std::atomic<bool> has_pwait2 = true;
    int count = -1;
    if (has_pwait2.load(std::memory_order_relaxed)) {  // says what the system has; carries nothing
        const auto seconds = std::chrono::floor<std::chrono::seconds>(limit);
        const timespec until{.tv_sec = seconds.count(), .tv_nsec = (limit - seconds).count()};
        count = wait_until(epoll, events, limit == std::chrono::nanoseconds::max() ? nullptr : &until);
        if (count == -1 && (errno == ENOSYS || errno == EPERM)) {  // EPERM: old containers' seccomp filters
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

std::ptrdiff_t read_bytes(int fd, bool is_socket, std::span<std::byte> buffer) noexcept {
    if constexpr (calls_directly) {
        return is_socket ? ::syscall(SYS_recvfrom, fd, buffer.data(), buffer.size(), 0, nullptr, nullptr)
                         : ::syscall(SYS_read, fd, buffer.data(), buffer.size());
    } else {
        return is_socket ? ::recv(fd, buffer.data(), buffer.size(), 0) : ::read(fd, buffer.data(), buffer.size());
    }
}

std::ptrdiff_t write_bytes(int fd, bool is_socket, std::span<const std::byte> bytes) noexcept {
    if constexpr (calls_directly) {
        return is_socket ? ::syscall(SYS_sendto, fd, bytes.data(), bytes.size(), MSG_NOSIGNAL, nullptr, 0)
                         : ::syscall(SYS_write, fd, bytes.data(), bytes.size());
    } else {
        return is_socket ? ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL)
                         : ::write(fd, bytes.data(), bytes.size());
    }
}

std::ptrdiff_t read_vectors(int fd, bool is_socket, std::span<const iovec> buffers) noexcept {
    msghdr message = message_of(buffers);
    if constexpr (calls_directly) {
        return is_socket ? ::syscall(SYS_recvmsg, fd, &message, 0)
                         : ::syscall(SYS_readv, fd, buffers.data(), buffers.size());
    } else {
        return is_socket ? ::recvmsg(fd, &message, 0) : ::readv(fd, buffers.data(), static_cast<int>(buffers.size()));
    }
}

std::ptrdiff_t write_vectors(int fd, bool is_socket, std::span<const iovec> buffers) noexcept {
    const msghdr message = message_of(buffers);
    if constexpr (calls_directly) {
        return is_socket ? ::syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL)
                         : ::syscall(SYS_writev, fd, buffers.data(), buffers.size());
    } else {
        return is_socket ? ::sendmsg(fd, &message, MSG_NOSIGNAL)
                         : ::writev(fd, buffers.data(), static_cast<int>(buffers.size()));
    }
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
