#include <brigade/stdio.hpp>

#include <algorithm>
#include <climits>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <brigade/executor.hpp>

#include "io/blocking_call.hpp"
#include "io/descriptor.hpp"

namespace brigade {

namespace detail {

namespace {

using amount = std::expected<std::size_t, std::error_code>;

// A call that blocks, on the pool, while the descriptor cannot be closed.
template <class Call>
task<amount> on_pool(descriptor_ref d, Call call) {
    blocking_call made([d, &call]() -> amount {
        ssize_t given = 0;
        const auto outcome = with_fd(d, [&call, &given](int fd) {
            given = retried([&call, fd] { return call(fd); });
            return given == -1 ? -1 : 0;
        });
        return outcome ? amount(static_cast<std::size_t>(given)) : std::unexpected(outcome.error());
    });
    co_return co_await made;
}

}  // namespace

standard_stream::standard_stream(executor& home, int number, bool writes)
    : descriptor_(home, open_again(number, writes), file_kind::other, sharing::with_others) {}

int standard_stream::open_again(int number, bool writes) {
    struct stat status{};
    if (::fstat(number, &status) == -1) {
        throw std::system_error(last_error(), "brigade: standard stream " + std::to_string(number));
    }
    const bool waits = S_ISFIFO(status.st_mode) || ::isatty(number) == 1;
    if (waits) {
        const std::string path = "/proc/self/fd/" + std::to_string(number);
        const int mode = writes ? O_WRONLY : O_RDONLY;
        if (const int fd = ::open(path.c_str(), mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC); fd != -1) {
            kind_ = kind::reopened;
            return fd;
        }
        kind_ = kind::shared;
    } else if (S_ISSOCK(status.st_mode)) {
        kind_ = kind::socket;
    }
    const int fd = ::fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (fd == -1) {
        throw std::system_error(last_error(), "brigade: standard stream " + std::to_string(number));
    }
    return fd;
}

task<amount> standard_stream::read_some(mutable_bytes buffer) {
    if (buffer.empty()) {
        co_return 0U;
    }
    if (kind_ == kind::blocking) {
        co_return co_await on_pool(descriptor_.ref(),
                                   [buffer](int fd) { return ::read(fd, buffer.data(), buffer.size()); });
    }
    calling read(descriptor_.ref(), direction::read, [buffer, how = kind_](int fd) -> ssize_t {
        if (how == kind::socket) {
            return ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
        }
        if (how == kind::shared && poll_now(fd, POLLIN) == -1) {
            return -1;
        }
        return ::read(fd, buffer.data(), buffer.size());
    });
    co_return co_await read;
}

task<amount> standard_stream::write_some(const_bytes bytes) {
    if (bytes.empty()) {
        co_return 0U;
    }
    if (kind_ == kind::blocking) {
        co_return co_await on_pool(descriptor_.ref(),
                                   [bytes](int fd) { return ::write(fd, bytes.data(), bytes.size()); });
    }
    calling write(descriptor_.ref(), direction::write, [bytes, how = kind_](int fd) -> ssize_t {
        if (how == kind::socket) {
            return ::send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        }
        if (how == kind::shared) {
            if (poll_now(fd, POLLOUT) == -1) {
                return -1;
            }
            // A pipe that is writable has room for this much; more would wait.
            return ::write(fd, bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
        }
        return ::write(fd, bytes.data(), bytes.size());
    });
    co_return co_await write;
}

task<std::expected<void, std::error_code>> standard_stream::write_all(const_bytes bytes, std::size_t* done) {
    std::size_t written = 0;
    std::error_code error;
    while (written < bytes.size() && !error) {
        if (const amount some = co_await standard_stream::write_some(bytes.subspan(written))) {
            written += *some;
        } else {
            error = some.error();
        }
    }
    if (done != nullptr) {
        *done = written;
    }
    if (error) {
        co_return std::unexpected(error);
    }
    co_return std::expected<void, std::error_code>();
}

}  // namespace detail

standard_input::standard_input(executor& home) : standard_stream(home, STDIN_FILENO, false) {}
standard_input::standard_input() : standard_input(executor::current()) {}
standard_output::standard_output(executor& home) : standard_stream(home, STDOUT_FILENO, true) {}
standard_output::standard_output() : standard_output(executor::current()) {}
standard_error::standard_error(executor& home) : standard_stream(home, STDERR_FILENO, true) {}
standard_error::standard_error() : standard_error(executor::current()) {}

}  // namespace brigade
