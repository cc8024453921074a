#include <brigade/tcp.hpp>

#include <limits>

#include <brigade/executor.hpp>
#include <brigade/get_stop_token.hpp>

#include <netinet/tcp.h>
#include <sys/socket.h>

#include "io/accept.hpp"
#include "io/descriptor.hpp"
#include "io/socket.hpp"

namespace brigade {

namespace {

using detail::name_of_socket;
using detail::set_option;

std::expected<detail::descriptor, std::error_code> open_tcp_socket(executor& home, const endpoint& for_address) {
    return detail::open_socket(home, for_address.native()->sa_family, SOCK_STREAM, IPPROTO_TCP,
                               detail::file_kind::tcp_connection);
}

// The call is repeated to learn the outcome: the system says EALREADY while the connection is being made, then once its
// result.
int connect_to(int fd, const endpoint& peer) noexcept {
    if (::connect(fd, peer.native(), peer.native_size()) == 0 || errno == EISCONN) {
        return 0;
    }
    if (errno == EINPROGRESS || errno == EALREADY || errno == EINTR) {
        errno = EAGAIN;
    }
    return -1;
}

}  // namespace

task<std::expected<tcp_stream, std::error_code>> tcp_stream::connect(endpoint peer) {
    if ((co_await get_stop_token()).stop_requested()) {
        co_return std::unexpected(std::make_error_code(std::errc::operation_canceled));
    }
    std::expected<detail::descriptor, std::error_code> socket = open_tcp_socket(executor::current(), peer);
    if (!socket) {
        co_return std::unexpected(socket.error());
    }
    detail::calling attempt(socket->ref(), detail::direction::write, [&peer](int fd) { return connect_to(fd, peer); });
    const std::expected<std::size_t, std::error_code> connected = co_await attempt;
    if (!connected) {
        co_return std::unexpected(connected.error());
    }
    tcp_stream stream(std::move(*socket));
    if (const auto set = stream.set_no_delay(true); !set) {
        co_return std::unexpected(set.error());
    }
    co_return stream;
}

std::expected<tcp_stream, std::error_code> tcp_stream::adopt(executor& home, owned_fd socket) {
    std::expected<detail::descriptor, std::error_code> adopted =
        detail::adopt_socket(home, std::move(socket), detail::file_kind::tcp_connection,
                             {{SO_PROTOCOL, IPPROTO_TCP}, {SO_TYPE, SOCK_STREAM}, {SO_ACCEPTCONN, 0}});
    if (!adopted) {
        return std::unexpected(adopted.error());
    }
    tcp_stream stream(std::move(*adopted));
    if (const auto set = stream.set_no_delay(true); !set) {
        return std::unexpected(set.error());
    }
    return stream;
}

std::expected<void, std::error_code> tcp_stream::shutdown_write() noexcept {
    return detail::with_fd(descriptor().ref(), [](int fd) { return ::shutdown(fd, SHUT_WR); });
}

std::expected<endpoint, std::error_code> tcp_stream::local_endpoint() const noexcept {
    return name_of_socket(descriptor(), ::getsockname);
}

std::expected<endpoint, std::error_code> tcp_stream::remote_endpoint() const noexcept {
    return name_of_socket(descriptor(), ::getpeername);
}

std::expected<void, std::error_code> tcp_stream::set_no_delay(bool on) noexcept {
    return set_option(descriptor(), IPPROTO_TCP, TCP_NODELAY, int{on});
}

std::expected<void, std::error_code> tcp_stream::set_keep_alive(std::optional<tcp_keep_alive> times) noexcept {
    if (times) {
        struct option {
            int name;
            int value;
        };
        // What the system can not express it refuses; so must what would not even fit.
        const auto in_range = [](std::chrono::seconds s) { return s.count() > 0 && s.count() <= 0x7fff; };
        if (!in_range(times->idle) || !in_range(times->interval)) {
            return std::unexpected(std::make_error_code(std::errc::invalid_argument));
        }
        for (const option& o :
             {option{TCP_KEEPIDLE, static_cast<int>(times->idle.count())},
              option{TCP_KEEPINTVL, static_cast<int>(times->interval.count())}, option{TCP_KEEPCNT, times->probes}}) {
            if (const auto set = set_option(descriptor(), IPPROTO_TCP, o.name, o.value); !set) {
                return set;
            }
        }
    }
    return set_option(descriptor(), SOL_SOCKET, SO_KEEPALIVE, times ? 1 : 0);
}

std::expected<void, std::error_code> tcp_stream::set_linger(std::optional<std::chrono::seconds> time) noexcept {
    if (time && (time->count() < 0 || time->count() > std::numeric_limits<int>::max())) {
        return std::unexpected(std::make_error_code(std::errc::invalid_argument));
    }
    linger value{};
    value.l_onoff = time ? 1 : 0;
    value.l_linger = static_cast<int>(time.value_or(std::chrono::seconds(0)).count());
    return set_option(descriptor(), SOL_SOCKET, SO_LINGER, value);
}

std::expected<void, std::error_code> tcp_stream::set_receive_buffer(int bytes) noexcept {
    return set_option(descriptor(), SOL_SOCKET, SO_RCVBUF, bytes);
}

std::expected<void, std::error_code> tcp_stream::set_send_buffer(int bytes) noexcept {
    return set_option(descriptor(), SOL_SOCKET, SO_SNDBUF, bytes);
}

std::expected<tcp_listener, std::error_code> tcp_listener::bind(executor& home, const endpoint& local,
                                                                tcp_listener_options options) {
    std::expected<detail::descriptor, std::error_code> socket = open_tcp_socket(home, local);
    if (!socket) {
        return std::unexpected(socket.error());
    }
    if (const auto set = detail::set_before_bind(*socket, local,
                                                 {.reuse_address = options.reuse_address,
                                                  .reuse_port = options.reuse_port,
                                                  .dual_stack = options.dual_stack});
        !set) {
        return std::unexpected(set.error());
    }
    const int fd = socket->fd();
    if (::bind(fd, local.native(), local.native_size()) == -1 || ::listen(fd, options.backlog) == -1) {
        return detail::error_of_call();
    }
    return tcp_listener(std::move(*socket));
}

std::expected<tcp_listener, std::error_code> tcp_listener::bind(const endpoint& local, tcp_listener_options options) {
    return bind(executor::current(), local, options);
}

std::expected<tcp_listener, std::error_code> tcp_listener::adopt(executor& home, owned_fd socket) {
    std::expected<detail::descriptor, std::error_code> adopted =
        detail::adopt_socket(home, std::move(socket), detail::file_kind::socket,
                             {{SO_PROTOCOL, IPPROTO_TCP}, {SO_TYPE, SOCK_STREAM}, {SO_ACCEPTCONN, 1}});
    if (!adopted) {
        return std::unexpected(adopted.error());
    }
    return tcp_listener(std::move(*adopted));
}

task<std::expected<tcp_stream, std::error_code>> tcp_listener::accept() {
    std::expected<detail::descriptor, std::error_code> accepted =
        co_await detail::accept_from(descriptor_.ref(), detail::file_kind::tcp_connection);
    if (!accepted) {
        co_return std::unexpected(accepted.error());
    }
    tcp_stream stream(std::move(*accepted));
    // The peer may be gone already; then the first read tells.
    if (const auto set = stream.set_no_delay(true); !set && set.error() != std::errc::invalid_argument) {
        co_return std::unexpected(set.error());
    }
    co_return stream;
}

std::expected<endpoint, std::error_code> tcp_listener::local_endpoint() const noexcept {
    return name_of_socket(descriptor_, ::getsockname);
}

}  // namespace brigade
