// Listeners, connecting, and what a stream tells about itself.
#include <brigade/tcp.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <unistd.h>
#include <brigade/brigade.hpp>

#include "tests/support/blocking_socket.hpp"
#include "tests/support/tcp_pair.hpp"
#include "tests/unit/io/on_workers.hpp"
#include "tests/unit/io/sockets.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::endpoint;
using brigade::task;
using brigade::tcp_listener;
using brigade::tcp_stream;
using test::blocking_socket;
using test::error_of;
using test::on_workers;
using test::option;

task<> exchanges_a_greeting(endpoint local) {
    test::tcp_pair ends = co_await test::connected_pair(local);
    co_await test::write_text(ends.near, "hello");
    const std::string heard = co_await test::read_text(ends.far, 5);
    EXPECT_EQ(heard, "hello");
    co_await test::write_text(ends.far, "hello yourself");
    const std::string answer = co_await test::read_text(ends.near, 14);
    EXPECT_EQ(answer, "hello yourself");
}

TEST(tcp, connects_over_ipv4) {
    on_workers(2, [] { return exchanges_a_greeting(endpoint::loopback_v4(0)); });
}

TEST(tcp, connects_over_ipv6) {
    on_workers(2, [] { return exchanges_a_greeting(endpoint::loopback_v6(0)); });
}

TEST(tcp, knows_the_endpoints_of_a_connection) {
    on_workers(1, []() -> task<> {
        for (const endpoint local : {endpoint::loopback_v4(0), endpoint::loopback_v6(0)}) {
            const test::tcp_pair ends = co_await test::connected_pair(local);
            EXPECT_EQ(ends.near.local_endpoint().value(), ends.far.remote_endpoint().value());
            EXPECT_EQ(ends.far.local_endpoint().value(), ends.near.remote_endpoint().value());
            EXPECT_NE(ends.near.local_endpoint()->port(), 0);
        }
    });
}

TEST(tcp, port_0_lets_the_system_choose) {
    on_workers(1, []() -> task<> {
        const auto listener = tcp_listener::bind(endpoint::loopback_v4(0));
        const endpoint local = listener.value().local_endpoint().value();
        EXPECT_EQ(local.address(), "127.0.0.1");
        EXPECT_NE(local.port(), 0);
        co_return;
    });
}

TEST(tcp, binds_from_a_thread_that_is_no_worker) {
    brigade::executor executor({.workers = 1});
    tcp_listener listener = tcp_listener::bind(executor, endpoint::loopback_v4(0)).value();
    const endpoint address = listener.local_endpoint().value();
    auto accepted = executor.spawn([&listener] { return test::accept_error(listener); });
    const blocking_socket client = blocking_socket::connect(address);
    executor.block_on([&accepted]() -> task<> {
        const std::error_code error = co_await accepted;
        EXPECT_FALSE(error);
    });
}

TEST(tcp, bind_without_an_executor_throws_on_other_threads) {
    EXPECT_THROW(static_cast<void>(tcp_listener::bind(endpoint::loopback_v4(0))), std::logic_error);
}

TEST(tcp, an_address_in_use_is_an_error) {
    brigade::executor executor({.workers = 1});
    const tcp_listener first = tcp_listener::bind(executor, endpoint::loopback_v4(0)).value();
    const auto second = tcp_listener::bind(executor, first.local_endpoint().value());
    EXPECT_EQ(error_of(second), std::errc::address_in_use);
}

TEST(tcp, an_address_of_another_machine_is_an_error) {
    brigade::executor executor({.workers = 1});
    const auto listener = tcp_listener::bind(executor, endpoint::parse("192.0.2.1:0").value());
    EXPECT_EQ(error_of(listener), std::errc::address_not_available);
}

TEST(tcp, listeners_share_a_port_when_told_so) {
    brigade::executor executor({.workers = 1});
    const brigade::tcp_listener_options shared{.reuse_port = true};
    const tcp_listener first = tcp_listener::bind(executor, endpoint::loopback_v4(0), shared).value();
    EXPECT_TRUE(tcp_listener::bind(executor, first.local_endpoint().value(), shared).has_value());
}

TEST(tcp, an_ipv6_listener_takes_ipv6_only) {
    brigade::executor executor({.workers = 1});
    const auto another_gets_its_port = [&] {
        const tcp_listener v6 = tcp_listener::bind(executor, endpoint::any_v6(0)).value();
        return tcp_listener::bind(executor, endpoint::any_v4(v6.local_endpoint()->port())).has_value();
    };
    bool succeeded = false;
    for (int i = 0; i < 10 && !succeeded; ++i) {
        succeeded = another_gets_its_port();  // not where another process has the port for IPv4
    }
    EXPECT_TRUE(succeeded);
}

TEST(tcp, a_dual_stack_listener_takes_ipv4_as_well) {
    on_workers(1, []() -> task<> {
        tcp_listener both = tcp_listener::bind(endpoint::any_v6(0), {.dual_stack = true}).value();
        const std::uint16_t port = both.local_endpoint()->port();
        const blocking_socket v4 = blocking_socket::connect(endpoint::loopback_v4(port));
        const auto from_v4 = co_await both.accept();
        EXPECT_EQ(from_v4.value().remote_endpoint()->address(), "::ffff:127.0.0.1");
        const blocking_socket v6 = blocking_socket::connect(endpoint::loopback_v6(port));
        const auto from_v6 = co_await both.accept();
        EXPECT_EQ(from_v6.value().remote_endpoint()->address(), "::1");
    });
}

TEST(tcp, a_port_is_free_again_after_close) {
    on_workers(1, []() -> task<> {
        tcp_listener first = tcp_listener::bind(endpoint::loopback_v4(0)).value();
        const endpoint address = first.local_endpoint().value();
        // The side that closes first keeps the address for a while: this is what reuse_address is for.
        const blocking_socket client = blocking_socket::connect(address);
        {
            const auto accepted = co_await first.accept();
            EXPECT_TRUE(accepted.has_value());
        }
        first.close();
        const auto second = tcp_listener::bind(address);
        EXPECT_FALSE(error_of(second));
    });
}

TEST(tcp, connect_is_refused_where_nobody_listens) {
    on_workers(1, []() -> task<> {
        // Bound, so that no other process takes the port, but not listening.
        const blocking_socket bound(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const endpoint any = endpoint::loopback_v4(0);
        EXPECT_EQ(::bind(bound.fd(), any.native(), any.native_size()), 0);
        const auto stream = co_await tcp_stream::connect(bound.local_endpoint());
        EXPECT_EQ(error_of(stream), std::errc::connection_refused);
    });
}

TEST(tcp, connect_to_a_full_listener_times_out) {
    on_workers(1, []() -> task<> {
        const test::full_listener listener;
        const auto stream = co_await brigade::with_timeout(2ms, tcp_stream::connect(listener.local_endpoint()));
        EXPECT_EQ(error_of(stream), std::errc::timed_out);
    });
}

TEST(tcp, accepts_what_came_before_the_call) {
    on_workers(1, []() -> task<> {
        tcp_listener listener = tcp_listener::bind(endpoint::loopback_v4(0)).value();
        const endpoint address = listener.local_endpoint().value();
        const blocking_socket first = blocking_socket::connect(address);
        const blocking_socket second = blocking_socket::connect(address);
        for (const blocking_socket* const client : {&first, &second}) {
            auto stream = co_await listener.accept();
            EXPECT_EQ(stream.value().remote_endpoint().value(), client->local_endpoint());
        }
    });
}

TEST(tcp, a_connection_that_was_reset_while_it_waited_does_no_harm) {
    on_workers(1, []() -> task<> {
        tcp_listener listener = tcp_listener::bind(endpoint::loopback_v4(0)).value();
        const endpoint address = listener.local_endpoint().value();
        blocking_socket::connect(address).reset();
        const blocking_socket good = blocking_socket::connect(address);
        // Linux hands the dead connection out; other systems pass over it.
        tcp_stream stream = (co_await listener.accept()).value();
        if (stream.remote_endpoint() != good.local_endpoint()) {
            const std::error_code error = co_await test::read_error(stream);
            EXPECT_EQ(error, std::errc::connection_reset);
            stream = (co_await listener.accept()).value();
        }
        good.send("alive");
        const std::string text = co_await test::read_text(stream, 5);
        EXPECT_EQ(text, "alive");
    });
}

TEST(tcp, streams_send_small_writes_at_once) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        for (tcp_stream* const end : {&ends.near, &ends.far}) {
            EXPECT_NE(option(*end, IPPROTO_TCP, TCP_NODELAY), 0);
            EXPECT_FALSE(error_of(end->set_no_delay(false)));
            EXPECT_EQ(option(*end, IPPROTO_TCP, TCP_NODELAY), 0);
        }
    });
}

TEST(tcp, zero_linger_makes_close_a_reset) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        EXPECT_FALSE(error_of(ends.near.set_linger(0s)));
        ends.near.close();
        const std::error_code error = co_await test::read_error(ends.far);
        EXPECT_EQ(error, std::errc::connection_reset);
    });
}

TEST(tcp, linger_reaches_the_system_or_is_refused) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        EXPECT_FALSE(error_of(ends.near.set_linger(7s)));
        linger value{};
        socklen_t size = sizeof(value);
        EXPECT_EQ(::getsockopt(ends.near.native_handle(), SOL_SOCKET, SO_LINGER, &value, &size), 0);
        EXPECT_EQ(value.l_onoff, 1);
        EXPECT_EQ(value.l_linger, 7);
        EXPECT_EQ(error_of(ends.near.set_linger(-1s)), std::errc::invalid_argument);
        EXPECT_EQ(error_of(ends.near.set_linger(std::chrono::seconds::max())), std::errc::invalid_argument);
        EXPECT_FALSE(error_of(ends.near.set_linger(std::nullopt)));
        EXPECT_EQ(::getsockopt(ends.near.native_handle(), SOL_SOCKET, SO_LINGER, &value, &size), 0);
        EXPECT_EQ(value.l_onoff, 0);
    });
}

TEST(tcp, keep_alive_reaches_the_system_or_is_refused) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        EXPECT_EQ(option(ends.near, SOL_SOCKET, SO_KEEPALIVE), 0);
        EXPECT_FALSE(error_of(ends.near.set_keep_alive({{.idle = 30s, .interval = 5s, .probes = 3}})));
        EXPECT_EQ(option(ends.near, SOL_SOCKET, SO_KEEPALIVE), 1);
        EXPECT_EQ(option(ends.near, IPPROTO_TCP, TCP_KEEPIDLE), 30);
        EXPECT_EQ(option(ends.near, IPPROTO_TCP, TCP_KEEPINTVL), 5);
        EXPECT_EQ(option(ends.near, IPPROTO_TCP, TCP_KEEPCNT), 3);
        EXPECT_EQ(error_of(ends.near.set_keep_alive({{.idle = 0s}})), std::errc::invalid_argument);
        EXPECT_EQ(error_of(ends.near.set_keep_alive({{.interval = 100'000s}})), std::errc::invalid_argument);
        EXPECT_EQ(error_of(ends.near.set_keep_alive({{.probes = 0}})), std::errc::invalid_argument);
        EXPECT_FALSE(error_of(ends.near.set_keep_alive(std::nullopt)));
        EXPECT_EQ(option(ends.near, SOL_SOCKET, SO_KEEPALIVE), 0);
    });
}

TEST(tcp, buffer_sizes_reach_the_system) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        EXPECT_FALSE(error_of(ends.near.set_receive_buffer(65536)));
        EXPECT_EQ(option(ends.near, SOL_SOCKET, SO_RCVBUF), 2 * 65536);  // the system adds as much for its own use
        EXPECT_FALSE(error_of(ends.near.set_send_buffer(65536)));
        EXPECT_EQ(option(ends.near, SOL_SOCKET, SO_SNDBUF), 2 * 65536);
    });
}

TEST(tcp, descriptors_are_not_inherited_by_programs) {
    on_workers(1, []() -> task<> {
        const tcp_listener listener = tcp_listener::bind(endpoint::loopback_v4(0)).value();
        const test::tcp_pair ends = co_await test::connected_pair();
        for (const int fd : {listener.native_handle(), ends.near.native_handle(), ends.far.native_handle()}) {
            EXPECT_EQ(::fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        }
    });
}

}  // namespace
