#include <brigade/file.hpp>

#include <cerrno>
#include <memory>
#include <type_traits>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file_call.hpp"

namespace brigade {

using detail::done;
using detail::made_on_pool;
using detail::retried;

namespace detail {

struct open_file {
    owned_fd fd;
};

std::expected<owned_fd, std::error_code> open_path(const std::string& path, int flags, unsigned permissions) {
    // O_NONBLOCK: else opening a FIFO would wait for its other end. It means nothing to files.
    owned_fd fd(retried([&] { return ::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, permissions); }));
    if (!fd) {
        // What a FIFO without a reader, and a socket, say.
        return errno == ENXIO ? std::unexpected(std::make_error_code(std::errc::operation_not_supported))
                              : error_of_call();
    }
    struct stat status{};
    if (::fstat(fd.get(), &status) == -1) {
        return error_of_call();
    }
    if (S_ISFIFO(status.st_mode)) {
        return std::unexpected(std::make_error_code(std::errc::operation_not_supported));
    }
    return fd;
}

}  // namespace detail

namespace {

using amount = std::expected<std::size_t, std::error_code>;
using outcome = std::expected<void, std::error_code>;
using open_pointer = std::shared_ptr<detail::open_file>;

int flags_of(open_mode mode) noexcept {
    switch (mode) {
        case open_mode::read:
            return O_RDONLY;
        case open_mode::write:
            return O_WRONLY | O_CREAT;
        case open_mode::read_write:
            return O_RDWR | O_CREAT;
        case open_mode::truncate:
            return O_WRONLY | O_CREAT | O_TRUNC;
        case open_mode::create_new:
            return O_RDWR | O_CREAT | O_EXCL;
        case open_mode::append:
            return O_WRONLY | O_CREAT | O_APPEND;
    }
    return O_RDONLY;
}

std::expected<open_pointer, std::error_code> open_shared(const std::string& path, int flags, unsigned permissions) {
    std::expected<owned_fd, std::error_code> fd = detail::open_path(path, flags, permissions);
    if (!fd) {
        return std::unexpected(fd.error());
    }
    return std::make_shared<detail::open_file>(std::move(*fd));
}

// `call` gets the fd, on the pool; closed when there is none.
template <class Call>
auto with_open(const open_pointer& open, Call call) -> task<std::invoke_result_t<Call&, int>> {
    using result = std::invoke_result_t<Call&, int>;
    return made_on_pool([open, made = std::move(call)]() mutable -> result {
        if (open == nullptr) {
            return std::unexpected(make_error_code(errc::closed));
        }
        return made(open->fd.get());
    });
}

amount amount_of(ssize_t given) noexcept {
    if (given == -1) {
        return detail::error_of_call();
    }
    return static_cast<std::size_t>(given);
}

bool fits(std::uint64_t offset) noexcept {
    return std::in_range<off_t>(offset);
}

outcome refuse_offset() {
    return std::unexpected(std::make_error_code(std::errc::invalid_argument));
}

}  // namespace

task<std::expected<file, std::error_code>> file::open(std::string path, open_mode mode, unsigned permissions) {
    auto opened = co_await detail::with_path(std::move(path), [mode, permissions](const std::string& p) {
        return open_shared(p, flags_of(mode), permissions);
    });
    if (!opened) {
        co_return std::unexpected(opened.error());
    }
    co_return file(*std::move(opened));
}

task<std::expected<file, std::error_code>> file::temporary(std::string directory) {
    auto opened = co_await detail::with_path(
        std::move(directory), [](const std::string& p) { return open_shared(p, O_RDWR | O_TMPFILE, 0600); });
    if (!opened) {
        co_return std::unexpected(opened.error());
    }
    co_return file(*std::move(opened));
}

task<amount> file::read_at(std::uint64_t offset, mutable_bytes buffer) const {
    return with_open(open_, [offset, buffer](int fd) -> amount {
        if (!fits(offset)) {
            return std::unexpected(refuse_offset().error());
        }
        return amount_of(
            retried([&] { return ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(offset)); }));
    });
}

task<outcome> file::write_at(std::uint64_t offset, const_bytes bytes) const {
    return with_open(open_, [offset, bytes](int fd) -> outcome {
        if (!fits(offset) || !fits(offset + bytes.size())) {
            return refuse_offset();
        }
        for (std::size_t written = 0; written < bytes.size();) {
            const const_bytes rest = bytes.subspan(written);
            const ssize_t some =
                retried([&] { return ::pwrite(fd, rest.data(), rest.size(), static_cast<off_t>(offset + written)); });
            if (some == -1) {
                return detail::error_of_call();
            }
            written += static_cast<std::size_t>(some);
        }
        return {};
    });
}

task<amount> file::read_some(mutable_bytes buffer) const {
    return with_open(open_, [buffer](int fd) {
        return amount_of(retried([&] { return ::read(fd, buffer.data(), buffer.size()); }));
    });
}

task<amount> file::write_some(const_bytes bytes) const {
    return with_open(
        open_, [bytes](int fd) { return amount_of(retried([&] { return ::write(fd, bytes.data(), bytes.size()); })); });
}

std::expected<std::uint64_t, std::error_code> file::position() const noexcept {
    if (open_ == nullptr) {
        return std::unexpected(make_error_code(errc::closed));
    }
    const off_t where = ::lseek(open_->fd.get(), 0, SEEK_CUR);
    if (where == -1) {
        return detail::error_of_call();
    }
    return static_cast<std::uint64_t>(where);
}

outcome file::seek(std::uint64_t offset) const noexcept {
    if (open_ == nullptr) {
        return std::unexpected(make_error_code(errc::closed));
    }
    if (!fits(offset)) {
        return refuse_offset();
    }
    if (::lseek(open_->fd.get(), static_cast<off_t>(offset), SEEK_SET) == -1) {
        return detail::error_of_call();
    }
    return {};
}

task<std::expected<std::uint64_t, std::error_code>> file::size() const {
    return with_open(open_, [](int fd) -> std::expected<std::uint64_t, std::error_code> {
        struct stat status{};
        if (::fstat(fd, &status) == -1) {
            return detail::error_of_call();
        }
        return static_cast<std::uint64_t>(status.st_size);
    });
}

task<outcome> file::truncate(std::uint64_t size) const {
    return with_open(open_, [size](int fd) {
        return fits(size) ? done(retried([&] { return ::ftruncate(fd, static_cast<off_t>(size)); })) : refuse_offset();
    });
}

task<outcome> file::sync() const {
    return with_open(open_, [](int fd) { return done(retried([fd] { return ::fsync(fd); })); });
}

task<outcome> file::close() {
    open_pointer own = std::exchange(open_, nullptr);
    return made_on_pool([last = std::move(own)]() mutable -> outcome {
        if (last == nullptr) {
            return std::unexpected(make_error_code(errc::closed));
        }
        if (last.use_count() != 1) {
            return {};  // an operation in flight is going to close it
        }
        // Linux has given the number back, whatever it says.
        return done(::close(last->fd.release()));
    });
}

int file::native_handle() const noexcept {
    return open_ != nullptr ? open_->fd.get() : -1;
}

}  // namespace brigade
