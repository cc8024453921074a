// The end of a server, and of handlers.
#include <brigade/server.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <brigade/brigade.hpp>

#include "tests/support/blocking_socket.hpp"
#include "tests/support/tcp_pair.hpp"
#include "tests/support/throws.hpp"
#include "tests/unit/io/served.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::task;
using brigade::tcp_connection;
using test::blocking_socket;
using testing::Each;
using testing::ElementsAre;

const std::error_code draining = make_error_code(brigade::errc::draining);
const std::error_code stopped = std::make_error_code(std::errc::operation_canceled);

class server_drain : public test::served {
protected:
    [[nodiscard]] brigade::join_handle<> drain(brigade::detail::server_base& server, std::chrono::milliseconds limit) {
        return executor.spawn([&server, limit] { return server.drain(limit); });
    }
    [[nodiscard]] bool refuses(const brigade::endpoint& where) const {
        const blocking_socket client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        return ::connect(client.fd(), where.native(), where.native_size()) == -1 && errno == ECONNREFUSED;
    }
};

TEST_F(server_drain, connections_between_two_messages_end_at_once) {
    tcp_server server(executor, std::move(listener), echo);
    const blocking_socket used = blocking_socket::connect(address);
    const blocking_socket fresh = blocking_socket::connect(address);
    EXPECT_EQ(ask(used, "x\n"), "x\n");
    settle_until([&] { return server.counters().accepted == 2; });
    executor.block_on(server.drain(1h));
    EXPECT_EQ(used.receive(), "");
    EXPECT_EQ(fresh.receive(), "");
    EXPECT_THAT(report.ends(), ElementsAre(draining, draining));
    EXPECT_EQ(server.counters().open, 0U);
    EXPECT_TRUE(refuses(address));
}

TEST_F(server_drain, may_be_asked_for_again_and_again) {
    tcp_server server(executor, std::move(listener), echo);
    const blocking_socket client = blocking_socket::connect(address);
    send_part(client, "x");
    auto given_up = executor.spawn(brigade::with_timeout(1s, server.drain(1h)));
    clock.advance(1s);
    EXPECT_EQ(test::error_of(executor.block_on(std::move(given_up))), std::errc::timed_out);
    auto ending = drain(server, 1h);
    EXPECT_EQ(ask(client, "y\n"), "xy\n");
    executor.block_on(ending);
    executor.block_on(server.drain(1h));
    EXPECT_EQ(server.counters().open, 0U);
}

TEST_F(server_drain, one_in_the_middle_of_a_message_finishes_it) {
    tcp_server server(executor, std::move(listener), echo);
    const blocking_socket client = blocking_socket::connect(address);
    send_part(client, "x");
    auto ending = drain(server, 1h);
    clock.advance(1s);
    EXPECT_FALSE(ending.done());
    EXPECT_TRUE(refuses(address));
    EXPECT_EQ(ask(client, "y\n"), "xy\n");
    EXPECT_EQ(client.receive(), "");
    executor.block_on(ending);
    EXPECT_THAT(report.ends(), ElementsAre(draining));
}

TEST_F(server_drain, what_is_hopeless_is_stopped_at_the_deadline) {
    tcp_server server(executor, std::move(listener), echo);
    const blocking_socket client = blocking_socket::connect(address);
    send_part(client, "x");
    auto ending = drain(server, 10s);
    clock.advance(10s - 1ns);
    EXPECT_FALSE(ending.done());
    clock.advance(1ns);
    EXPECT_TRUE(ending.done());
    EXPECT_EQ(client.receive(), "");
    EXPECT_THAT(report.ends(), ElementsAre(stopped));
}

TEST_F(server_drain, with_no_time_all_are_stopped_at_once) {
    tcp_server server(executor, std::move(listener), echo);
    const blocking_socket client = blocking_socket::connect(address);
    send_part(client, "x");
    executor.block_on(server.drain(0s));
    EXPECT_THAT(report.ends(), ElementsAre(stopped));
}

TEST_F(server_drain, limits_hold_meanwhile) {
    tcp_server server(executor, std::move(listener), echo, {.idle_deadline = 8s});
    const blocking_socket client = blocking_socket::connect(address);
    send_part(client, "x");
    auto ending = drain(server, 1h);
    clock.advance(10s);
    EXPECT_TRUE(ending.done());
    EXPECT_THAT(report.ends(), ElementsAre(test::timed_out));
}

TEST_F(server_drain, the_handler_can_ask) {
    brigade::auto_reset_event go_on;
    tcp_server server(executor, std::move(listener), [&](tcp_connection& client) -> task<> {
        EXPECT_FALSE(client.draining());
        report.received = 1;
        co_await go_on;
        EXPECT_TRUE(client.draining());
    });
    const blocking_socket client = blocking_socket::connect(address);
    settle_until([&] { return report.received == 1; });
    auto ending = drain(server, 1h);
    settle();
    EXPECT_FALSE(ending.done());
    go_on.set();
    executor.block_on(ending);
}

TEST_F(server_drain, the_handler_and_the_listener_are_gone_when_it_ends) {
    auto owned = std::make_shared<int>(0);
    tcp_server server(executor, std::move(listener), [owned](tcp_connection& client) -> task<> {
        std::array<std::byte, 1> byte{};
        const auto got = co_await client.read_some(byte);
        EXPECT_EQ(test::error_of(got), draining);
        ++*owned;
    });
    const blocking_socket client = blocking_socket::connect(address);
    settle_until([&] { return server.counters().accepted == 1; });
    executor.block_on(server.drain(1h));
    EXPECT_EQ(*owned, 1);
    EXPECT_EQ(owned.use_count(), 1);
    executor.block_on(server.drain(1h));  // nothing is left to do
}

TEST_F(server_drain, one_that_waits_for_room_ends) {
    tcp_server server(executor, std::move(listener), echo, {.max_connections = 1});
    const blocking_socket client = blocking_socket::connect(address);
    send_part(client, "x");
    const blocking_socket waits = blocking_socket::connect(address);
    auto ending = drain(server, 10s);
    clock.advance(10s);
    EXPECT_TRUE(ending.done());
    EXPECT_EQ(server.counters().accepted, 1U);
}

TEST_F(server_drain, a_stop_leaves_the_rest_to_the_destructor) {
    const blocking_socket client = blocking_socket::connect(address);
    {
        tcp_server server(executor, std::move(listener), echo);
        send_part(client, "x");
        auto ending = executor.spawn([&] { return test::throws<brigade::operation_cancelled>(server.drain(1h)); });
        settle();
        ending.request_stop();
        EXPECT_TRUE(executor.block_on(std::move(ending)));
    }
    settle_until([&] { return !report.ends().empty(); });
    EXPECT_THAT(report.ends(), ElementsAre(stopped));
}

TEST_F(server_drain, the_end_of_the_executor_ends_a_server_that_serves) {
    const tcp_server server(executor, std::move(listener), echo);
    const blocking_socket idle = blocking_socket::connect(address);
    const blocking_socket busy = blocking_socket::connect(address);
    EXPECT_EQ(ask(idle, "x\n"), "x\n");
    send_part(busy, "y");
    executor.request_stop();
    EXPECT_EQ(idle.receive(), "");
    EXPECT_EQ(busy.receive(), "");
    settle_until([&] { return server.counters().open == 0; });
    EXPECT_THAT(report.ends(), Each(stopped));
    EXPECT_TRUE(unhandled.empty());
}

TEST_F(server_drain, exceptions_of_handlers_end_their_connection_and_no_other) {
    tcp_server server(executor, std::move(listener), [this](tcp_connection& client) -> task<> {
        auto serving = test::echo_lines(report, client);
        const std::error_code why = co_await std::move(serving);
        if (!why) {
            throw std::runtime_error("the peer has gone");
        }
    });
    const blocking_socket stays = blocking_socket::connect(address);
    EXPECT_EQ(ask(stays, "x\n"), "x\n");
    for (int i = 0; i < 10; ++i) {
        blocking_socket goes = blocking_socket::connect(address);
        EXPECT_EQ(ask(goes, "y\n"), "y\n");
        goes.close();
    }
    settle_until([&] {
        const std::scoped_lock hold(unhandled_mutex);
        return unhandled.size() == 10;
    });
    EXPECT_EQ(ask(stays, "x\n"), "x\n");
    EXPECT_EQ(server.counters().open, 1U);
    executor.block_on(server.drain(1h));
}

TEST_F(server_drain, a_listener_that_fails_is_reported_and_connections_go_on) {
    const int number = listener.native_handle();
    tcp_server server(executor, std::move(listener), echo);
    const blocking_socket client = blocking_socket::connect(address);
    EXPECT_EQ(ask(client, "x\n"), "x\n");
    EXPECT_EQ(::shutdown(number, SHUT_RDWR), 0);  // accept() says EINVAL then
    settle_until([&] {
        const std::scoped_lock hold(unhandled_mutex);
        return unhandled.size() == 1;
    });
    EXPECT_EQ(ask(client, "x\n"), "x\n");
    executor.block_on(server.drain(1h));
}

// In real time.
TEST(server_under_load, serves_many_clients_and_then_drains) {
    constexpr int threads = 4;
    constexpr int clients_each = 25;
    brigade::executor executor({.workers = 3});
    auto listener = brigade::tcp_listener::bind(executor, brigade::endpoint::loopback_v4(0)).value();
    const auto address = listener.local_endpoint().value();
    test::handler_report report;
    brigade::server server(executor, std::move(listener), test::reporting_echo{report});
    std::atomic<int> answered{0};
    std::vector<std::jthread> callers;
    for (int t = 0; t < threads; ++t) {
        callers.emplace_back([&] {
            for (int i = 0; i < clients_each; ++i) {
                const blocking_socket client = blocking_socket::connect(address);
                for (int line = 0; line < 5; ++line) {
                    client.send("x\n");
                    ASSERT_EQ(client.receive(), "x\n");
                }
                ++answered;
            }
        });
    }
    callers.clear();
    EXPECT_EQ(answered, threads * clients_each);
    std::vector<blocking_socket> idle;
    for (int i = 0; i < 50; ++i) {
        idle.push_back(blocking_socket::connect(address));
        idle.back().send("x\n");
        EXPECT_EQ(idle.back().receive(), "x\n");
    }
    executor.block_on(server.drain(1min));
    EXPECT_EQ(server.counters().open, 0U);
    for (const blocking_socket& client : idle) {
        EXPECT_EQ(client.receive(), "");
    }
}

// Whoever is in the middle of a message when the end comes gets its answer.
TEST(server_under_load, a_drain_loses_no_message_that_has_begun) {
    brigade::executor executor({.workers = 3});
    auto listener = brigade::tcp_listener::bind(executor, brigade::endpoint::loopback_v4(0)).value();
    const auto address = listener.local_endpoint().value();
    test::handler_report report;
    brigade::server server(executor, std::move(listener), test::reporting_echo{report});
    std::vector<blocking_socket> clients;
    for (int i = 0; i < 20; ++i) {
        clients.push_back(blocking_socket::connect(address));
        clients.back().send("x\n");
        EXPECT_EQ(clients.back().receive(), "x\n");
    }
    const std::size_t before = report.received;
    for (const blocking_socket& client : clients) {
        client.send("y");
    }
    while (report.received != before + clients.size()) {
        std::this_thread::yield();
    }
    auto ending = executor.spawn([&] { return server.drain(1min); });
    for (const blocking_socket& client : clients) {
        client.send("z\n");
        EXPECT_EQ(client.receive_all(), "yz\n");
    }
    executor.block_on(ending);
    EXPECT_THAT(report.ends(), Each(draining));
}

}  // namespace
