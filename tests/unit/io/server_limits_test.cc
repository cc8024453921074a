// How many connections a server takes, in all and from one address.
#include <brigade/server.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <brigade/brigade.hpp>

#include "tests/support/blocking_socket.hpp"
#include "tests/unit/io/served.hpp"
#include "tests/unit/io/temporary_folder.hpp"

namespace {

using brigade::endpoint;
using brigade::unlimited;
using test::blocking_socket;
using server_limits = test::served;

// A connection that comes from `from`, an IPv4 address of the loopback network.
blocking_socket connect_from(const char* from, const endpoint& to) {
    blocking_socket client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in source{};
    source.sin_family = AF_INET;
    EXPECT_EQ(::inet_pton(AF_INET, from, &source.sin_addr), 1);
    EXPECT_EQ(::bind(client.fd(), reinterpret_cast<const sockaddr*>(&source), sizeof(source)), 0);
    EXPECT_EQ(::connect(client.fd(), to.native(), to.native_size()), 0);
    return client;
}

bool is_closed(const blocking_socket& client) {
    return client.receive().empty();
}

TEST_F(server_limits, at_its_limit_a_server_accepts_nobody_until_one_ends) {
    const tcp_server server(executor, std::move(listener), echo, {.max_connections = 2});
    blocking_socket first = blocking_socket::connect(address);
    const blocking_socket second = blocking_socket::connect(address);
    EXPECT_EQ(ask(first, "1\n"), "1\n");
    EXPECT_EQ(ask(second, "2\n"), "2\n");
    const blocking_socket third = blocking_socket::connect(address);  // in the backlog
    third.send("3\n");
    settle();
    EXPECT_EQ(server.counters().accepted, 2U);
    first.close();
    EXPECT_EQ(third.receive(), "3\n");
    EXPECT_EQ(server.counters().accepted, 3U);
    EXPECT_EQ(server.counters().open, 2U);
    EXPECT_EQ(server.counters().refused_for_address, 0U);
}

TEST_F(server_limits, one_address_gets_no_more_than_its_share) {
    const tcp_server server(executor, std::move(listener), echo, {.max_connections_per_address = 2});
    blocking_socket first = blocking_socket::connect(address);
    const blocking_socket second = blocking_socket::connect(address);
    EXPECT_EQ(ask(first, "1\n"), "1\n");
    EXPECT_EQ(ask(second, "2\n"), "2\n");
    EXPECT_TRUE(is_closed(blocking_socket::connect(address)));
    EXPECT_TRUE(is_closed(blocking_socket::connect(address)));
    EXPECT_EQ(ask(connect_from("127.0.0.2", address), "3\n"), "3\n");
    EXPECT_EQ(server.counters().refused_for_address, 2U);
    EXPECT_EQ(server.counters().accepted, 3U);
    first.close();
    settle_until([&] { return server.counters().open == 1; });
    EXPECT_EQ(ask(blocking_socket::connect(address), "4\n"), "4\n");
}

TEST_F(server_limits, an_ipv4_address_is_the_same_where_it_looks_like_ipv6) {
    const endpoint both = listen_at(endpoint::any_v6(0), {.dual_stack = true});
    const endpoint here = endpoint::loopback_v4(both.port());
    const tcp_server server(executor, std::move(listener), echo, {.max_connections_per_address = 1});
    const blocking_socket first = connect_from("127.0.0.1", here);
    EXPECT_EQ(ask(first, "1\n"), "1\n");
    const blocking_socket other = connect_from("127.0.0.2", here);
    EXPECT_EQ(ask(other, "2\n"), "2\n");
    EXPECT_TRUE(is_closed(connect_from("127.0.0.1", here)));
}

TEST_F(server_limits, ipv6_peers_count) {
    static_cast<void>(listen_at(endpoint::loopback_v6(0)));
    const tcp_server server(executor, std::move(listener), echo, {.max_connections_per_address = 1});
    const blocking_socket first = blocking_socket::connect(address);
    EXPECT_EQ(ask(first, "1\n"), "1\n");
    EXPECT_TRUE(is_closed(blocking_socket::connect(address)));
}

TEST_F(server_limits, who_waits_for_room_is_served_in_turn) {
    const tcp_server server(executor, std::move(listener), echo,
                            {.max_connections = 3, .max_connections_per_address = unlimited});
    std::vector<blocking_socket> clients;
    for (int i = 0; i < 50; ++i) {
        clients.push_back(blocking_socket::connect(address));
        clients.back().send("x\n");
    }
    for (blocking_socket& client : clients) {
        EXPECT_EQ(client.receive(), "x\n");
        EXPECT_LE(server.counters().open, 3U);
        client.close();
    }
    settle_until([&] { return server.counters().open == 0; });
    EXPECT_EQ(server.counters().accepted, 50U);
}

TEST_F(server_limits, unix_sockets_have_no_address_to_count_for) {
    const test::temporary_folder folder;
    const auto path = brigade::unix_endpoint::path(folder / "socket").value();
    auto local = brigade::unix_listener::bind(executor, path).value();
    const brigade::server server(executor, std::move(local), echo, {.max_connections_per_address = 1});
    executor.block_on([&]() -> brigade::task<> {
        std::vector<brigade::unix_stream> clients;
        for (int i = 0; i < 3; ++i) {
            auto client = co_await brigade::unix_stream::connect(path);
            clients.push_back(std::move(client.value()));
        }
        for (brigade::unix_stream& client : clients) {
            std::array<std::byte, 2> line{std::byte{'x'}, std::byte{'\n'}};
            const auto sent = co_await client.write_all(line);
            EXPECT_TRUE(sent);
            const auto answered = co_await client.read_exactly(line);
            EXPECT_TRUE(answered);
        }
        EXPECT_EQ(server.counters().open, 3U);
    });
}

}  // namespace
