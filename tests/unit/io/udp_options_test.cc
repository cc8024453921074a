// UDP sockets: sharing of addresses, IPv4 and IPv6, options, and groups.
#include <brigade/udp.hpp>

#include <stdexcept>
#include <string>
#include <system_error>

#include <gtest/gtest.h>
#include <net/if.h>
#include <sys/socket.h>
#include <brigade/brigade.hpp>

#include "tests/support/tcp_pair.hpp"
#include "tests/unit/io/on_workers.hpp"
#include "tests/unit/io/sockets.hpp"
#include "tests/unit/io/udp_sockets.hpp"

namespace {

using brigade::endpoint;
using brigade::task;
using brigade::udp_socket;
using test::address_of;
using test::bound;
using test::bytes_of;
using test::error_of;
using test::on_workers;
using test::option;
using test::receive_text;

TEST(udp_options, an_address_in_use_is_an_error_unless_shared) {
    on_workers(1, []() -> task<> {
        const udp_socket first = bound();
        EXPECT_EQ(error_of(udp_socket::bind(address_of(first))), std::errc::address_in_use);
        const udp_socket shared = udp_socket::bind(endpoint::loopback_v4(0), {.reuse_port = true}).value();
        EXPECT_TRUE(udp_socket::bind(address_of(shared), {.reuse_port = true}).has_value());
        co_return;
    });
}

TEST(udp_options, bind_without_an_executor_throws_on_other_threads) {
    EXPECT_THROW(static_cast<void>(udp_socket::bind(endpoint::loopback_v4(0))), std::logic_error);
    brigade::executor executor({.workers = 1});
    EXPECT_TRUE(udp_socket::bind(executor, endpoint::loopback_v4(0)).has_value());
}

TEST(udp_options, a_dual_stack_socket_hears_ipv4) {
    on_workers(1, []() -> task<> {
        udp_socket both = udp_socket::bind(endpoint::any_v6(0), {.dual_stack = true}).value();
        udp_socket v4 = bound();
        static_cast<void>(co_await v4.send_to(bytes_of("four"), endpoint::loopback_v4(address_of(both).port())));
        std::string text(10, '\0');
        const auto got = co_await both.receive_from(test::room_in(text));
        EXPECT_EQ(got.value().from.address(), "::ffff:127.0.0.1");
    });
}

TEST(udp_options, options_reach_the_system) {
    on_workers(1, []() -> task<> {
        udp_socket v4 = bound();
        EXPECT_FALSE(error_of(v4.set_broadcast(true)));
        EXPECT_NE(option(v4, SOL_SOCKET, SO_BROADCAST), 0);
        EXPECT_FALSE(error_of(v4.set_ttl(7)));
        EXPECT_EQ(option(v4, IPPROTO_IP, IP_TTL), 7);
        EXPECT_FALSE(error_of(v4.set_multicast_ttl(3)));
        EXPECT_EQ(option(v4, IPPROTO_IP, IP_MULTICAST_TTL), 3);
        EXPECT_FALSE(error_of(v4.set_receive_buffer(65536)));
        EXPECT_EQ(option(v4, SOL_SOCKET, SO_RCVBUF), 2 * 65536);  // the system adds as much for its own use
        EXPECT_FALSE(error_of(v4.set_send_buffer(65536)));
        EXPECT_EQ(option(v4, SOL_SOCKET, SO_SNDBUF), 2 * 65536);
        EXPECT_EQ(error_of(v4.set_ttl(1000)), std::errc::invalid_argument);
        udp_socket v6 = bound(endpoint::loopback_v6(0));
        EXPECT_FALSE(error_of(v6.set_ttl(7)));
        EXPECT_EQ(option(v6, IPPROTO_IPV6, IPV6_UNICAST_HOPS), 7);
        EXPECT_FALSE(error_of(v6.set_multicast_loop(false)));
        EXPECT_EQ(option(v6, IPPROTO_IPV6, IPV6_MULTICAST_LOOP), 0);
        co_return;
    });
}

TEST(udp_options, of_a_dual_stack_socket_hold_for_ipv4_peers_too) {
    on_workers(1, []() -> task<> {
        udp_socket both = udp_socket::bind(endpoint::any_v6(0), {.dual_stack = true}).value();
        EXPECT_FALSE(error_of(both.set_ttl(7)));
        EXPECT_EQ(option(both, IPPROTO_IP, IP_TTL), 7);
        EXPECT_EQ(option(both, IPPROTO_IPV6, IPV6_UNICAST_HOPS), 7);
        EXPECT_FALSE(error_of(both.set_multicast_ttl(3)));
        EXPECT_EQ(option(both, IPPROTO_IP, IP_MULTICAST_TTL), 3);
        EXPECT_EQ(option(both, IPPROTO_IPV6, IPV6_MULTICAST_HOPS), 3);
        EXPECT_FALSE(error_of(both.set_multicast_loop(false)));
        EXPECT_EQ(option(both, IPPROTO_IP, IP_MULTICAST_LOOP), 0);
        EXPECT_EQ(option(both, IPPROTO_IPV6, IPV6_MULTICAST_LOOP), 0);
        EXPECT_EQ(error_of(both.set_ttl(0)), std::errc::invalid_argument);
        EXPECT_EQ(option(both, IPPROTO_IPV6, IPV6_UNICAST_HOPS), 7);
        co_return;
    });
}

TEST(udp_options, a_group_of_ipv4_is_reached_from_a_dual_stack_socket) {
    on_workers(1, []() -> task<> {
        const unsigned loopback = ::if_nametoindex("lo");
        udp_socket member = udp_socket::bind(endpoint::any_v4(0)).value();
        EXPECT_FALSE(error_of(member.join_group(endpoint::parse("239.192.7.8:0").value(), loopback)));
        udp_socket sender = udp_socket::bind(endpoint::any_v6(0), {.dual_stack = true}).value();
        EXPECT_FALSE(error_of(sender.set_multicast_interface(loopback)));
        const std::string port = std::to_string(address_of(member).port());
        const auto sent =
            co_await sender.send_to(bytes_of("to all"), endpoint::parse("[::ffff:239.192.7.8]:" + port).value());
        EXPECT_FALSE(error_of(sent));
        const std::string text = co_await receive_text(member);
        EXPECT_EQ(text, "to all");
    });
}

TEST(udp_options, a_broadcast_needs_permission) {
    on_workers(1, []() -> task<> {
        udp_socket near = udp_socket::bind(endpoint::any_v4(0)).value();
        const auto sent = co_await near.send_to({}, endpoint::parse("127.255.255.255:9").value());
        EXPECT_EQ(error_of(sent), std::errc::permission_denied);
        EXPECT_FALSE(error_of(near.set_broadcast(true)));
        const auto allowed = co_await near.send_to({}, endpoint::parse("127.255.255.255:9").value());
        EXPECT_FALSE(error_of(allowed));
    });
}

TEST(udp_options, members_of_a_group_hear_what_is_sent_to_it) {
    on_workers(1, []() -> task<> {
        const unsigned loopback = ::if_nametoindex("lo");
        const endpoint group = endpoint::parse("239.192.7.7:0").value();
        udp_socket member = udp_socket::bind(endpoint::any_v4(0)).value();
        const endpoint to = endpoint::parse("239.192.7.7:" + std::to_string(address_of(member).port())).value();
        EXPECT_FALSE(error_of(member.join_group(group, loopback)));
        EXPECT_EQ(error_of(member.join_group(group, loopback)), std::errc::address_in_use);
        udp_socket sender = udp_socket::bind(endpoint::any_v4(0)).value();
        EXPECT_FALSE(error_of(sender.set_multicast_interface(loopback)));
        const auto sent = co_await sender.send_to(bytes_of("to all"), to);
        EXPECT_FALSE(error_of(sent));
        const std::string text = co_await receive_text(member);
        EXPECT_EQ(text, "to all");
        EXPECT_FALSE(error_of(member.leave_group(group, loopback)));
        EXPECT_EQ(error_of(member.leave_group(group, loopback)), std::errc::address_not_available);
    });
}

TEST(udp_options, ipv6_groups_are_joined_and_left) {
    on_workers(1, []() -> task<> {
        const unsigned loopback = ::if_nametoindex("lo");
        const endpoint group = endpoint::parse("[ff12::7]:0").value();
        udp_socket member = udp_socket::bind(endpoint::any_v6(0)).value();
        EXPECT_FALSE(error_of(member.set_multicast_interface(loopback)));
        EXPECT_FALSE(error_of(member.join_group(group, loopback)));
        EXPECT_FALSE(error_of(member.leave_group(group, loopback)));
        EXPECT_EQ(error_of(member.leave_group(group, loopback)), std::errc::address_not_available);
        co_return;
    });
}

}  // namespace
