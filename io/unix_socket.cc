#include <brigade/unix_socket.hpp>

#include <brigade/executor.hpp>
#include <brigade/get_stop_token.hpp>

#include <sys/socket.h>

#include "io/descriptor.hpp"
#include "io/retry_pause.hpp"
#include "io/socket.hpp"

namespace brigade {

namespace {

using detail::name_of_socket;
using detail::set_option;

int connect_to(int fd, const unix_endpoint& peer) noexcept {
    return ::connect(fd, peer.native(), peer.native_size());
}

bool is_to_try_again(const std::error_code& error) noexcept {
    return error == std::errc::resource_unavailable_try_again || error == std::errc::interrupted;
}

}  // namespace

task<std::expected<unix_stream, std::error_code>> unix_stream::connect(unix_endpoint peer) {
    if ((co_await get_stop_token()).stop_requested()) {
        co_return std::unexpected(std::make_error_code(std::errc::operation_canceled));
    }
    std::expected<detail::descriptor, std::error_code> socket =
        detail::open_socket(executor::current(), AF_UNIX, SOCK_STREAM, 0, detail::file_kind::socket);
    if (!socket) {
        co_return std::unexpected(socket.error());
    }
    for (detail::retry_pause pause;;) {
        const auto connected = detail::with_fd(socket->ref(), [&peer](int fd) { return connect_to(fd, peer); });
        if (connected) {
            co_return unix_stream(std::move(*socket));
        }
        if (!is_to_try_again(connected.error())) {
            co_return std::unexpected(connected.error());
        }
        const auto paused = co_await pause.wait();
        if (!paused) {
            co_return std::unexpected(paused.error());
        }
    }
}

std::expected<std::pair<unix_stream, unix_stream>, std::error_code> unix_stream::pair(executor& home) {
    auto ends = detail::open_socket_pair(home, SOCK_STREAM);
    if (!ends) {
        return std::unexpected(ends.error());
    }
    return std::pair(unix_stream(std::move(ends->first)), unix_stream(std::move(ends->second)));
}

std::expected<std::pair<unix_stream, unix_stream>, std::error_code> unix_stream::pair() {
    return pair(executor::current());
}

std::expected<unix_stream, std::error_code> unix_stream::adopt(executor& home, owned_fd socket) {
    std::expected<detail::descriptor, std::error_code> adopted =
        detail::adopt_socket(home, std::move(socket), detail::file_kind::socket,
                             {{SO_DOMAIN, AF_UNIX}, {SO_TYPE, SOCK_STREAM}, {SO_ACCEPTCONN, 0}});
    if (!adopted) {
        return std::unexpected(adopted.error());
    }
    return unix_stream(std::move(*adopted));
}

std::expected<void, std::error_code> unix_stream::shutdown_write() noexcept {
    return detail::with_fd(descriptor().ref(), [](int fd) { return ::shutdown(fd, SHUT_WR); });
}

std::expected<unix_endpoint, std::error_code> unix_stream::local_endpoint() const noexcept {
    return name_of_socket<unix_endpoint>(descriptor(), ::getsockname);
}

std::expected<unix_endpoint, std::error_code> unix_stream::remote_endpoint() const noexcept {
    return name_of_socket<unix_endpoint>(descriptor(), ::getpeername);
}

std::expected<peer_credentials, std::error_code> unix_stream::credentials() const noexcept {
    ucred native{};
    socklen_t size = sizeof(native);
    const auto got = detail::with_fd(descriptor().ref(),
                                     [&](int fd) { return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &native, &size); });
    if (!got) {
        return std::unexpected(got.error());
    }
    return peer_credentials{.process = native.pid, .user = native.uid, .group = native.gid};
}

std::expected<void, std::error_code> unix_stream::set_send_buffer(int bytes) noexcept {
    return set_option(descriptor(), SOL_SOCKET, SO_SNDBUF, bytes);
}

std::expected<unix_datagram, std::error_code> unix_datagram::bind(executor& home, const unix_endpoint& local) {
    std::expected<detail::descriptor, std::error_code> socket =
        detail::open_socket(home, AF_UNIX, SOCK_DGRAM, 0, detail::file_kind::socket);
    if (!socket) {
        return std::unexpected(socket.error());
    }
    if (!local.is_unnamed() && ::bind(socket->fd(), local.native(), local.native_size()) == -1) {
        return detail::error_of_call();
    }
    return unix_datagram(std::move(*socket));
}

std::expected<unix_datagram, std::error_code> unix_datagram::bind(const unix_endpoint& local) {
    return bind(executor::current(), local);
}

std::expected<std::pair<unix_datagram, unix_datagram>, std::error_code> unix_datagram::pair(executor& home) {
    auto ends = detail::open_socket_pair(home, SOCK_DGRAM);
    if (!ends) {
        return std::unexpected(ends.error());
    }
    return std::pair(unix_datagram(std::move(ends->first)), unix_datagram(std::move(ends->second)));
}

std::expected<std::pair<unix_datagram, unix_datagram>, std::error_code> unix_datagram::pair() {
    return pair(executor::current());
}

std::expected<void, std::error_code> unix_datagram::connect(const unix_endpoint& peer) noexcept {
    return detail::with_fd(descriptor().ref(), [&peer](int fd) { return connect_to(fd, peer); });
}

namespace {

// Names the socket and not the object, which may be moved or gone after a pause.
task<std::expected<void, std::error_code>> send_by(detail::descriptor_ref socket, const_bytes bytes, unix_endpoint to) {
    constexpr std::size_t full = 1;
    for (detail::retry_pause pause;;) {
        detail::calling attempt(socket, detail::direction::write, [bytes, &to](int fd) -> ssize_t {
            if (::sendto(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL, to.native(), to.native_size()) >= 0) {
                return 0;
            }
            return errno == EAGAIN ? static_cast<ssize_t>(full) : -1;
        });
        const std::expected<std::size_t, std::error_code> outcome = co_await attempt;
        if (!outcome) {
            co_return std::unexpected(outcome.error());
        }
        if (*outcome != full) {
            co_return {};
        }
        const auto paused = co_await pause.wait();
        if (!paused) {
            co_return std::unexpected(paused.error());
        }
    }
}

}  // namespace

task<std::expected<void, std::error_code>> unix_datagram::send_to(const_bytes bytes, unix_endpoint to) {
    return send_by(descriptor().ref(), bytes, to);
}

std::expected<unix_endpoint, std::error_code> unix_datagram::local_endpoint() const noexcept {
    return name_of_socket<unix_endpoint>(descriptor(), ::getsockname);
}

std::expected<unix_endpoint, std::error_code> unix_datagram::remote_endpoint() const noexcept {
    return name_of_socket<unix_endpoint>(descriptor(), ::getpeername);
}

std::expected<void, std::error_code> unix_datagram::set_send_buffer(int bytes) noexcept {
    return set_option(descriptor(), SOL_SOCKET, SO_SNDBUF, bytes);
}

}  // namespace brigade
