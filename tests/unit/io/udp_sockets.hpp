// UDP sockets on a loopback address.
#pragma once

#include <string>

#include <brigade/brigade.hpp>

#include "tests/support/tcp_pair.hpp"

namespace test {

// With a port of the system's choice. On a worker.
inline brigade::udp_socket bound(const brigade::endpoint& local = brigade::endpoint::loopback_v4(0)) {
    return brigade::udp_socket::bind(local).value();
}

inline brigade::endpoint address_of(const brigade::udp_socket& socket) {
    return socket.local_endpoint().value();
}

// The next datagram, of at most 100 bytes.
inline brigade::task<std::string> receive_text(brigade::udp_socket& socket) {
    std::string text(100, '\0');
    const auto got = co_await socket.receive_from(room_in(text));
    text.resize(got.value().size);
    co_return text;
}

}  // namespace test
