#include <brigade/endpoint.hpp>

#include <array>
#include <charconv>
#include <cstring>
#include <memory>

#include <arpa/inet.h>
#include <netdb.h>

namespace brigade {

namespace {

sockaddr_in v4(std::uint32_t address, std::uint16_t port) noexcept {
    sockaddr_in native{};
    native.sin_family = AF_INET;
    native.sin_addr.s_addr = htonl(address);
    native.sin_port = htons(port);
    return native;
}

sockaddr_in6 v6(const in6_addr& address, std::uint16_t port) noexcept {
    sockaddr_in6 native{};
    native.sin6_family = AF_INET6;
    native.sin6_addr = address;
    native.sin6_port = htons(port);
    return native;
}

std::unexpected<std::error_code> invalid() {
    return std::unexpected(std::make_error_code(std::errc::invalid_argument));
}

}  // namespace

endpoint endpoint::any_v4(std::uint16_t port) noexcept {
    return endpoint(v4(INADDR_ANY, port));
}

endpoint endpoint::any_v6(std::uint16_t port) noexcept {
    return endpoint(v6(in6addr_any, port));
}

endpoint endpoint::loopback_v4(std::uint16_t port) noexcept {
    return endpoint(v4(INADDR_LOOPBACK, port));
}

endpoint endpoint::loopback_v6(std::uint16_t port) noexcept {
    return endpoint(v6(in6addr_loopback, port));
}

std::expected<endpoint, std::error_code> endpoint::parse(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        return invalid();
    }
    std::string_view host = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    const bool padded = digits.size() > 1 && digits.front() == '0';
    if (error != std::errc() || end != digits.data() + digits.size() || padded) {
        return invalid();
    }
    const bool bracketed = host.starts_with('[') && host.ends_with(']');
    if (bracketed) {
        host = host.substr(1, host.size() - 2);
    }
    addrinfo hints{};
    hints.ai_family = bracketed ? AF_INET6 : AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST;
    addrinfo* found = nullptr;
    // Also takes the old forms of IPv4, such as 127.1; those do not survive the comparison below. Reads up to the first
    // zero byte.
    if (host.empty() || host.contains('\0') || ::getaddrinfo(std::string(host).c_str(), nullptr, &hints, &found) != 0) {
        return invalid();
    }
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, &::freeaddrinfo);
    std::expected<endpoint, std::error_code> parsed = from_native(found->ai_addr, found->ai_addrlen);
    if (parsed && !bracketed && parsed->address() != host) {
        return invalid();
    }
    if (parsed) {
        (bracketed ? parsed->storage_.v6.sin6_port : parsed->storage_.v4.sin_port) = htons(port);
    }
    return parsed;
}

std::expected<endpoint, std::error_code> endpoint::from_native(const sockaddr* address, socklen_t size) {
    if (size >= sizeof(sockaddr_in) && address->sa_family == AF_INET) {
        sockaddr_in native;
        std::memcpy(&native, address, sizeof(native));
        return endpoint(native);
    }
    if (size >= sizeof(sockaddr_in6) && address->sa_family == AF_INET6) {
        sockaddr_in6 native;
        std::memcpy(&native, address, sizeof(native));
        return endpoint(native);
    }
    return std::unexpected(std::make_error_code(std::errc::address_family_not_supported));
}

std::uint16_t endpoint::port() const noexcept {
    return ntohs(is_v6() ? storage_.v6.sin6_port : storage_.v4.sin_port);
}

std::string endpoint::address() const {
    std::array<char, NI_MAXHOST> text{};
    const int error = ::getnameinfo(native(), native_size(), text.data(), text.size(), nullptr, 0, NI_NUMERICHOST);
    if (error != 0) {
        throw std::system_error(std::make_error_code(std::errc::invalid_argument), ::gai_strerror(error));
    }
    return text.data();
}

std::string endpoint::to_string() const {
    const std::string host = is_v6() ? "[" + address() + "]" : address();
    return host + ":" + std::to_string(port());
}

bool operator==(const endpoint& a, const endpoint& b) noexcept {
    if (a.is_v6() != b.is_v6() || a.port() != b.port()) {
        return false;
    }
    if (a.is_v6()) {
        const sockaddr_in6& x = a.storage_.v6;
        const sockaddr_in6& y = b.storage_.v6;
        return std::memcmp(&x.sin6_addr, &y.sin6_addr, sizeof(in6_addr)) == 0 && x.sin6_scope_id == y.sin6_scope_id;
    }
    return a.storage_.v4.sin_addr.s_addr == b.storage_.v4.sin_addr.s_addr;
}

}  // namespace brigade
