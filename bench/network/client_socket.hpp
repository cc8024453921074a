// Sockets of the load generator, connected to a server on loopback.
#pragma once

#include <cstdint>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "bench/network/checked.hpp"
#include "bench/network/descriptor.hpp"

namespace network {

inline void connect_to(int fd, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = ::htons(port);
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    checked(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), "connect");
}

// Not connected yet; sends at once. Closing it resets the connection: nothing stays in TIME_WAIT, so that neither a
// run of many short connections nor the next run lacks ports.
inline descriptor stream_socket() {
    descriptor socket(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    const int on = 1;
    checked(::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), "setsockopt");
    const linger reset{.l_onoff = 1, .l_linger = 0};
    checked(::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), "setsockopt");
    return socket;
}

inline descriptor connected_stream(std::uint16_t port) {
    descriptor socket = stream_socket();
    connect_to(socket.get(), port);
    return socket;
}

inline descriptor connected_datagram(std::uint16_t port) {
    descriptor socket(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
    connect_to(socket.get(), port);
    return socket;
}

}  // namespace network
