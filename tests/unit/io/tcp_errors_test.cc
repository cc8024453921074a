// What operations give when they cannot do what they are for.
#include <brigade/tcp.hpp>

#include <array>
#include <csignal>
#include <cstddef>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/blocking_socket.hpp"
#include "tests/support/tcp_pair.hpp"
#include "tests/unit/io/on_workers.hpp"
#include "tests/unit/io/sockets.hpp"

namespace {

using brigade::endpoint;
using brigade::errc;
using brigade::task;
using brigade::tcp_listener;
using brigade::tcp_stream;
using test::accept_error;
using test::blocking_socket;
using test::error_of;
using test::let_others_run;
using test::on_workers;
using test::read_error;
using test::write_error;

struct raw_pair {
    tcp_stream near;
    blocking_socket far;
};

task<raw_pair> connected_to_raw() {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_v4(0)).value();
    raw_pair ends;
    ends.far = blocking_socket::connect(listener.local_endpoint().value());
    auto accepted = co_await listener.accept();
    ends.near = std::move(accepted.value());
    co_return ends;
}

TEST(tcp_errors, second_reader_is_refused_as_busy) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        auto first = brigade::spawn(test::read_text(ends.near, 3));
        co_await let_others_run();
        const std::error_code second = co_await read_error(ends.near);
        EXPECT_EQ(second, errc::busy);
        co_await test::write_text(ends.far, "one");  // the first is not disturbed
        const std::string text = co_await first;
        EXPECT_EQ(text, "one");
        co_await test::write_text(ends.far, "x");
        const std::error_code third = co_await read_error(ends.near);  // and the place is free again
        EXPECT_FALSE(third);
    });
}

TEST(tcp_errors, second_writer_is_refused_as_busy) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        test::narrow(ends);
        auto first = brigade::spawn(write_error(ends.near));
        co_await let_others_run();
        const auto second = co_await ends.near.write_all(test::bytes_of("x"));
        EXPECT_EQ(error_of(second), errc::busy);
        auto far_reader = brigade::spawn(test::read_text(ends.far, test::more_than_fits));
        const std::error_code error = co_await first;
        EXPECT_FALSE(error);
        const std::string text = co_await far_reader;
        EXPECT_EQ(text, std::string(test::more_than_fits, '\0'));
    });
}

TEST(tcp_errors, second_accept_is_refused_as_busy) {
    on_workers(1, []() -> task<> {
        tcp_listener listener = tcp_listener::bind(endpoint::loopback_v4(0)).value();
        auto first = brigade::spawn([&listener] { return accept_error(listener); });
        co_await let_others_run();
        const std::error_code second = co_await accept_error(listener);
        EXPECT_EQ(second, errc::busy);
        const blocking_socket client = blocking_socket::connect(listener.local_endpoint().value());
        const std::error_code accepted = co_await first;
        EXPECT_FALSE(accepted);
    });
}

TEST(tcp_errors, a_reader_does_not_make_the_writer_busy) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        auto reader = brigade::spawn(test::read_text(ends.near, 1));
        co_await let_others_run();
        co_await test::write_text(ends.near, "to far");
        const std::string text = co_await test::read_text(ends.far, 6);
        EXPECT_EQ(text, "to far");
        co_await test::write_text(ends.far, "x");
        static_cast<void>(co_await reader);
    });
}

TEST(tcp_errors, a_reset_by_the_peer_ends_a_waiting_read) {
    on_workers(1, []() -> task<> {
        raw_pair ends = co_await connected_to_raw();
        auto reader = brigade::spawn(read_error(ends.near));
        co_await let_others_run();
        ends.far.reset();
        const std::error_code error = co_await reader;
        EXPECT_EQ(error, std::errc::connection_reset);
    });
}

TEST(tcp_errors, a_reset_by_the_peer_ends_a_waiting_write) {
    on_workers(1, []() -> task<> {
        raw_pair ends = co_await connected_to_raw();
        test::narrow(ends.near);
        auto writer = brigade::spawn(write_error(ends.near));
        auto reader = brigade::spawn(read_error(ends.near));  // both directions wait: one of them gets the reset
        co_await let_others_run();
        ends.far.reset();
        const std::error_code writing = co_await writer;
        EXPECT_TRUE(writing == std::errc::connection_reset || writing == std::errc::broken_pipe) << writing.message();
        const std::error_code reading = co_await reader;
        EXPECT_TRUE(!reading || reading == std::errc::connection_reset) << reading.message();
    });
}

TEST(tcp_errors, a_reset_before_the_read_is_seen_by_it) {
    on_workers(1, []() -> task<> {
        raw_pair ends = co_await connected_to_raw();
        ends.far.reset();
        const std::error_code error = co_await read_error(ends.near);
        EXPECT_EQ(error, std::errc::connection_reset);
    });
}

TEST(tcp_errors, writing_to_a_peer_that_is_gone_is_an_error_and_no_signal) {
    std::signal(SIGPIPE, SIG_DFL);  // whatever the test was started with: the signal would end it
    on_workers(1, []() -> task<> {
        raw_pair ends = co_await connected_to_raw();
        ends.far.close();
        std::error_code error;
        while (!error) {  // the first write may go out before the peer's answer comes in
            const auto written = co_await ends.near.write_all(test::bytes_of("anybody there?"));
            error = error_of(written);
        }
        EXPECT_TRUE(error == std::errc::broken_pipe || error == std::errc::connection_reset) << error.message();
        const auto again = co_await ends.near.write_all(test::bytes_of("hello?"));
        EXPECT_EQ(error_of(again), std::errc::broken_pipe);
    });
}

TEST(tcp_errors, shutdown_of_a_connection_that_is_gone_is_not_connected) {
    on_workers(1, []() -> task<> {
        raw_pair ends = co_await connected_to_raw();
        ends.far.reset();
        static_cast<void>(co_await read_error(ends.near));
        EXPECT_EQ(error_of(ends.near.shutdown_write()), std::errc::not_connected);
        EXPECT_EQ(error_of(ends.near.remote_endpoint()), std::errc::not_connected);
    });
}

task<> expect_closed(tcp_stream& stream) {
    const std::error_code reading = co_await read_error(stream);
    EXPECT_EQ(reading, errc::closed);
    const std::error_code writing = co_await write_error(stream);
    EXPECT_EQ(writing, errc::closed);
    const auto nothing_read = co_await stream.read_some({});
    EXPECT_EQ(error_of(nothing_read), errc::closed);
    const auto nothing_written = co_await stream.write_all({});
    EXPECT_EQ(error_of(nothing_written), errc::closed);
    EXPECT_EQ(error_of(stream.shutdown_write()), errc::closed);
    EXPECT_EQ(error_of(stream.local_endpoint()), errc::closed);
    EXPECT_EQ(error_of(stream.remote_endpoint()), errc::closed);
    EXPECT_EQ(error_of(stream.set_no_delay(true)), errc::closed);
    EXPECT_EQ(error_of(stream.set_linger(std::nullopt)), errc::closed);
    EXPECT_EQ(stream.native_handle(), -1);
    stream.close();
}

task<> expect_closed(tcp_listener& listener) {
    const std::error_code accepting = co_await accept_error(listener);
    EXPECT_EQ(accepting, errc::closed);
    EXPECT_EQ(error_of(listener.local_endpoint()), errc::closed);
    EXPECT_EQ(listener.native_handle(), -1);
    listener.close();
}

TEST(tcp_errors, closed_streams_say_so) {
    on_workers(1, []() -> task<> {
        tcp_stream never_open;
        co_await expect_closed(never_open);
        test::tcp_pair ends = co_await test::connected_pair();
        ends.near.close();
        co_await expect_closed(ends.near);
        co_await expect_closed(ends.near);
    });
}

TEST(tcp_errors, streams_that_were_moved_from_are_closed) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        tcp_stream constructed(std::move(ends.near));
        co_await expect_closed(ends.near);  // NOLINT(bugprone-use-after-move)
        tcp_stream assigned;
        assigned = std::move(constructed);
        co_await expect_closed(constructed);  // NOLINT(bugprone-use-after-move)
        co_await test::write_text(assigned, "moved");
        const std::string text = co_await test::read_text(ends.far, 5);
        EXPECT_EQ(text, "moved");
    });
}

TEST(tcp_errors, assignment_closes_what_was_there) {
    on_workers(1, []() -> task<> {
        test::tcp_pair first = co_await test::connected_pair();
        test::tcp_pair second = co_await test::connected_pair();
        first.near = std::move(second.near);
        const std::string end = co_await test::read_text(first.far, 1);
        EXPECT_EQ(end, "");
        co_await test::write_text(first.near, "second");
        const std::string text = co_await test::read_text(second.far, 6);
        EXPECT_EQ(text, "second");
    });
}

TEST(tcp_errors, closed_and_moved_from_listeners_say_so) {
    on_workers(1, []() -> task<> {
        tcp_listener never_open;
        co_await expect_closed(never_open);
        tcp_listener first = tcp_listener::bind(endpoint::loopback_v4(0)).value();
        tcp_listener second = std::move(first);
        co_await expect_closed(first);  // NOLINT(bugprone-use-after-move)
        EXPECT_TRUE(second.local_endpoint().has_value());
        second.close();
        co_await expect_closed(second);
    });
}

// An operation begun on a stream goes on when the stream object moves: it belongs to the connection.
TEST(tcp_errors, a_waiting_read_survives_a_move_of_the_stream) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        std::array<std::byte, 4> buffer{};
        auto reader = brigade::spawn(ends.near.read_some(buffer));
        co_await let_others_run();
        const tcp_stream moved = std::move(ends.near);
        co_await test::write_text(ends.far, "four");
        const auto got = co_await reader;
        EXPECT_EQ(got.value(), 4U);
    });
}

}  // namespace
