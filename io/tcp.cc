#include <brigade/tcp.hpp>

#include <brigade/executor.hpp>
#include <brigade/get_stop_token.hpp>
#include <brigade/yield.hpp>

#include <netinet/tcp.h>
#include <sys/socket.h>

#include "io/reactor.hpp"
#include "io/system_call.hpp"

namespace brigade {

namespace detail {

namespace {

// Runs `use(fd)`, which gives what a system call gave, while the socket cannot be closed.
template <class Use>
std::expected<void, std::error_code> with_fd(socket_ref s, Use use) noexcept {
    if (s.entry == nullptr || !s.entry->retain(s.generation)) {
        return std::unexpected(make_error_code(errc::closed));
    }
    std::expected<void, std::error_code> outcome;
    if (use(s.entry->fd()) == -1) {
        outcome = std::unexpected(last_error());
    }
    s.entry->release();
    return outcome;
}

}  // namespace

socket::socket(executor& home, int fd) try : ref_(reactor::of(home).open(fd)) {
} catch (...) {
    close_fd(fd);
}

void socket::close() noexcept {
    if (ref_.entry != nullptr) {
        ref_.entry->close(ref_.generation);
    }
}

int socket::fd() const noexcept {
    int number = -1;
    static_cast<void>(with_fd(ref_, [&number](int fd) { return number = fd; }));  // closed: the answer is -1
    return number;
}

namespace {

std::unexpected<std::error_code> error_of_call() noexcept {
    return std::unexpected(last_error());
}

// What a 0 from the system call means.
enum class zero : bool { is_a_value, is_the_end };

// Makes the call until it gives something else than "not now" or "interrupted". `call` gets the fd and gives what the
// system call gave.
template <class Call>
task<std::expected<std::size_t, std::error_code>> perform(socket_ref s, direction d, zero meaning, Call call) {
    co_await cooperate();
    const stop_token stop = co_await get_stop_token();
    std::expected<operation, std::error_code> op = operation::begin(s, d);
    if (!op) {
        co_return std::unexpected(op.error());
    }
    for (;;) {
        // A socket that is always ready must not keep a task from noticing its stop.
        if (stop.stop_requested()) {
            co_return std::unexpected(std::make_error_code(std::errc::operation_canceled));
        }
        op->note_tick();
        const auto given = call(op->fd());
        if (given == 0 && meaning == zero::is_the_end && op->closed()) {
            co_return std::unexpected(make_error_code(errc::closed));  // the end that close() made, not the peer's
        }
        if (given >= 0) {
            co_return static_cast<std::size_t>(given);
        }
        const int failure = last_errno();
        if (failure == EAGAIN) {
            const std::error_code error = co_await op->ready();
            if (error) {
                co_return std::unexpected(error);
            }
        } else if (failure != EINTR) {
            co_return std::unexpected(op->error_of(failure));
        }
    }
}

template <class Value>
std::expected<void, std::error_code> set_option(const socket& s, int level, int name, const Value& value) noexcept {
    return with_fd(s.ref(), [&](int fd) { return ::setsockopt(fd, level, name, &value, sizeof(value)); });
}

std::expected<socket, std::error_code> open_socket(executor& home, const endpoint& for_address) {
    const int family = for_address.native()->sa_family;
    const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd == -1) {
        return error_of_call();
    }
    return socket(home, fd);
}

template <class GetName>
std::expected<endpoint, std::error_code> name_of(const socket& s, GetName get_name) noexcept {
    sockaddr_storage storage{};
    socklen_t size = sizeof(storage);
    auto* const address = reinterpret_cast<sockaddr*>(&storage);
    if (const auto got = with_fd(s.ref(), [&](int fd) { return get_name(fd, address, &size); }); !got) {
        return std::unexpected(got.error());
    }
    return endpoint::from_native(address, size);
}

}  // namespace
}  // namespace detail

task<std::expected<tcp_stream, std::error_code>> tcp_stream::connect(endpoint peer) {
    co_await detail::cooperate();
    const stop_token stop = co_await get_stop_token();
    if (stop.stop_requested()) {
        co_return std::unexpected(std::make_error_code(std::errc::operation_canceled));
    }
    std::expected<detail::socket, std::error_code> socket = detail::open_socket(executor::current(), peer);
    if (!socket) {
        co_return std::unexpected(socket.error());
    }
    std::expected<detail::operation, std::error_code> op =
        detail::operation::begin(socket->ref(), detail::direction::write);
    if (!op) {
        co_return std::unexpected(op.error());
    }
    // The call is repeated to learn the outcome: the system says EALREADY while the connection is being made, then once
    // its result.
    for (;;) {
        op->note_tick();
        if (::connect(op->fd(), peer.native(), peer.native_size()) == 0) {
            break;
        }
        const int failure = detail::last_errno();
        if (failure == EISCONN) {
            break;
        }
        if (failure != EINPROGRESS && failure != EALREADY && failure != EINTR) {
            co_return std::unexpected(std::error_code(failure, std::system_category()));
        }
        const std::error_code error = co_await op->ready();
        if (error) {
            co_return std::unexpected(error);
        }
    }
    tcp_stream stream(std::move(*socket));
    if (const auto set = stream.set_no_delay(true); !set) {
        co_return std::unexpected(set.error());
    }
    co_return stream;
}

task<std::expected<std::size_t, std::error_code>> tcp_stream::read_some(std::span<std::byte> buffer) {
    return detail::perform(socket_.ref(), detail::direction::read, detail::zero::is_the_end, [buffer](int fd) {
        // The system would wait for a byte even where there is no room for it.
        return buffer.empty() ? 0 : ::recv(fd, buffer.data(), buffer.size(), 0);
    });
}

namespace {

task<std::expected<void, std::error_code>> write_all_to(detail::socket_ref entry, std::span<const std::byte> bytes) {
    const stop_token stop = co_await get_stop_token();
    std::expected<detail::operation, std::error_code> op = detail::operation::begin(entry, detail::direction::write);
    if (!op) {
        co_return std::unexpected(op.error());
    }
    while (!bytes.empty()) {
        co_await detail::cooperate();
        if (stop.stop_requested()) {
            co_return std::unexpected(std::make_error_code(std::errc::operation_canceled));
        }
        op->note_tick();
        const ssize_t sent = ::send(op->fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent >= 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(sent));
            continue;
        }
        const int failure = detail::last_errno();
        if (failure == EAGAIN) {
            const std::error_code error = co_await op->ready();
            if (error) {
                co_return std::unexpected(error);
            }
        } else if (failure != EINTR) {
            co_return std::unexpected(op->error_of(failure));
        }
    }
    co_return {};
}

}  // namespace

task<std::expected<void, std::error_code>> tcp_stream::write_all(std::span<const std::byte> bytes) {
    return write_all_to(socket_.ref(), bytes);
}

std::expected<void, std::error_code> tcp_stream::shutdown_write() noexcept {
    return detail::with_fd(socket_.ref(), [](int fd) { return ::shutdown(fd, SHUT_WR); });
}

std::expected<endpoint, std::error_code> tcp_stream::local_endpoint() const noexcept {
    return detail::name_of(socket_, ::getsockname);
}

std::expected<endpoint, std::error_code> tcp_stream::remote_endpoint() const noexcept {
    return detail::name_of(socket_, ::getpeername);
}

std::expected<void, std::error_code> tcp_stream::set_no_delay(bool on) noexcept {
    return detail::set_option(socket_, IPPROTO_TCP, TCP_NODELAY, int{on});
}

std::expected<void, std::error_code> tcp_stream::set_linger(std::optional<std::chrono::seconds> time) noexcept {
    linger value{};
    value.l_onoff = time ? 1 : 0;
    value.l_linger = static_cast<int>(time.value_or(std::chrono::seconds(0)).count());
    return detail::set_option(socket_, SOL_SOCKET, SO_LINGER, value);
}

std::expected<tcp_listener, std::error_code> tcp_listener::bind(executor& home, const endpoint& local,
                                                                tcp_listener_options options) {
    std::expected<detail::socket, std::error_code> socket = detail::open_socket(home, local);
    if (!socket) {
        return std::unexpected(socket.error());
    }
    struct flag {
        int level;
        int name;
        bool on;
    };
    for (const flag& f :
         {flag{SOL_SOCKET, SO_REUSEADDR, options.reuse_address}, flag{SOL_SOCKET, SO_REUSEPORT, options.reuse_port}}) {
        if (const auto set = detail::set_option(*socket, f.level, f.name, int{f.on}); !set) {
            return std::unexpected(set.error());
        }
    }
    if (local.is_v6()) {
        if (const auto set = detail::set_option(*socket, IPPROTO_IPV6, IPV6_V6ONLY, 1); !set) {
            return std::unexpected(set.error());
        }
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

namespace {

// accept(2) also reports what has befallen the connection that it would have given: then the next one is asked for.
bool is_of_the_connection(const std::error_code& error) noexcept {
    if (error.category() != std::system_category()) {
        return false;
    }
    switch (error.value()) {
        case ECONNABORTED:
        case EHOSTDOWN:
        case EHOSTUNREACH:
        case ENETDOWN:
        case ENETUNREACH:
        case ENONET:
        case ENOPROTOOPT:
        case EPERM:
        case EPROTO:
            return true;
        default:
            return false;
    }
}

task<std::expected<detail::socket, std::error_code>> accept_from(detail::socket_ref entry) {
    executor& home = executor::current();
    for (;;) {
        task<std::expected<std::size_t, std::error_code>> next =
            detail::perform(entry, detail::direction::read, detail::zero::is_a_value,
                            [](int fd) { return ::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); });
        const std::expected<std::size_t, std::error_code> fd = co_await std::move(next);
        if (fd) {
            co_return detail::socket(home, static_cast<int>(*fd));
        }
        if (!is_of_the_connection(fd.error())) {
            co_return std::unexpected(fd.error());
        }
    }
}

}  // namespace

task<std::expected<tcp_stream, std::error_code>> tcp_listener::accept() {
    std::expected<detail::socket, std::error_code> socket = co_await accept_from(socket_.ref());
    if (!socket) {
        co_return std::unexpected(socket.error());
    }
    tcp_stream stream(std::move(*socket));
    if (const auto set = stream.set_no_delay(true); !set) {
        co_return std::unexpected(set.error());
    }
    co_return stream;
}

std::expected<endpoint, std::error_code> tcp_listener::local_endpoint() const noexcept {
    return detail::name_of(socket_, ::getsockname);
}

}  // namespace brigade
