#include <brigade/udp.hpp>

#include <brigade/executor.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include "io/descriptor.hpp"
#include "io/socket.hpp"

namespace brigade {

using detail::name_of_socket;
using detail::set_option;

std::expected<udp_socket, std::error_code> udp_socket::bind(executor& home, const endpoint& local,
                                                            udp_options options) {
    std::expected<detail::descriptor, std::error_code> socket =
        detail::open_socket(home, local.native()->sa_family, SOCK_DGRAM, IPPROTO_UDP, detail::file_kind::socket);
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
    if (::bind(socket->fd(), local.native(), local.native_size()) == -1) {
        return detail::error_of_call();
    }
    return udp_socket(std::move(*socket));
}

std::expected<udp_socket, std::error_code> udp_socket::bind(const endpoint& local, udp_options options) {
    return bind(executor::current(), local, options);
}

std::expected<void, std::error_code> udp_socket::connect(const endpoint& peer) noexcept {
    return detail::with_fd(descriptor().ref(),
                           [&peer](int fd) { return ::connect(fd, peer.native(), peer.native_size()); });
}

std::expected<void, std::error_code> udp_socket::disconnect() noexcept {
    const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
    return detail::with_fd(descriptor().ref(), [&nobody](int fd) { return ::connect(fd, &nobody, sizeof(nobody)); });
}

std::expected<endpoint, std::error_code> udp_socket::local_endpoint() const noexcept {
    return name_of_socket(descriptor(), ::getsockname);
}

std::expected<endpoint, std::error_code> udp_socket::remote_endpoint() const noexcept {
    return name_of_socket(descriptor(), ::getpeername);
}

std::expected<void, std::error_code> udp_socket::set_broadcast(bool on) noexcept {
    return set_option(descriptor(), SOL_SOCKET, SO_BROADCAST, int{on});
}

// What an IPv6 socket sends to IPv4 peers goes by the options of IPv4. It has those whether it is dual-stack or not.
std::expected<void, std::error_code> udp_socket::set_for_both(int v4_name, int v6_name, int value) noexcept {
    const std::expected<endpoint, std::error_code> local = local_endpoint();
    if (!local) {
        return std::unexpected(local.error());
    }
    // IPv4 first: it refuses more.
    const std::expected<void, std::error_code> of_v4 = set_option(descriptor(), IPPROTO_IP, v4_name, value);
    return of_v4 && local->is_v6() ? set_option(descriptor(), IPPROTO_IPV6, v6_name, value) : of_v4;
}

std::expected<void, std::error_code> udp_socket::set_ttl(int hops) noexcept {
    return set_for_both(IP_TTL, IPV6_UNICAST_HOPS, hops);
}

std::expected<void, std::error_code> udp_socket::set_multicast_ttl(int hops) noexcept {
    return set_for_both(IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, hops);
}

std::expected<void, std::error_code> udp_socket::set_multicast_loop(bool on) noexcept {
    return set_for_both(IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP, int{on});
}

std::expected<void, std::error_code> udp_socket::set_multicast_interface(unsigned interface) noexcept {
    const std::expected<endpoint, std::error_code> local = local_endpoint();
    if (!local) {
        return std::unexpected(local.error());
    }
    if (local->is_v6()) {
        // IPv6 first: it says that there is no such interface, where IPv4 speaks of an address.
        const auto of_v6 = set_option(descriptor(), IPPROTO_IPV6, IPV6_MULTICAST_IF, interface);
        if (!of_v6) {
            return of_v6;
        }
    }
    ip_mreqn by_index{};
    by_index.imr_ifindex = static_cast<int>(interface);
    return set_option(descriptor(), IPPROTO_IP, IP_MULTICAST_IF, by_index);
}

std::expected<void, std::error_code> udp_socket::set_membership(int v4_name, int v6_name, const endpoint& group,
                                                                unsigned interface) noexcept {
    if (group.is_v6()) {
        ipv6_mreq member{};
        member.ipv6mr_multiaddr = reinterpret_cast<const sockaddr_in6*>(group.native())->sin6_addr;
        member.ipv6mr_interface = interface;
        return set_option(descriptor(), IPPROTO_IPV6, v6_name, member);
    }
    ip_mreqn member{};
    member.imr_multiaddr = reinterpret_cast<const sockaddr_in*>(group.native())->sin_addr;
    member.imr_ifindex = static_cast<int>(interface);
    return set_option(descriptor(), IPPROTO_IP, v4_name, member);
}

std::expected<void, std::error_code> udp_socket::join_group(const endpoint& group, unsigned interface) noexcept {
    return set_membership(IP_ADD_MEMBERSHIP, IPV6_JOIN_GROUP, group, interface);
}

std::expected<void, std::error_code> udp_socket::leave_group(const endpoint& group, unsigned interface) noexcept {
    return set_membership(IP_DROP_MEMBERSHIP, IPV6_LEAVE_GROUP, group, interface);
}

std::expected<void, std::error_code> udp_socket::set_receive_buffer(int bytes) noexcept {
    return set_option(descriptor(), SOL_SOCKET, SO_RCVBUF, bytes);
}

std::expected<void, std::error_code> udp_socket::set_send_buffer(int bytes) noexcept {
    return set_option(descriptor(), SOL_SOCKET, SO_SNDBUF, bytes);
}

}  // namespace brigade
