#include <brigade/connect.hpp>

#include <chrono>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/blocking_socket.hpp"
#include "tests/support/tcp_pair.hpp"
#include "tests/unit/io/on_workers.hpp"
#include "tests/unit/io/sockets.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::connect;
using brigade::connect_attempt;
using brigade::endpoint;
using brigade::task;
using test::blocking_socket;
using test::error_of;
using test::on_workers;

// An address on which nobody listens, and nobody will: the socket is bound.
class refusing {
public:
    explicit refusing(const endpoint& local) : socket_(::socket(local.native()->sa_family, SOCK_STREAM, 0)) {
        EXPECT_EQ(::bind(socket_.fd(), local.native(), local.native_size()), 0);
    }
    [[nodiscard]] endpoint where() const { return socket_.local_endpoint(); }

private:
    blocking_socket socket_;
};

std::vector<endpoint> peers_of(const std::vector<connect_attempt>& report) {
    std::vector<endpoint> peers;
    for (const connect_attempt& one : report) {
        peers.push_back(one.peer);
    }
    return peers;
}

TEST(connect, takes_a_name) {
    on_workers(2, []() -> task<> {
        // Perhaps ::1 is tried first, and refused.
        const blocking_socket listener = blocking_socket::listen(endpoint::loopback_v4(0));
        const auto stream = co_await connect("localhost", listener.local_endpoint().port());
        EXPECT_EQ(stream.value().remote_endpoint().value(), listener.local_endpoint());
    });
}

TEST(connect, takes_numeric_addresses) {
    on_workers(2, []() -> task<> {
        const blocking_socket v4 = blocking_socket::listen(endpoint::loopback_v4(0));
        const auto over_v4 = co_await connect("127.0.0.1", v4.local_endpoint().port());
        EXPECT_FALSE(error_of(over_v4));
        const blocking_socket v6 = blocking_socket::listen(endpoint::loopback_v6(0));
        const auto over_v6 = co_await connect("::1", v6.local_endpoint().port());
        EXPECT_FALSE(error_of(over_v6));
    });
}

TEST(connect, gives_the_resolvers_error_for_a_name_that_is_none) {
    on_workers(1, []() -> task<> {
        const auto stream = co_await connect("no name has blanks", 80);
        EXPECT_EQ(error_of(stream).category(), brigade::resolve_category());
    });
}

TEST(connect, goes_on_at_once_when_an_address_fails) {
    on_workers(2, []() -> task<> {
        const refusing first(endpoint::loopback_v4(0));
        const blocking_socket second = blocking_socket::listen(endpoint::loopback_v4(0));
        std::vector<connect_attempt> report;
        const std::vector peers{first.where(), second.local_endpoint()};
        const auto stream = co_await connect(peers, {.attempt_delay = 24h, .report = &report});
        EXPECT_EQ(stream.value().remote_endpoint().value(), second.local_endpoint());
        EXPECT_EQ(report.size(), 2U);
        EXPECT_EQ(report.at(0).error, std::errc::connection_refused);
        EXPECT_FALSE(report.at(1).error);
    });
}

TEST(connect, goes_on_after_the_delay_when_an_address_does_not_answer) {
    on_workers(2, []() -> task<> {
        const test::full_listener silent;
        const blocking_socket second = blocking_socket::listen(endpoint::loopback_v6(0));
        std::vector<connect_attempt> report;
        const std::vector peers{silent.local_endpoint(), second.local_endpoint()};
        const auto stream = co_await connect(peers, {.attempt_delay = 10ms, .report = &report});
        EXPECT_EQ(stream.value().remote_endpoint().value(), second.local_endpoint());
        EXPECT_EQ(report.at(0).error, std::errc::operation_canceled);  // stopped, and joined
        EXPECT_EQ(brigade::to_string(report).substr(0, 10), "127.0.0.1:");
    });
}

TEST(connect, does_not_begin_with_the_second_address_when_the_first_answers) {
    on_workers(2, []() -> task<> {
        const blocking_socket first = blocking_socket::listen(endpoint::loopback_v4(0));
        const blocking_socket second = blocking_socket::listen(endpoint::loopback_v4(0));
        std::vector<connect_attempt> report;
        const std::vector peers{first.local_endpoint(), second.local_endpoint()};
        const auto stream = co_await connect(peers, {.attempt_delay = 24h, .report = &report});
        EXPECT_FALSE(error_of(stream));
        EXPECT_EQ(peers_of(report), std::vector{first.local_endpoint()});
    });
}

TEST(connect, keeps_one_connection_when_all_addresses_answer_at_once) {
    on_workers(2, []() -> task<> {
        for (int i = 0; i < 20; ++i) {
            const blocking_socket listener = blocking_socket::listen(endpoint::loopback_v4(0));
            std::vector<connect_attempt> report;
            const std::vector<endpoint> peers(8, listener.local_endpoint());
            const auto stream = co_await connect(peers, {.attempt_delay = 0ms, .report = &report});
            EXPECT_FALSE(error_of(stream));
            EXPECT_EQ(std::ranges::count(report, std::error_code(), &connect_attempt::error), 1);
        }
    });
}

TEST(connect, takes_the_families_in_turns) {
    on_workers(2, []() -> task<> {
        const refusing a(endpoint::loopback_v6(0));
        const refusing b(endpoint::loopback_v6(0));
        const refusing c(endpoint::loopback_v6(0));
        const refusing d(endpoint::loopback_v4(0));
        std::vector<connect_attempt> report;
        const std::vector peers{a.where(), b.where(), c.where(), d.where()};
        const auto stream = co_await connect(peers, {.report = &report});
        EXPECT_EQ(error_of(stream), std::errc::connection_refused);
        EXPECT_EQ(peers_of(report), (std::vector{a.where(), d.where(), b.where(), c.where()}));
    });
}

TEST(connect, says_of_every_address_why_it_failed) {
    on_workers(2, []() -> task<> {
        const refusing refuses(endpoint::loopback_v4(0));
        const endpoint impossible = endpoint::parse("255.255.255.255:1").value();
        std::vector<connect_attempt> report;
        const std::vector peers{refuses.where(), impossible};
        const auto stream = co_await connect(peers, {.report = &report});
        EXPECT_EQ(error_of(stream), std::errc::connection_refused);
        EXPECT_EQ(brigade::to_string(report), refuses.where().to_string() + ": Connection refused; " +
                                                  "255.255.255.255:1: " + report.at(1).error.message());
    });
}

TEST(connect, without_addresses_is_an_error) {
    on_workers(1, []() -> task<> {
        const auto stream = co_await connect(std::vector<endpoint>());
        EXPECT_EQ(error_of(stream), std::errc::invalid_argument);
    });
}

TEST(connect, keeps_a_deadline) {
    on_workers(2, []() -> task<> {
        const test::full_listener silent;
        std::vector<connect_attempt> report;
        const std::vector peers{silent.local_endpoint(), silent.local_endpoint()};
        const auto stream = co_await brigade::with_timeout(10ms, connect(peers, {.report = &report}));
        EXPECT_EQ(error_of(stream), std::errc::timed_out);
        EXPECT_EQ(report.at(0).error, std::errc::operation_canceled);
    });
}

TEST(connect, ends_when_it_is_stopped) {
    on_workers(1, []() -> task<> {
        const test::full_listener silent;
        for (const auto delay : {0ms, 1ms, 1000ms}) {
            auto attempt = brigade::spawn([&silent, delay] {
                return connect({silent.local_endpoint(), silent.local_endpoint()}, {.attempt_delay = delay});
            });
            co_await test::let_others_run();
            attempt.request_stop();
            const auto stream = co_await attempt;
            EXPECT_EQ(error_of(stream), std::errc::operation_canceled);
        }
        auto before = brigade::spawn([] { return connect("localhost", 1); });
        before.request_stop();
        const auto stream = co_await before;
        EXPECT_EQ(error_of(stream), std::errc::operation_canceled);
    });
}

}  // namespace
