// Listening at a path: whose the socket file is, and who may remove it.
#include <brigade/unix_socket.hpp>

#include <brigade/executor.hpp>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/accept.hpp"
#include "io/descriptor.hpp"
#include "io/socket.hpp"
#include "io/system_call.hpp"

namespace brigade {

namespace {

// A path's name ends with a zero byte.
const char* path_of(const unix_endpoint& address) noexcept {
    return address.name().data();
}

// Whether there was a socket file to which nobody listens, and it is removed. To connect to a file of another kind is
// refused as well.
std::expected<bool, std::error_code> remove_stale(const unix_endpoint& address) noexcept {
    struct stat file{};
    if (::lstat(path_of(address), &file) == -1) {
        return detail::error_of_call();
    }
    const owned_fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!probe) {
        return detail::error_of_call();
    }
    const auto connect = [&] { return ::connect(probe.get(), address.native(), address.native_size()); };
    if (!S_ISSOCK(file.st_mode) || detail::retried(connect) == 0 || errno != ECONNREFUSED) {
        return false;
    }
    if (::unlink(path_of(address)) == -1) {
        return detail::error_of_call();
    }
    return true;
}

std::expected<void, std::error_code> bind_socket(int fd, const unix_endpoint& local, existing_socket existing) {
    if (::bind(fd, local.native(), local.native_size()) == 0) {
        return {};
    }
    const std::error_code failure = detail::last_error();
    if (failure != std::errc::address_in_use || existing == existing_socket::refuse || !local.is_path()) {
        return std::unexpected(failure);
    }
    const std::expected<bool, std::error_code> removed = remove_stale(local);
    if (!removed || !*removed) {
        return std::unexpected(removed ? failure : removed.error());
    }
    if (::bind(fd, local.native(), local.native_size()) == -1) {
        return detail::error_of_call();
    }
    return {};
}

}  // namespace

std::expected<unix_listener, std::error_code> unix_listener::bind(executor& home, const unix_endpoint& local,
                                                                  unix_listener_options options) {
    std::expected<detail::descriptor, std::error_code> socket =
        detail::open_socket(home, AF_UNIX, SOCK_STREAM, 0, detail::file_kind::socket);
    if (!socket) {
        return std::unexpected(socket.error());
    }
    unix_listener listener(std::move(*socket));
    const int fd = listener.native_handle();
    if (const auto bound = bind_socket(fd, local, options.existing); !bound) {
        return std::unexpected(bound.error());
    }
    if (options.remove_on_close && local.is_path()) {
        struct stat file{};
        if (::lstat(path_of(local), &file) == -1) {
            return detail::error_of_call();
        }
        listener.file_ = own_file{.address = local, .device = file.st_dev, .inode = file.st_ino};
    }
    if (::listen(fd, options.backlog) == -1) {
        return detail::error_of_call();
    }
    return listener;
}

std::expected<unix_listener, std::error_code> unix_listener::bind(const unix_endpoint& local,
                                                                  unix_listener_options options) {
    return bind(executor::current(), local, options);
}

unix_listener& unix_listener::operator=(unix_listener&& other) noexcept {
    if (this != &other) {
        close();
        descriptor_ = std::move(other.descriptor_);
        file_ = other.file_;
    }
    return *this;
}

void unix_listener::close() noexcept {
    // First the file, while the inode is certainly ours; a listener that was moved from is closed, and has none.
    if (file_ && native_handle() != -1) {
        remove_file();
    }
    descriptor_.close();
}

void unix_listener::remove_file() const noexcept {
    struct stat file{};
    if (::lstat(path_of(file_->address), &file) == -1 || file.st_dev != file_->device || file.st_ino != file_->inode) {
        return;  // somebody else has removed or replaced it
    }
    // Where the folder's permissions have changed it stays behind, as after a kill: existing_socket is for that.
    static_cast<void>(::unlink(path_of(file_->address)));
}

task<std::expected<unix_stream, std::error_code>> unix_listener::accept() {
    std::expected<detail::descriptor, std::error_code> accepted =
        co_await detail::accept_from(descriptor_.ref(), detail::file_kind::socket);
    if (!accepted) {
        co_return std::unexpected(accepted.error());
    }
    co_return unix_stream(std::move(*accepted));
}

std::expected<unix_endpoint, std::error_code> unix_listener::local_endpoint() const noexcept {
    return detail::name_of_socket<unix_endpoint>(descriptor_, ::getsockname);
}

}  // namespace brigade
