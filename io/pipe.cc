#include <brigade/pipe.hpp>

#include <array>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <brigade/executor.hpp>
#include <brigade/get_stop_token.hpp>

#include "io/descriptor.hpp"
#include "io/retry_pause.hpp"

namespace brigade {

namespace {

using detail::file_kind;
using detail::sharing;

std::unexpected<std::error_code> invalid() {
    return std::unexpected(std::make_error_code(std::errc::invalid_argument));
}

// Takes it over if it is an end of a pipe that can be used so: `access` is O_RDONLY or O_WRONLY.
std::expected<detail::descriptor, std::error_code> adopt_pipe(executor& home, owned_fd fd, int access, sharing who) {
    struct stat file{};
    if (::fstat(fd.get(), &file) == -1) {
        return detail::error_of_call();
    }
    const int flags = ::fcntl(fd.get(), F_GETFL);
    if (flags == -1) {
        return detail::error_of_call();
    }
    const int may = flags & O_ACCMODE;
    if (!S_ISFIFO(file.st_mode) || (may != access && may != O_RDWR)) {
        return invalid();
    }
    // A writer may have O_DIRECT, which this end does not show: then a read gives one packet, and another may follow.
    return detail::adopt_fd(home, std::move(fd), file_kind::other, who);
}

std::expected<detail::descriptor, std::error_code> open_fifo(executor& home, const std::string& path, int access) {
    if (path.contains('\0')) {
        return invalid();
    }
    owned_fd fd(::open(path.c_str(), access | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
    if (!fd) {
        return detail::error_of_call();
    }
    return adopt_pipe(home, std::move(fd), access & O_ACCMODE, sharing::none);
}

}  // namespace

std::expected<pipe_reader, std::error_code> pipe_reader::adopt(executor& home, owned_fd fd) {
    std::expected<detail::descriptor, std::error_code> adopted =
        adopt_pipe(home, std::move(fd), O_RDONLY, sharing::with_others);
    if (!adopted) {
        return std::unexpected(adopted.error());
    }
    return pipe_reader(std::move(*adopted));
}

task<std::expected<pipe_reader, std::error_code>> pipe_reader::open(std::string path, fifo_end end) {
    if ((co_await get_stop_token()).stop_requested()) {
        co_return std::unexpected(std::make_error_code(std::errc::operation_canceled));
    }
    std::expected<detail::descriptor, std::error_code> fifo =
        open_fifo(executor::current(), path, end == fifo_end::never ? O_RDWR : O_RDONLY);
    if (!fifo) {
        co_return std::unexpected(fifo.error());
    }
    if (end == fifo_end::at_last_writer) {
        // Something to read, or the end: that there was no writer yet does not count as one.
        detail::calling writer(fifo->ref(), detail::direction::read,
                               [](int fd) { return detail::poll_now(fd, POLLIN); });
        const std::expected<std::size_t, std::error_code> came = co_await writer;
        if (!came) {
            co_return std::unexpected(came.error());
        }
    }
    co_return pipe_reader(std::move(*fifo));
}

std::expected<pipe_writer, std::error_code> pipe_writer::adopt(executor& home, owned_fd fd) {
    std::expected<detail::descriptor, std::error_code> adopted =
        adopt_pipe(home, std::move(fd), O_WRONLY, sharing::with_others);
    if (!adopted) {
        return std::unexpected(adopted.error());
    }
    return pipe_writer(std::move(*adopted));
}

task<std::expected<pipe_writer, std::error_code>> pipe_writer::open(std::string path) {
    if ((co_await get_stop_token()).stop_requested()) {
        co_return std::unexpected(std::make_error_code(std::errc::operation_canceled));
    }
    for (detail::retry_pause pause;;) {
        std::expected<detail::descriptor, std::error_code> fifo = open_fifo(executor::current(), path, O_WRONLY);
        if (fifo) {
            co_return pipe_writer(std::move(*fifo));
        }
        // No reader; or it is a socket's file.
        struct stat file{};
        if (fifo.error() != std::errc::no_such_device_or_address) {
            co_return std::unexpected(fifo.error());
        }
        if (::stat(path.c_str(), &file) == 0 && !S_ISFIFO(file.st_mode)) {
            co_return invalid();
        }
        const auto paused = co_await pause.wait();
        if (!paused) {
            co_return std::unexpected(paused.error());
        }
    }
}

std::expected<std::size_t, std::error_code> pipe_writer::set_capacity(std::size_t bytes) noexcept {
    int capacity = -1;
    const auto set =
        detail::with_fd(descriptor().ref(), [&](int fd) { return capacity = ::fcntl(fd, F_SETPIPE_SZ, bytes); });
    if (!set) {
        return std::unexpected(set.error());
    }
    return static_cast<std::size_t>(capacity);
}

std::expected<pipe_ends, std::error_code> make_pipe(executor& home) {
    std::array<int, 2> fds{};
    if (::pipe2(fds.data(), O_NONBLOCK | O_CLOEXEC) == -1) {
        return detail::error_of_call();
    }
    owned_fd writing(fds[1]);
    detail::descriptor reading(home, fds[0], file_kind::pipe);
    return pipe_ends{.reader = pipe_reader(std::move(reading)),
                     .writer = pipe_writer(detail::descriptor(home, writing.release()))};
}

std::expected<pipe_ends, std::error_code> make_pipe() {
    return make_pipe(executor::current());
}

}  // namespace brigade
