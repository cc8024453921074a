// How the io side calls the system: failures as values, and what to do where failure can only be a bug.
#pragma once

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <span>
#include <system_error>

#include <sys/epoll.h>
#include <sys/uio.h>

namespace brigade::detail {

// errno. Coroutines ask here and not there: a compiler may keep the address of errno, which is a thread's own, over a
// suspension after which another thread runs.
[[nodiscard]] int last_errno() noexcept;
[[nodiscard]] inline std::error_code last_error() noexcept {
    return {last_errno(), std::system_category()};
}

// Reports `what` with errno and terminates. For calls that fail only if the runtime itself is wrong.
[[noreturn]] void fail_fatally(const char* what) noexcept;

// Linux gives the number back whatever close() says, so EINTR and a late EIO are not to be repeated; a wrong number is
// a bug that would soon hit a stranger's fd, and terminates.
void close_fd(int fd) noexcept;

// Waits for events, at most for `limit`; nanoseconds::max() is for ever. How many there are; none after a signal as
// well. Where the system lacks epoll_pwait2 (Linux 5.11) or forbids it, it may wait for up to a millisecond longer.
[[nodiscard]] std::size_t wait_for_events(int epoll, std::span<epoll_event> events,
                                          std::chrono::nanoseconds limit) noexcept;

// read(2) and write(2). For a socket that is recv(2) and send(2), which take a shorter way through the kernel, and
// raise no SIGPIPE.
[[nodiscard]] std::ptrdiff_t read_bytes(int fd, bool is_socket, std::span<std::byte> buffer) noexcept;
[[nodiscard]] std::ptrdiff_t write_bytes(int fd, bool is_socket, std::span<const std::byte> bytes) noexcept;

// With several buffers: readv(2) and writev(2), and for a socket recvmsg(2) and sendmsg(2), which raise no SIGPIPE.
[[nodiscard]] std::ptrdiff_t read_vectors(int fd, bool is_socket, std::span<const iovec> buffers) noexcept;
[[nodiscard]] std::ptrdiff_t write_vectors(int fd, bool is_socket, std::span<const iovec> buffers) noexcept;

// Whether `events` of poll(2) are there, or an error or hang-up, without waiting. -1 when not, or when the call fails:
// errno says EAGAIN, or why.
[[nodiscard]] int poll_now(int fd, short events) noexcept;

// What `call` gives, made again while a signal interrupts it: -1 with errno other than EINTR, or a result.
template <class Call>
[[nodiscard]] auto retried(Call call) noexcept {
    for (;;) {
        const auto given = call();
        if (given != -1 || errno != EINTR) {
            return given;
        }
    }
}

// Tells the peer of a connection that it has ended. Does nothing where there is none.
void end_connection(int fd) noexcept;

}  // namespace brigade::detail
