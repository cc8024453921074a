// Sockets in states that the tests of tcp need, and the options of any.
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <system_error>
#include <vector>

#include <sys/socket.h>
#include <brigade/brigade.hpp>

#include "tests/support/blocking_socket.hpp"
#include "tests/support/tcp_pair.hpp"

namespace test {

// Reads into a buffer of its own; the error, if it is one. EOF and bytes are no errors.
inline brigade::task<std::error_code> read_error(brigade::tcp_stream& stream) {
    std::array<std::byte, 16> buffer{};
    const auto got = co_await stream.read_some(buffer);
    co_return error_of(got);
}

inline brigade::task<std::error_code> accept_error(brigade::tcp_listener& listener) {
    const auto accepted = co_await listener.accept();
    co_return error_of(accepted);
}

// What getsockopt(2) gives, for an option that is a number.
template <class Socket>
[[nodiscard]] int option(const Socket& socket, int level, int name) {
    int value = -1;
    socklen_t size = sizeof(value);
    if (::getsockopt(socket.native_handle(), level, name, &value, &size) == -1) {
        throw std::system_error(errno, std::generic_category(), "getsockopt");
    }
    return value;
}

// More than a connection's buffers hold after narrow().
inline constexpr std::size_t more_than_fits = std::size_t{1} << 20;

// Makes the send buffer small, so that a writer soon has to wait. (A small receive buffer makes TCP itself wait, for
// its timers.)
inline void narrow(const brigade::tcp_stream& end) {
    const int size = 32768;
    if (::setsockopt(end.native_handle(), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) == -1) {
        throw std::system_error(errno, std::generic_category(), "setsockopt");
    }
}
inline void narrow(const tcp_pair& ends) {
    narrow(ends.near);
    narrow(ends.far);
}

// Waits until the peer reads, which ends it only where the test says so.
inline brigade::task<std::error_code> write_error(brigade::tcp_stream& stream) {
    static const std::vector<std::byte> bytes(more_than_fits);
    const auto written = co_await stream.write_all(bytes);
    co_return error_of(written);
}

// A listener that never accepts and whose queue is full: it ignores who connects.
class full_listener {
public:
    full_listener() : listener_(blocking_socket::listen(brigade::endpoint::loopback_v4(0), 0)) {
        // The queue holds one connection more than listen() was told, and a few more may be on their way into it.
        const brigade::endpoint address = local_endpoint();
        for (blocking_socket& one : queued_) {
            one = blocking_socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
            static_cast<void>(::connect(one.fd(), address.native(), address.native_size()));
        }
    }
    [[nodiscard]] brigade::endpoint local_endpoint() const { return listener_.local_endpoint(); }

private:
    blocking_socket listener_;
    std::array<blocking_socket, 4> queued_;
};

// Small numbers as text of a fixed length, which says by itself where it comes from.
[[nodiscard]] inline std::string eight_digits(unsigned n) {
    const std::string digits = std::to_string(n % 100'000'000);
    return std::string(8 - digits.size(), '0') + digits;
}

}  // namespace test
