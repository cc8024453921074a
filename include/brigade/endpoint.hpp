// An IPv4 or IPv6 address with a port.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>

#include <netinet/in.h>
#include <sys/socket.h>

namespace brigade {

class endpoint {
public:
    // 0.0.0.0 and port 0.
    endpoint() noexcept : endpoint(any_v4(0)) {}

    [[nodiscard]] static endpoint any_v4(std::uint16_t port) noexcept;
    [[nodiscard]] static endpoint any_v6(std::uint16_t port) noexcept;
    [[nodiscard]] static endpoint loopback_v4(std::uint16_t port) noexcept;
    [[nodiscard]] static endpoint loopback_v6(std::uint16_t port) noexcept;

    // "127.0.0.1:80", "[::1]:80", "[fe80::1%eth0]:80": a numeric address and a port, in the form that to_string()
    // prints. Anything else is std::errc::invalid_argument. Does not ask the resolver.
    [[nodiscard]] static std::expected<endpoint, std::error_code> parse(std::string_view text);
    // From what the system gives. std::errc::address_family_not_supported for anything but IPv4 and IPv6.
    [[nodiscard]] static std::expected<endpoint, std::error_code> from_native(const sockaddr* address, socklen_t size);

    [[nodiscard]] bool is_v6() const noexcept { return storage_.any.sa_family == AF_INET6; }
    [[nodiscard]] std::uint16_t port() const noexcept;
    [[nodiscard]] std::string address() const;    // without port and brackets
    [[nodiscard]] std::string to_string() const;  // as parse() takes it

    [[nodiscard]] const sockaddr* native() const noexcept { return &storage_.any; }
    [[nodiscard]] socklen_t native_size() const noexcept { return is_v6() ? sizeof(storage_.v6) : sizeof(storage_.v4); }

    // Address, port and, for IPv6, the scope.
    friend bool operator==(const endpoint& a, const endpoint& b) noexcept;

private:
    explicit endpoint(const sockaddr_in& v4) noexcept { storage_.v4 = v4; }
    explicit endpoint(const sockaddr_in6& v6) noexcept { storage_.v6 = v6; }

    union {
        sockaddr any;
        sockaddr_in v4;
        sockaddr_in6 v6;
    } storage_;
};

}  // namespace brigade
