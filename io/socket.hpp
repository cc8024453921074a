// What sockets of every family have in common: how they are made, named and set.
#pragma once

#include <array>
#include <expected>
#include <initializer_list>
#include <system_error>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>

#include <brigade/detail/descriptor.hpp>
#include <brigade/endpoint.hpp>

#include "io/descriptor.hpp"

namespace brigade::detail {

// Non-blocking, and closed in a process that this one executes.
[[nodiscard]] inline std::expected<descriptor, std::error_code> open_socket(executor& home, int family, int type,
                                                                            int protocol, file_kind kind) {
    const int fd = ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (fd == -1) {
        return error_of_call();
    }
    return descriptor(home, fd, kind);
}

[[nodiscard]] inline std::expected<std::pair<descriptor, descriptor>, std::error_code> open_socket_pair(executor& home,
                                                                                                        int type) {
    std::array<int, 2> fds{};
    if (::socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) == -1) {
        return error_of_call();
    }
    owned_fd second(fds[1]);
    descriptor first(home, fds[0], file_kind::socket);
    return std::pair(std::move(first), descriptor(home, second.release(), file_kind::socket));
}

// What a socket is that was made elsewhere. The error is getsockopt's: not_a_socket, for example.
[[nodiscard]] inline std::expected<int, std::error_code> socket_property(int fd, int name) noexcept {
    int value = 0;
    socklen_t size = sizeof(value);
    if (::getsockopt(fd, SOL_SOCKET, name, &value, &size) == -1) {
        return error_of_call();
    }
    return value;
}
struct expected_property {
    int name;
    int value;
};
// Takes it over if it is what is expected; otherwise closes it, and the error is invalid_argument.
[[nodiscard]] inline std::expected<descriptor, std::error_code> adopt_socket(
    executor& home, owned_fd socket, file_kind kind, std::initializer_list<expected_property> properties) {
    for (const expected_property& p : properties) {
        const std::expected<int, std::error_code> value = socket_property(socket.get(), p.name);
        if (!value) {
            return std::unexpected(value.error());
        }
        if (*value != p.value) {
            return std::unexpected(std::make_error_code(std::errc::invalid_argument));
        }
    }
    return adopt_fd(home, std::move(socket), kind);
}

template <class Value>
std::expected<void, std::error_code> set_option(const descriptor& d, int level, int name, const Value& value) noexcept {
    return with_fd(d.ref(), [&](int fd) { return ::setsockopt(fd, level, name, &value, sizeof(value)); });
}

// Who else may use the address that an Internet socket is to be bound to.
struct address_sharing {
    bool reuse_address;
    bool reuse_port;
    bool dual_stack;
};

[[nodiscard]] inline std::expected<void, std::error_code> set_before_bind(const descriptor& d, const endpoint& local,
                                                                          address_sharing how) noexcept {
    struct flag {
        int level;
        int name;
        bool on;
    };
    for (const flag& f :
         {flag{SOL_SOCKET, SO_REUSEADDR, how.reuse_address}, flag{SOL_SOCKET, SO_REUSEPORT, how.reuse_port}}) {
        if (const auto set = set_option(d, f.level, f.name, int{f.on}); !set) {
            return set;
        }
    }
    if (!local.is_v6()) {
        return {};
    }
    return set_option(d, IPPROTO_IPV6, IPV6_V6ONLY, int{!how.dual_stack});
}

// `get_name` is getsockname or getpeername.
template <class Endpoint = endpoint, class GetName>
std::expected<Endpoint, std::error_code> name_of_socket(const descriptor& d, GetName get_name) noexcept {
    sockaddr_storage storage{};
    socklen_t size = sizeof(storage);
    auto* const address = reinterpret_cast<sockaddr*>(&storage);
    if (const auto got = with_fd(d.ref(), [&](int fd) { return get_name(fd, address, &size); }); !got) {
        return std::unexpected(got.error());
    }
    return Endpoint::from_native(address, size);
}

}  // namespace brigade::detail
