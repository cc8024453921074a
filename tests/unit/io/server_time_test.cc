// Limits of time and rate: who is late, who is not, and what the handler hears of it.
#include <brigade/server.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <brigade/brigade.hpp>

#include "tests/support/blocking_socket.hpp"
#include "tests/support/tcp_pair.hpp"
#include "tests/support/throws.hpp"
#include "tests/unit/io/served.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::server_options;
using brigade::task;
using brigade::tcp_connection;
using brigade::unlimited;
using test::blocking_socket;
using test::timed_out;
using testing::ElementsAre;
using server_time = test::served;

// One limit at a time. A look comes every second, as none is shorter than two seconds nor longer than eight.
const server_options only_idle{.idle_deadline = 8s, .message_deadline = unlimited, .minimum_rate = 0};
const server_options only_message{.idle_deadline = unlimited, .message_deadline = 8s, .minimum_rate = 0};
const server_options only_rate{
    .idle_deadline = unlimited, .message_deadline = unlimited, .minimum_rate = 100, .rate_grace = 8s};

TEST_F(server_time, a_connection_on_which_nothing_happens_ends_after_the_idle_deadline_and_not_before) {
    tcp_server server(executor, std::move(listener), echo, only_idle);
    const blocking_socket client = blocking_socket::connect(address);
    EXPECT_EQ(ask(client, "x\n"), "x\n");
    clock.advance(8s - 1ns);
    EXPECT_EQ(server.counters().open, 1U);
    clock.advance(2s);
    EXPECT_EQ(client.receive(), "");
    EXPECT_THAT(report.ends(), ElementsAre(timed_out));
    EXPECT_EQ(server.counters().open, 0U);
    EXPECT_EQ(server.counters().timed_out, 1U);
}

TEST_F(server_time, so_does_one_on_which_nothing_has_ever_happened) {
    tcp_server server(executor, std::move(listener), echo, only_idle);
    const blocking_socket client = blocking_socket::connect(address);
    settle_until([&] { return server.counters().accepted == 1; });
    clock.advance(8s - 1ns);
    EXPECT_EQ(server.counters().open, 1U);
    clock.advance(2s);
    EXPECT_EQ(client.receive(), "");
}

TEST_F(server_time, one_that_is_used_now_and_then_stays) {
    const tcp_server server(executor, std::move(listener), echo, only_idle);
    const blocking_socket client = blocking_socket::connect(address);
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(ask(client, "x\n"), "x\n");
        clock.advance(7s);
    }
    EXPECT_EQ(server.counters().timed_out, 0U);
}

TEST_F(server_time, a_handler_that_takes_its_time_costs_its_peer_nothing) {
    server_options options = only_idle;
    options.minimum_rate = 100;
    options.rate_grace = 8s;
    const tcp_server server(
        executor, std::move(listener),
        [](tcp_connection& client) -> task<> {
            std::array<std::byte, 16> buffer{};
            const auto got = co_await client.read_some(buffer);
            EXPECT_EQ(got.value_or(0), 1U);
            co_await brigade::sleep_for(1h);
            const auto sent = co_await client.write_all(test::bytes_of("y"));
            EXPECT_TRUE(sent);
        },
        options);
    const blocking_socket client = blocking_socket::connect(address);
    client.send("x");
    settle_until([&] { return server.counters().accepted == 1; });
    // The event for the byte may have been on its way: then the hour begins a little later.
    clock.advance(7s);
    clock.advance(1h);
    EXPECT_EQ(client.receive_all(), "y");
    EXPECT_EQ(server.counters().timed_out, 0U);
}

TEST_F(server_time, a_message_that_does_not_end_in_time_ends_its_connection_however_busy_it_is) {
    const tcp_server server(executor, std::move(listener), echo, only_message);
    const blocking_socket client = blocking_socket::connect(address);
    EXPECT_EQ(ask(client, "x\n"), "x\n");
    clock.advance(1h);  // between two messages
    send_part(client, "y");
    for (int i = 0; i < 7; ++i) {
        clock.advance(1s);
        send_part(client, "y");
    }
    EXPECT_EQ(server.counters().open, 1U);
    clock.advance(3s);
    EXPECT_EQ(client.receive(), "");
    EXPECT_THAT(report.ends(), ElementsAre(timed_out));
}

TEST_F(server_time, each_message_has_its_own_deadline) {
    const tcp_server server(executor, std::move(listener), echo, only_message);
    const blocking_socket client = blocking_socket::connect(address);
    for (int i = 0; i < 10; ++i) {
        send_part(client, "x");
        clock.advance(6s);
        EXPECT_EQ(ask(client, "y\n"), "xy\n");
    }
    EXPECT_EQ(server.counters().timed_out, 0U);
}

TEST_F(server_time, a_message_can_be_given_another_deadline) {
    const tcp_server server(
        executor, std::move(listener),
        [this](tcp_connection& client) -> task<> {
            client.set_message_deadline(100s);
            auto serving = test::echo_lines(report, client);
            const std::error_code why = co_await std::move(serving);
            report.end(why);
        },
        only_message);
    const blocking_socket client = blocking_socket::connect(address);
    send_part(client, "x");
    clock.advance(99s);
    EXPECT_EQ(ask(client, "\n"), "x\n");
    send_part(client, "y");  // has the usual time
    clock.advance(10s);
    EXPECT_EQ(client.receive(), "");
    EXPECT_THAT(report.ends(), ElementsAre(timed_out));
}

TEST_F(server_time, what_a_reader_has_buffered_of_the_next_message_begins_it) {
    const tcp_server server(
        executor, std::move(listener),
        [this](tcp_connection& client) -> task<> {
            brigade::buffered_reader reader(client);
            for (;;) {
                const auto line = co_await reader.read_line(100);
                if (!line) {
                    EXPECT_EQ(reader.buffered().size(), 2U);  // nothing is lost
                    report.end(line.error());
                    co_return;
                }
                report.received += line->size();
                client.message_done(reader.buffered().size());
            }
        },
        only_message);
    const blocking_socket client = blocking_socket::connect(address);
    client.send("one\ntw");
    settle_until([&] { return report.received == 3; });
    clock.advance(10s);
    EXPECT_EQ(client.receive(), "");
    EXPECT_THAT(report.ends(), ElementsAre(timed_out));
}

// How many seconds a client is served that sends so many bytes of a line in each; `most` if that is for ever.
int seconds_served(test::handler_report& report, brigade::manual_clock& clock, const blocking_socket& client,
                   std::size_t bytes_a_second, int most) {
    std::size_t expected = report.received;
    for (int second = 0; second < most; ++second) {
        if (!report.ends().empty()) {
            return second;
        }
        client.send(std::string(bytes_a_second, 'x'));
        expected += bytes_a_second;
        while (report.received < expected && report.ends().empty()) {
            clock.advance(0s);
        }
        clock.advance(1s);
    }
    return most;
}

TEST_F(server_time, a_peer_that_sends_too_slowly_uses_up_its_grace) {
    const tcp_server server(executor, std::move(listener), echo, only_rate);
    const blocking_socket client = blocking_socket::connect(address);
    const int seconds = seconds_served(report, clock, client, 50, 100);
    EXPECT_GE(seconds, 16);  // half of each is missing
    EXPECT_LE(seconds, 19);
    EXPECT_THAT(report.ends(), ElementsAre(brigade::errc::too_slow));
    EXPECT_EQ(server.counters().timed_out, 1U);
}

TEST_F(server_time, a_peer_at_the_least_rate_is_served_for_ever) {
    const tcp_server server(executor, std::move(listener), echo, only_rate);
    const blocking_socket client = blocking_socket::connect(address);
    EXPECT_EQ(seconds_served(report, clock, client, 100, 200), 200);
}

TEST_F(server_time, a_fast_beginning_buys_no_slow_end) {
    const tcp_server server(executor, std::move(listener), echo, only_rate);
    const blocking_socket client = blocking_socket::connect(address);
    send_part(client, std::string(100'000, 'x'));
    EXPECT_LE(seconds_served(report, clock, client, 1, 100), 12);
    EXPECT_THAT(report.ends(), ElementsAre(brigade::errc::too_slow));
}

TEST_F(server_time, between_two_messages_no_rate_is_asked_for) {
    const tcp_server server(executor, std::move(listener), echo, only_rate);
    const blocking_socket client = blocking_socket::connect(address);
    EXPECT_EQ(ask(client, "x\n"), "x\n");
    clock.advance(1h);
    EXPECT_EQ(ask(client, "x\n"), "x\n");
    EXPECT_EQ(server.counters().timed_out, 0U);
}

// Writes until that fails, and counts what it has written.
struct flood {
    test::handler_report& report;
    std::atomic<std::size_t>& sent;

    task<> operator()(tcp_connection& client) const {
        const std::vector<std::byte> bytes(65'536);
        for (;;) {
            std::size_t done = 0;
            const auto written = co_await client.write_all(bytes, &done);
            if (!written) {
                EXPECT_LT(done, bytes.size());
                report.end(written.error());
                co_return;
            }
            sent += done;
        }
    }
};

TEST_F(server_time, a_peer_that_takes_nothing_of_what_it_is_sent_uses_up_its_grace) {
    std::atomic<std::size_t> sent{0};
    const tcp_server server(executor, std::move(listener), flood{report, sent}, only_rate);
    const blocking_socket client = blocking_socket::connect(address);
    EXPECT_EQ(client.receive(1).size(), 1U);
    clock.advance(8s - 1ns);
    EXPECT_THAT(report.ends(), ElementsAre());
    // Of the buffers in between, some may fill up late.
    for (int i = 0; i < 100 && report.ends().empty(); ++i) {
        clock.advance(1s);
    }
    EXPECT_THAT(report.ends(), ElementsAre(brigade::errc::too_slow));
}

TEST_F(server_time, a_peer_that_takes_slowly_what_lies_in_the_send_buffer_is_served) {
    server_options options = only_rate;
    options.idle_deadline = 20s;
    std::atomic<std::size_t> sent{0};
    const tcp_server server(executor, std::move(listener), flood{report, sent}, options);
    // Its own buffer is full as well, and is offered to the server again when a part of it is empty.
    const blocking_socket client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int size = 200'000;  // the system doubles it
    ASSERT_EQ(::setsockopt(client.fd(), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
    ASSERT_EQ(::connect(client.fd(), address.native(), address.native_size()), 0);
    std::size_t taken = 0;
    for (int i = 1; i <= 60; ++i) {
        while (taken < static_cast<std::size_t>(i) * 100'000) {
            const std::string part = client.receive(100'000);
            ASSERT_NE(part, "");
            taken += part.size();
        }
        // The clock must not run ahead of the event that lets the writer go on: more is sent than the client's system
        // takes.
        settle_until([&] { return sent >= taken + 600'000 || !report.ends().empty(); });
        clock.advance(1s);
    }
    EXPECT_THAT(report.ends(), ElementsAre());
}

TEST_F(server_time, who_was_ended_may_use_what_needs_no_waiting) {
    const tcp_server server(
        executor, std::move(listener),
        [this](tcp_connection& client) -> task<> {
            std::array<std::byte, 8> buffer{};
            std::size_t done = 0;
            const auto got = co_await client.read_exactly(buffer, &done);
            EXPECT_EQ(test::error_of(got), timed_out);
            EXPECT_EQ(done, 3U);
            const auto last_word = co_await client.write_all(test::bytes_of("too late"));
            EXPECT_TRUE(last_word);
            const auto more = co_await client.read_some(buffer);
            report.end(test::error_of(more));
        },
        only_idle);
    const blocking_socket client = blocking_socket::connect(address);
    client.send("abc");
    settle_until([&] { return server.counters().accepted == 1; });
    clock.advance(20s);
    EXPECT_EQ(client.receive_all(), "too late");
    EXPECT_THAT(report.ends(), ElementsAre(timed_out));
}

TEST_F(server_time, without_limits_a_peer_may_do_as_it_likes) {
    const server_options none{
        .idle_deadline = unlimited, .message_deadline = unlimited, .minimum_rate = 100, .rate_grace = unlimited};
    const tcp_server server(executor, std::move(listener), echo, none);
    const blocking_socket client = blocking_socket::connect(address);
    send_part(client, "x");
    clock.advance(24h * 1000);
    EXPECT_EQ(ask(client, "\n"), "x\n");
}

TEST_F(server_time, a_minimum_rate_that_is_switched_off_by_name_is_none) {
    const server_options no_rate{
        .idle_deadline = unlimited, .message_deadline = 1h, .minimum_rate = unlimited, .rate_grace = 1s};
    const tcp_server server(executor, std::move(listener), echo, no_rate);
    const blocking_socket client = blocking_socket::connect(address);
    send_part(client, "x");
    clock.advance(30min);
    EXPECT_EQ(ask(client, "\n"), "x\n");
}

TEST_F(server_time, a_server_without_connections_sleeps) {
    const tcp_server server(executor, std::move(listener), echo);
    {
        const blocking_socket client = blocking_socket::connect(address);
        EXPECT_EQ(ask(client, "x\n"), "x\n");
    }
    settle_until([&] { return server.counters().open == 0; });
    clock.advance(1min);
    const std::uint64_t before = executor.counters().resumed;
    clock.advance(24h);
    EXPECT_EQ(executor.counters().resumed, before);
}

TEST_F(server_time, limits_that_are_not_positive_are_refused) {
    for (const server_options& wrong :
         std::vector<server_options>{{.idle_deadline = 0s}, {.message_deadline = -1s}, {.rate_grace = 0s}}) {
        EXPECT_EQ(test::message_of_call<std::invalid_argument>(
                      [&] { const tcp_server server(executor, brigade::tcp_listener(), echo, wrong); }),
                  "brigade: a limit of a server must be positive; brigade::unlimited switches it off");
    }
    EXPECT_EQ(test::message_of_call<std::invalid_argument>(
                  [&] { const tcp_server server(executor, brigade::tcp_listener(), echo, {.max_connections = 0}); }),
              "brigade: a server that takes no connections");
}

}  // namespace
