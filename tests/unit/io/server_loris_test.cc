// Thousands of peers that send a byte now and then, to be held on to: while they are, a healthy client is served, and
// they all go.
#include <brigade/server.hpp>

#include <cstddef>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <brigade/brigade.hpp>

#include "tests/support/blocking_socket.hpp"
#include "tests/unit/io/served.hpp"

namespace {

using namespace std::chrono_literals;
using test::blocking_socket;
using server_loris = test::served;

TEST_F(server_loris, thousands_of_slow_peers_end_by_the_rate_while_a_healthy_client_is_served) {
    constexpr std::size_t count = 3000;  // descriptors: twice as many
    const tcp_server server(executor, std::move(listener), echo, {.max_connections_per_address = brigade::unlimited});
    std::vector<blocking_socket> peers;
    for (std::size_t i = 0; i < count; ++i) {
        peers.push_back(blocking_socket::connect(address));
        if (i % 500 == 499) {
            settle_until([&] { return server.counters().accepted == peers.size(); });  // the backlog is empty again
        }
    }
    const blocking_socket healthy = blocking_socket::connect(address);
    int seconds = 0;
    while (report.ends().size() < count) {
        ASSERT_LT(++seconds, 30);
        const std::size_t expected = report.received + count - report.ends().size();
        for (const blocking_socket& peer : peers) {
            static_cast<void>(::send(peer.fd(), "x", 1, MSG_NOSIGNAL));  // it may have been ended
        }
        settle_until([&] { return report.received == expected; });
        EXPECT_EQ(ask(healthy, "hello\n"), "hello\n");
        clock.advance(1s);
        EXPECT_EQ(ask(healthy, "hello\n"), "hello\n");
    }
    EXPECT_GE(seconds, 10);  // their grace
    EXPECT_EQ(server.counters().timed_out, count);
    EXPECT_THAT(report.ends(), testing::AllOf(testing::SizeIs(count), testing::Each(brigade::errc::too_slow)));
    for (const blocking_socket& peer : peers) {
        EXPECT_EQ(peer.receive(), "");
    }
    EXPECT_EQ(ask(healthy, "hello\n"), "hello\n");
}

}  // namespace
