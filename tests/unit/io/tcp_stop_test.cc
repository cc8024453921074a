// Stops: before, during and in a race with operations on sockets.
#include <brigade/tcp.hpp>

#include <array>
#include <cstddef>
#include <random>
#include <string>
#include <system_error>
#include <utility>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/tcp_pair.hpp"
#include "tests/unit/io/on_workers.hpp"
#include "tests/unit/io/sockets.hpp"

namespace {

using brigade::endpoint;
using brigade::join_handle;
using brigade::task;
using brigade::tcp_listener;
using brigade::tcp_stream;
using test::accept_error;
using test::let_others_run;
using test::on_workers;
using test::read_error;
using test::write_error;

task<std::error_code> connect_error(endpoint peer) {
    const auto stream = co_await tcp_stream::connect(peer);
    co_return test::error_of(stream);
}

// Stops the task that `spawn` starts, before it runs and while it waits. On one worker.
template <class Spawn>
task<> is_cancelled_by_a_stop(Spawn spawn) {
    join_handle<std::error_code> not_begun = spawn();
    not_begun.request_stop();
    const std::error_code before = co_await not_begun;
    EXPECT_EQ(before, std::errc::operation_canceled);
    join_handle<std::error_code> waiting = spawn();
    co_await let_others_run();
    EXPECT_FALSE(waiting.done());
    waiting.request_stop();
    const std::error_code during = co_await waiting;
    EXPECT_EQ(during, std::errc::operation_canceled);
}

TEST(tcp_stop, ends_a_read_that_has_to_wait) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        co_await is_cancelled_by_a_stop([&ends] { return brigade::spawn(read_error(ends.near)); });
        co_await test::write_text(ends.far, "on and on");  // the stream stays good
        const std::string text = co_await test::read_text(ends.near, 9);
        EXPECT_EQ(text, "on and on");
    });
}

TEST(tcp_stop, ends_a_write_that_has_to_wait) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        test::narrow(ends);
        co_await is_cancelled_by_a_stop([&ends] { return brigade::spawn(write_error(ends.near)); });
    });
}

TEST(tcp_stop, ends_an_accept_that_has_to_wait) {
    on_workers(1, []() -> task<> {
        tcp_listener listener = tcp_listener::bind(endpoint::loopback_v4(0)).value();
        co_await is_cancelled_by_a_stop([&listener] { return brigade::spawn(accept_error(listener)); });
        auto accepting = brigade::spawn(accept_error(listener));  // the listener stays good
        const std::error_code connected = co_await connect_error(listener.local_endpoint().value());
        EXPECT_FALSE(connected);
        const std::error_code accepted = co_await accepting;
        EXPECT_FALSE(accepted);
    });
}

TEST(tcp_stop, ends_a_connect_that_has_to_wait) {
    on_workers(1, []() -> task<> {
        const test::full_listener listener;
        co_await is_cancelled_by_a_stop(
            [&listener] { return brigade::spawn(connect_error(listener.local_endpoint())); });
    });
}

TEST(tcp_stop, the_executors_stop_reaches_all_that_wait) {
    brigade::executor executor({.workers = 2});
    executor.block_on([]() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        tcp_listener listener = tcp_listener::bind(endpoint::loopback_v4(0)).value();
        auto reader = brigade::spawn(read_error(ends.near));
        auto acceptor = brigade::spawn(accept_error(listener));
        auto stopper = brigade::spawn([]() -> task<> {
            co_await let_others_run();
            brigade::executor::current().request_stop();
        });
        // Stopped itself, so it cannot await the handles; it may not leave before they have ended either.
        while (!reader.done() || !acceptor.done() || !stopper.done()) {
            co_await brigade::yield();
        }
    });
}

TEST(tcp_stop, the_executors_end_stops_what_waits_for_sockets) {
    brigade::executor executor({.workers = 1});
    auto listener = tcp_listener::bind(executor, endpoint::loopback_v4(0));
    executor
        .spawn([own = std::move(*listener)]() mutable -> task<> {
            const std::error_code error = co_await accept_error(own);
            EXPECT_EQ(error, std::errc::operation_canceled);
        })
        .detach();
}

// Else a task whose sockets are always ready would never notice.
TEST(tcp_stop, ends_what_could_be_had_at_once_and_takes_nothing) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        co_await test::write_text(ends.far, "here");
        auto reader = brigade::spawn(read_error(ends.near));
        reader.request_stop();
        const std::error_code reading = co_await reader;
        EXPECT_EQ(reading, std::errc::operation_canceled);
        const std::string text = co_await test::read_text(ends.near, 4);
        EXPECT_EQ(text, "here");
        auto writer = brigade::spawn(write_error(ends.near));
        writer.request_stop();
        const std::error_code writing = co_await writer;
        EXPECT_EQ(writing, std::errc::operation_canceled);
        ends.near.close();
        const std::string written = co_await test::read_text(ends.far, 1);
        EXPECT_EQ(written, "");
    });
}

TEST(tcp_stop, ends_a_loop_of_reads_that_never_wait) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        co_await test::write_text(ends.far, std::string(50'000, 'x'));
        auto reader = brigade::spawn([&ends]() -> task<std::size_t> {
            std::size_t bytes = 0;
            std::array<std::byte, 1> buffer{};
            for (;;) {
                const auto got = co_await ends.near.read_some(buffer);
                if (!got) {
                    EXPECT_EQ(got.error(), std::errc::operation_canceled);
                    co_return bytes;
                }
                ++bytes;
            }
        });
        co_await let_others_run();
        reader.request_stop();
        const std::size_t bytes = co_await reader;
        EXPECT_GT(bytes, 0U);
        EXPECT_LT(bytes, 50'000U);
    });
}

// A read that is stopped gives its bytes, or leaves them in the socket.
TEST(tcp_stop, loses_no_bytes) {
    on_workers(3, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        std::mt19937 random(23);
        std::string sent;
        std::string received;
        for (unsigned i = 0; i < 2000; ++i) {
            std::string buffer(64, '\0');
            auto reader = brigade::spawn(ends.near.read_some(test::room_in(buffer)));
            for (unsigned turn = random() % 4; turn > 0; --turn) {
                co_await brigade::yield();
            }
            const std::string message = test::eight_digits(i);
            co_await test::write_text(ends.far, message);
            sent += message;
            reader.request_stop();
            const auto got = co_await reader;
            if (got) {
                received += buffer.substr(0, *got);
            } else {
                EXPECT_EQ(got.error(), std::errc::operation_canceled);
            }
        }
        ends.far.close();
        received += co_await test::read_text(ends.near, sent.size() + 1);
        EXPECT_TRUE(received == sent);
    });
}

// Nothing to have: the stop alone ends it, however early it comes.
TEST(tcp_stop, is_never_overlooked) {
    on_workers(3, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        std::mt19937 random(29);
        for (int i = 0; i < 3000; ++i) {
            auto reader = brigade::spawn(read_error(ends.near));
            for (unsigned turn = random() % 4; turn > 0; --turn) {
                co_await brigade::yield();
            }
            reader.request_stop();
            const std::error_code error = co_await reader;
            EXPECT_EQ(error, std::errc::operation_canceled);
        }
    });
}

}  // namespace
