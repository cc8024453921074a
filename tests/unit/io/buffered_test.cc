// buffered_reader, buffered_writer and framing over real pipes and connections.
#include <chrono>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <brigade/brigade.hpp>

#include "tests/support/tcp_pair.hpp"
#include "tests/unit/io/on_workers.hpp"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace std::string_view_literals;
using brigade::buffered_reader;
using brigade::buffered_writer;
using brigade::const_bytes;
using brigade::errc;
using brigade::pipe_ends;
using brigade::pipe_reader;
using brigade::pipe_writer;
using brigade::task;
using brigade::with_timeout;
using test::error_of;
using test::on_workers;

const_bytes bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

std::string text_of(const_bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

task<> send(pipe_writer& to, std::string_view text) {
    const auto sent = co_await to.write_all(bytes_of(text));
    EXPECT_TRUE(sent.has_value());
}

// A line, or the message of the error.
task<std::string> next_line(buffered_reader<pipe_reader>& from, std::size_t most = 100) {
    const auto line = co_await from.read_line(most);
    co_return line ? std::string(*line) : "error: " + line.error().message();
}

int bytes_in(const pipe_reader& end) {
    int count = -1;
    EXPECT_EQ(::ioctl(end.native_handle(), FIONREAD, &count), 0);
    return count;
}

const std::string end_of_stream = "error: " + make_error_code(errc::end_of_stream).message();
const std::string too_long = "error: " + std::make_error_code(std::errc::message_size).message();

TEST(buffered_reader, gives_lines_without_their_ends_and_keeps_what_is_none) {
    on_workers(1, []() -> task<> {
        pipe_ends ends = brigade::make_pipe().value();
        buffered_reader lines(ends.reader);
        co_await send(ends.writer, "one\ntwo\r\n\n\r\nfi\rve\nrest");
        ends.writer.close();
        for (const std::string expected : {"one", "two", "", "", "fi\rve"}) {
            const std::string line = co_await next_line(lines);
            EXPECT_EQ(line, expected);
        }
        const std::string none = co_await next_line(lines);
        EXPECT_EQ(none, end_of_stream);
        EXPECT_EQ(text_of(lines.buffered()), "rest");
        lines.consume(100);
        EXPECT_TRUE(lines.buffered().empty());
    });
}

TEST(buffered_reader, finds_a_delimiter_that_comes_byte_by_byte) {
    on_workers(2, []() -> task<> {
        pipe_ends ends = brigade::make_pipe().value();
        buffered_reader reader(ends.reader, 3);
        auto sender = brigade::spawn([&ends]() -> task<> {
            for (const char c : "head\r\n\r\r\n\r\nbody"sv) {
                co_await send(ends.writer, std::string_view(&c, 1));
                co_await brigade::yield();
            }
        });
        const auto head = co_await reader.read_until("\r\n\r\n", 100);
        EXPECT_EQ(head.value_or("none"), "head\r\n\r\r\n\r\n");
        const auto body = co_await reader.read_exactly(4);
        EXPECT_EQ(text_of(body.value_or(const_bytes())), "body");
        co_await sender;
    });
}

TEST(buffered_reader, refuses_what_is_longer_than_its_maximum_and_holds_no_more) {
    on_workers(2, []() -> task<> {
        pipe_ends ends = brigade::make_pipe().value();
        buffered_reader lines(ends.reader, 16);
        auto sender = brigade::spawn([&ends]() -> task<> {
            const std::string piece(4096, 'x');
            while (co_await ends.writer.write_all(bytes_of(piece))) {
            }
        });
        const std::string line = co_await next_line(lines, 1000);
        EXPECT_EQ(line, too_long);
        EXPECT_EQ(lines.buffered().size(), 1000U);
        const std::string again = co_await next_line(lines, 1000);
        EXPECT_EQ(again, too_long);
        EXPECT_EQ(lines.buffered().size(), 1000U);
        ends.reader.close();
        co_await sender;
    });
}

TEST(buffered_reader, counts_the_end_of_a_line_in_its_maximum) {
    on_workers(1, []() -> task<> {
        pipe_ends ends = brigade::make_pipe().value();
        buffered_reader lines(ends.reader);
        co_await send(ends.writer, "1234\n12345\n");
        const std::string fits = co_await next_line(lines, 5);
        EXPECT_EQ(fits, "1234");
        const std::string longer = co_await next_line(lines, 5);
        EXPECT_EQ(longer, too_long);
        const std::string allowed = co_await next_line(lines, 6);
        EXPECT_EQ(allowed, "12345");
    });
}

// The room that is left was computed past the end of the numbers, and a read could write anywhere.
TEST(buffered_reader, a_maximum_that_is_none_keeps_to_its_memory) {
    on_workers(1, []() -> task<> {
        constexpr std::size_t no_maximum = std::numeric_limits<std::size_t>::max();
        pipe_ends ends = brigade::make_pipe().value();
        buffered_reader lines(ends.reader, 16);
        co_await send(ends.writer, "one\nbe");
        const std::string first = co_await next_line(lines, no_maximum);
        EXPECT_EQ(first, "one");
        co_await send(ends.writer, "gins " + std::string(1000, 'x') + "\n\0\0\0\3abc"s);
        const std::string second = co_await next_line(lines, no_maximum);
        EXPECT_EQ(second, "begins " + std::string(1000, 'x'));
        const auto message = co_await brigade::read_frame(lines, no_maximum);
        EXPECT_EQ(text_of(message.value_or(const_bytes())), "abc");
    });
}

TEST(buffered_reader, a_deadline_in_the_middle_of_a_line_loses_nothing) {
    on_workers(1, []() -> task<> {
        pipe_ends ends = brigade::make_pipe().value();
        buffered_reader lines(ends.reader);
        co_await send(ends.writer, "first ha");
        const auto late = co_await with_timeout(1ms, lines.read_line(100));
        EXPECT_EQ(error_of(late), std::errc::timed_out);
        co_await send(ends.writer, "lf\n");
        const std::string whole = co_await next_line(lines);
        EXPECT_EQ(whole, "first half");
    });
}

TEST(buffered_reader, gives_the_bytes_of_a_stream_in_order_whatever_is_asked_for) {
    on_workers(2, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        std::string sent;
        for (unsigned i = 0; i < 30'000; ++i) {
            sent += static_cast<char>(i % 251);
        }
        auto sender = brigade::spawn([&]() -> task<> {
            const auto written = co_await ends.far.write_all(bytes_of(sent));
            EXPECT_TRUE(written.has_value());
        });
        buffered_reader reader(ends.near, 64);
        std::mt19937 random(1);
        std::string received;
        std::vector<std::byte> place(300);
        while (received.size() < sent.size()) {
            const std::size_t count = std::min<std::size_t>(1 + random() % 300, sent.size() - received.size());
            if (random() % 2 == 0) {
                const auto exactly = co_await reader.read_exactly(count);
                received += text_of(exactly.value_or(const_bytes()));
            } else {
                const auto some = co_await reader.read_some(std::span(place).first(count));
                received += text_of(const_bytes(place).first(some.value_or(0)));
            }
        }
        EXPECT_EQ(received, sent);
        co_await sender;
    });
}

TEST(buffered_writer, writes_nothing_before_a_flush) {
    on_workers(1, []() -> task<> {
        pipe_ends ends = brigade::make_pipe().value();
        buffered_writer writer(ends.writer, 100);
        for (int i = 0; i < 33; ++i) {
            const auto written = co_await writer.write("abc"sv);
            EXPECT_TRUE(written.has_value());
        }
        EXPECT_EQ(writer.buffered(), 99U);
        EXPECT_EQ(bytes_in(ends.reader), 0);
        const auto flushed = co_await writer.flush();
        EXPECT_TRUE(flushed.has_value());
        EXPECT_EQ(writer.buffered(), 0U);
        EXPECT_EQ(bytes_in(ends.reader), 99);
    });
}

TEST(buffered_writer, waits_at_its_high_water_mark_until_the_peer_takes) {
    on_workers(1, []() -> task<> {
        pipe_ends ends = brigade::make_pipe().value();
        const std::size_t capacity = ends.writer.set_capacity(4096).value();
        buffered_writer writer(ends.writer, 1000);
        const std::string piece(500, 'x');
        std::size_t produced = 0;
        auto producer = brigade::spawn([&]() -> task<> {
            for (; produced < 100'000; produced += piece.size()) {
                const auto written = co_await writer.write(piece);
                EXPECT_TRUE(written.has_value());
            }
            const auto flushed = co_await writer.flush();
            EXPECT_TRUE(flushed.has_value());
            ends.writer.close();
        });
        co_await test::let_others_run();
        EXPECT_LE(produced, capacity + 1000);
        std::size_t received = 0;
        std::vector<std::byte> place(10'000);
        for (;;) {
            const auto some = co_await ends.reader.read_some(place);
            if (some.value_or(0) == 0) {
                break;
            }
            received += *some;
        }
        EXPECT_EQ(received, 100'000U);
        co_await producer;
    });
}

TEST(buffered_writer, a_flush_that_was_stopped_is_taken_up_where_it_ended) {
    on_workers(1, []() -> task<> {
        pipe_ends ends = brigade::make_pipe().value();
        static_cast<void>(ends.writer.set_capacity(4096).value());
        buffered_writer writer(ends.writer, 1'000'000);
        std::string sent;
        for (unsigned i = 0; i < 20'000; ++i) {
            sent += static_cast<char>(i % 251);
        }
        writer.add(sent);
        const auto late = co_await with_timeout(1ms, writer.flush());
        EXPECT_EQ(error_of(late), std::errc::timed_out);
        EXPECT_GT(writer.buffered(), 0U);
        EXPECT_LT(writer.buffered(), sent.size());
        auto rest = brigade::spawn([&]() -> task<> {
            const auto flushed = co_await writer.flush();
            EXPECT_TRUE(flushed.has_value());
        });
        buffered_reader reader(ends.reader);
        const auto received = co_await reader.read_exactly(sent.size());
        EXPECT_EQ(text_of(received.value_or(const_bytes())), sent);
        co_await rest;
    });
}

template <class Length>
task<> expect_frames_to_come_back(std::vector<std::size_t> sizes) {
    pipe_ends ends = brigade::make_pipe().value();
    buffered_reader reader(ends.reader);
    buffered_writer writer(ends.writer);
    auto sender = brigade::spawn([&]() -> task<> {
        for (const std::size_t size : sizes) {
            const std::string message(size, static_cast<char>(size));
            const auto written = co_await brigade::write_frame<Length>(writer, bytes_of(message));
            EXPECT_TRUE(written.has_value());
        }
        const auto flushed = co_await writer.flush();
        EXPECT_TRUE(flushed.has_value());
        ends.writer.close();
    });
    for (const std::size_t size : sizes) {
        const auto message = co_await brigade::read_frame<Length>(reader, 100'000);
        EXPECT_EQ(text_of(message.value_or(const_bytes())), std::string(size, static_cast<char>(size)));
    }
    const auto end = co_await brigade::read_frame<Length>(reader, 100'000);
    EXPECT_EQ(error_of(end), errc::end_of_stream);
    EXPECT_TRUE(reader.buffered().empty());
    co_await sender;
}

TEST(framing, messages_come_back_as_they_were_sent) {
    on_workers(2, []() -> task<> {
        const std::vector<std::size_t> small{0, 1, 2, 127, 128, 254, 255};
        std::vector<std::size_t> large = small;
        large.push_back(65'535);
        auto bytes = expect_frames_to_come_back<std::uint8_t>(small);
        co_await std::move(bytes);
        auto shorts = expect_frames_to_come_back<std::uint16_t>(large);
        co_await std::move(shorts);
        auto longs = expect_frames_to_come_back<std::uint64_t>(large);
        co_await std::move(longs);
    });
}

TEST(framing, sends_the_most_significant_byte_first) {
    on_workers(1, []() -> task<> {
        pipe_ends ends = brigade::make_pipe().value();
        buffered_writer writer(ends.writer);
        const auto written = co_await brigade::write_frame(writer, bytes_of("hi"));
        EXPECT_TRUE(written.has_value());
        const auto flushed = co_await writer.flush();
        EXPECT_TRUE(flushed.has_value());
        buffered_reader reader(ends.reader);
        const auto raw = co_await reader.read_exactly(6);
        EXPECT_EQ(text_of(raw.value_or(const_bytes())), "\0\0\0\2hi"sv);
    });
}

TEST(framing, refuses_a_length_before_it_reads_the_message) {
    on_workers(1, []() -> task<> {
        pipe_ends ends = brigade::make_pipe().value();
        co_await send(ends.writer, "\x7f\xff\xff\xff"sv);
        buffered_reader reader(ends.reader);
        const auto message = co_await brigade::read_frame(reader, 1'000'000);
        EXPECT_EQ(error_of(message), std::errc::message_size);
        buffered_writer writer(ends.writer);
        const std::string long_text(256, 'x');
        const auto written = co_await brigade::write_frame<std::uint8_t>(writer, bytes_of(long_text));
        EXPECT_EQ(error_of(written), std::errc::message_size);
        EXPECT_EQ(writer.buffered(), 0U);
    });
}

TEST(framing, a_deadline_in_the_middle_of_a_message_leaves_the_next_read_in_step) {
    on_workers(1, []() -> task<> {
        pipe_ends ends = brigade::make_pipe().value();
        buffered_reader reader(ends.reader);
        co_await send(ends.writer, "\0\0\0\5he"sv);
        const auto late = co_await with_timeout(1ms, brigade::read_frame(reader, 100));
        EXPECT_EQ(error_of(late), std::errc::timed_out);
        co_await send(ends.writer, "llo\0\0\0\1!"sv);
        const auto first = co_await brigade::read_frame(reader, 100);
        EXPECT_EQ(text_of(first.value_or(const_bytes())), "hello");
        const auto second = co_await brigade::read_frame(reader, 100);
        EXPECT_EQ(text_of(second.value_or(const_bytes())), "!");
    });
}

}  // namespace
