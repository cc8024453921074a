// Bytes that go through streams: all of them, in order, until the end.
#include <brigade/tcp.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/latch.hpp"
#include "tests/support/tcp_pair.hpp"
#include "tests/unit/io/on_workers.hpp"
#include "tests/unit/io/sockets.hpp"

namespace {

using brigade::endpoint;
using brigade::task;
using brigade::tcp_listener;
using brigade::tcp_stream;
using test::on_workers;

class checksum {
public:
    void add(std::span<const std::byte> bytes) {
        for (const std::byte b : bytes) {
            sum_ = (sum_ ^ std::to_integer<std::uint64_t>(b)) * 1'099'511'628'211U;  // FNV-1a
        }
        count_ += bytes.size();
    }
    friend bool operator==(const checksum&, const checksum&) = default;

private:
    std::uint64_t sum_ = 14'695'981'039'346'656'037U;
    std::size_t count_ = 0;
};

// Sends random bytes in random pieces, then the end.
task<checksum> send_random(tcp_stream& to, std::size_t size, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<std::byte> bytes(300'000);
    std::ranges::generate(bytes, [&random] { return static_cast<std::byte>(random()); });
    checksum sent;
    while (size > 0) {
        const std::size_t start = random() % bytes.size();
        const std::size_t length = std::min({size, bytes.size() - start, std::size_t{1} + random() % 100'000});
        const auto piece = std::span(bytes).subspan(start, length);
        const auto written = co_await to.write_all(piece);
        written.value();
        sent.add(piece);
        size -= length;
    }
    to.shutdown_write().value();
    co_return sent;
}

task<checksum> receive_to_the_end(tcp_stream& from, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<std::byte> buffer(100'000);
    checksum received;
    for (;;) {
        const auto room = std::span(buffer).first(std::size_t{1} + random() % buffer.size());
        const auto got = co_await from.read_some(room);
        if (got.value() == 0) {
            co_return received;
        }
        received.add(room.first(*got));
    }
}

task<> echo(tcp_stream& stream) {
    std::vector<std::byte> buffer(16384);
    for (;;) {
        const auto got = co_await stream.read_some(buffer);
        if (got.value() == 0) {
            break;
        }
        const auto written = co_await stream.write_all(std::span(buffer).first(*got));
        written.value();
    }
    stream.shutdown_write().value();
}

TEST(tcp_transfer, echoes_a_byte_at_a_time) {
    on_workers(2, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        auto echoing = brigade::spawn(echo(ends.far));
        for (char c = 'a'; c <= 'z'; ++c) {
            co_await test::write_text(ends.near, std::string(1, c));
            const std::string back = co_await test::read_text(ends.near, 1);
            EXPECT_EQ(back, std::string(1, c));
        }
        EXPECT_TRUE(ends.near.shutdown_write().has_value());
        co_await echoing;
    });
}

// One task writes and another reads the same stream, while the echo does both in turn.
TEST(tcp_transfer, echoes_megabytes_in_random_pieces) {
    on_workers(2, []() -> task<> {
        for (const endpoint local : {endpoint::loopback_v4(0), endpoint::loopback_v6(0)}) {
            test::tcp_pair ends = co_await test::connected_pair(local);
            auto all = co_await brigade::when_all(send_random(ends.near, 4 << 20, 1), receive_to_the_end(ends.near, 2),
                                                  echo(ends.far));
            EXPECT_TRUE(std::get<0>(all) == std::get<1>(all));
        }
    });
}

TEST(tcp_transfer, both_directions_are_independent) {
    on_workers(3, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        auto all = co_await brigade::when_all(send_random(ends.near, 3 << 20, 3), receive_to_the_end(ends.near, 4),
                                              send_random(ends.far, 3 << 20, 5), receive_to_the_end(ends.far, 6));
        EXPECT_TRUE(std::get<0>(all) == std::get<3>(all));
        EXPECT_TRUE(std::get<2>(all) == std::get<1>(all));
    });
}

TEST(tcp_transfer, passes_narrow_buffers) {
    on_workers(2, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        test::narrow(ends);
        auto all = co_await brigade::when_all(send_random(ends.near, 1 << 19, 7), receive_to_the_end(ends.far, 8));
        EXPECT_TRUE(std::get<0>(all) == std::get<1>(all));
    });
}

TEST(tcp_transfer, hundreds_of_connections_at_once) {
    on_workers(2, []() -> task<> {
        constexpr unsigned connections = 300;
        tcp_listener listener = tcp_listener::bind(endpoint::loopback_v4(0)).value();
        const endpoint address = listener.local_endpoint().value();
        test::latch connected(connections);
        std::vector<brigade::join_handle<>> clients;
        for (unsigned i = 0; i < connections; ++i) {
            clients.push_back(brigade::spawn([&connected, address, i]() -> task<> {
                auto stream = co_await tcp_stream::connect(address);
                connected.count_down();
                co_await connected.wait_in_task();  // now all are open
                for (unsigned round = 0; round < 3; ++round) {
                    const std::string message = test::eight_digits(i * 10 + round);
                    co_await test::write_text(stream.value(), message);
                    const std::string back = co_await test::read_text(*stream, message.size());
                    EXPECT_EQ(back, message);
                }
            }));
        }
        std::vector<brigade::join_handle<>> servers;
        for (unsigned i = 0; i < connections; ++i) {
            auto accepted = co_await listener.accept();
            servers.push_back(
                brigade::spawn([stream = std::move(accepted.value())]() mutable { return echo(stream); }));
        }
        for (auto* const side : {&clients, &servers}) {
            for (auto& one : *side) {
                co_await one;
            }
        }
    });
}

TEST(tcp_transfer, the_end_of_the_stream_is_0_again_and_again) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        co_await test::write_text(ends.far, "last");
        ends.far.close();
        const std::string text = co_await test::read_text(ends.near, 100);
        EXPECT_EQ(text, "last");
        std::string buffer(10, '\0');
        for (int i = 0; i < 3; ++i) {
            const auto got = co_await ends.near.read_some(test::room_in(buffer));
            EXPECT_EQ(got.value(), 0U);
        }
    });
}

TEST(tcp_transfer, half_closed_streams_go_on_in_the_other_direction) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        co_await test::write_text(ends.near, "question");
        EXPECT_TRUE(ends.near.shutdown_write().has_value());
        const std::string question = co_await test::read_text(ends.far, 100);
        EXPECT_EQ(question, "question");
        co_await test::write_text(ends.far, "answer");
        const std::string answer = co_await test::read_text(ends.near, 6);
        EXPECT_EQ(answer, "answer");
        const auto written = co_await ends.near.write_all(test::bytes_of("more"));
        EXPECT_EQ(test::error_of(written), std::errc::broken_pipe);
    });
}

TEST(tcp_transfer, shutdown_wakes_a_waiting_reader_at_the_other_end) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        auto reader = brigade::spawn(test::read_text(ends.far, 1));
        co_await test::let_others_run();
        EXPECT_TRUE(ends.near.shutdown_write().has_value());
        const std::string text = co_await reader;
        EXPECT_EQ(text, "");
    });
}

TEST(tcp_transfer, nothing_to_transfer_does_not_wait) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        const auto got = co_await ends.near.read_some({});
        EXPECT_EQ(got.value(), 0U);
        test::narrow(ends);
        auto writer = brigade::spawn(test::write_error(ends.near));
        co_await test::let_others_run();  // the buffers are full
        const auto written = co_await ends.far.write_all({});
        EXPECT_TRUE(written.has_value());
        ends.near.close();
        static_cast<void>(co_await writer);
    });
}

}  // namespace
