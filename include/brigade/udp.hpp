// UDP over IPv4 and IPv6.
//
// Receiving, and sending to a connected peer, stand in datagram.hpp; the rules there hold for all operations here. The
// first socket or timer of an executor starts its reactor, which throws std::system_error when the system refuses.
#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <system_error>

#include <brigade/datagram.hpp>
#include <brigade/endpoint.hpp>

namespace brigade {

class executor;

namespace detail {
extern template class receive_from_operation<endpoint>;
extern template class receive_many_operation<endpoint>;
extern template class send_to_operation<endpoint>;
extern template class send_many_operation<endpoint>;
}  // namespace detail

using udp_slot = datagram_slot<endpoint>;
using udp_outgoing = outgoing_datagram<endpoint>;

struct udp_options {
    bool reuse_address = false;  // SO_REUSEADDR: several sockets may hear the same multicast group and port
    bool reuse_port = false;     // SO_REUSEPORT: several sockets share the port, and the system divides the datagrams
    bool dual_stack = false;     // an IPv6 address takes IPv4 as well, whose peers look like ::ffff:192.0.2.1
};

class udp_socket : public datagram_socket<endpoint> {
public:
    udp_socket() = default;  // closed

    // Port 0 lets the system choose: see local_endpoint(). The second form is for workers; throws std::logic_error
    // elsewhere. Errors are those of socket(2) and bind(2).
    [[nodiscard]] static std::expected<udp_socket, std::error_code> bind(executor& home, const endpoint& local,
                                                                         udp_options options = {});
    [[nodiscard]] static std::expected<udp_socket, std::error_code> bind(const endpoint& local,
                                                                         udp_options options = {});

    // From here on send() goes to this peer, and only its datagrams are received; what had come before stays. Sends
    // nothing. Replaces an earlier peer. Errors are those of connect(2).
    [[nodiscard]] std::expected<void, std::error_code> connect(const endpoint& peer) noexcept;
    // Takes that back.
    [[nodiscard]] std::expected<void, std::error_code> disconnect() noexcept;

    // Waits only while the socket's send buffer is full. std::errc::message_size when it is too long for a datagram.
    [[nodiscard]] detail::send_to_operation<endpoint> send_to(const_bytes bytes, const endpoint& to) noexcept {
        return {descriptor().ref(), bytes, to};
    }
    // Sends all, in order, up to 64 by one system call. An error is that of the first one that could not be sent.
    // `done`, if given, gets how many have been sent, with every outcome. The span stays until the operation has ended.
    [[nodiscard]] detail::send_many_operation<endpoint> send_many(std::span<const udp_outgoing> batch,
                                                                  std::size_t* done = nullptr) noexcept {
        return {descriptor().ref(), batch, done};
    }

    [[nodiscard]] std::expected<endpoint, std::error_code> local_endpoint() const noexcept;
    // not_connected when it is not.
    [[nodiscard]] std::expected<endpoint, std::error_code> remote_endpoint() const noexcept;

    // SO_BROADCAST: without it, sending to a broadcast address is permission_denied.
    [[nodiscard]] std::expected<void, std::error_code> set_broadcast(bool on) noexcept;
    // How many routers what is sent may pass, 1 to 255: to one receiver, and to a group (at first 1, the own network).
    // These and the next ones hold for IPv4 peers of an IPv6 socket as well.
    [[nodiscard]] std::expected<void, std::error_code> set_ttl(int hops) noexcept;
    [[nodiscard]] std::expected<void, std::error_code> set_multicast_ttl(int hops) noexcept;
    // Whether members on this machine get what is sent to a group; so at first.
    [[nodiscard]] std::expected<void, std::error_code> set_multicast_loop(bool on) noexcept;
    // Receives what is sent to the group's address, of the socket's family, from here on, or no longer. The port is of
    // no account. `interface` is an index as if_nametoindex(3) gives it; 0 lets the system choose.
    [[nodiscard]] std::expected<void, std::error_code> join_group(const endpoint& group,
                                                                  unsigned interface = 0) noexcept;
    [[nodiscard]] std::expected<void, std::error_code> leave_group(const endpoint& group,
                                                                   unsigned interface = 0) noexcept;
    // The interface by which datagrams for groups leave.
    [[nodiscard]] std::expected<void, std::error_code> set_multicast_interface(unsigned interface) noexcept;
    // SO_RCVBUF and SO_SNDBUF, bytes. What comes while the receive buffer is full is lost.
    [[nodiscard]] std::expected<void, std::error_code> set_receive_buffer(int bytes) noexcept;
    [[nodiscard]] std::expected<void, std::error_code> set_send_buffer(int bytes) noexcept;

private:
    using datagram_socket::datagram_socket;

    // Sets the option of IPv4, and of an IPv6 socket that of IPv6 as well.
    [[nodiscard]] std::expected<void, std::error_code> set_for_both(int v4_name, int v6_name, int value) noexcept;
    [[nodiscard]] std::expected<void, std::error_code> set_membership(int v4_name, int v6_name, const endpoint& group,
                                                                      unsigned interface) noexcept;
};

}  // namespace brigade
