// Operations of several buffers or several system calls: all the bytes, in order, and how many when it ends early.
#include <brigade/byte_stream.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <random>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/random_bytes.hpp"
#include "tests/support/tcp_pair.hpp"
#include "tests/unit/io/on_workers.hpp"
#include "tests/unit/io/sockets.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::const_bytes;
using brigade::errc;
using brigade::mutable_bytes;
using brigade::task;
using test::bytes_of;
using test::error_of;
using test::let_others_run;
using test::on_workers;
using test::random_bytes;

// The bytes in pieces of random lengths, some of them empty.
template <class Span>
std::vector<Span> in_pieces(Span bytes, std::size_t longest, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<Span> pieces;
    while (!bytes.empty()) {
        const std::size_t length = std::min(bytes.size(), random() % (longest + 1));
        pieces.push_back(bytes.first(length));
        bytes = bytes.subspan(length);
    }
    return pieces;
}

TEST(byte_stream, try_read_some_gives_what_is_there_and_readable_waits_for_more) {
    on_workers(2, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        std::string text(4, '\0');
        for (const std::string sent : {"ab", "cdef", "ghijk"}) {  // less than there is room for, as much, and more
            EXPECT_EQ(error_of(ends.near.try_read_some(test::room_in(text))), std::errc::operation_would_block);
            auto waiting = brigade::spawn(ends.near.readable());
            co_await let_others_run();
            co_await test::write_text(ends.far, sent);
            const auto there_is_some = co_await waiting;
            EXPECT_FALSE(error_of(there_is_some));
            std::string received;
            while (received.size() < sent.size()) {
                const auto readable = co_await ends.near.readable();
                EXPECT_FALSE(error_of(readable));
                const auto got = ends.near.try_read_some(test::room_in(text));
                if (got) {
                    received += text.substr(0, *got);
                } else {
                    EXPECT_EQ(got.error(), std::errc::operation_would_block);
                }
            }
            EXPECT_EQ(received, sent);
        }
        ends.far.close();
        for (int i = 0; i < 3; ++i) {  // the end stays
            std::expected<std::size_t, std::error_code> got = 1;
            do {
                const auto readable = co_await ends.near.readable();
                EXPECT_FALSE(error_of(readable));
                got = ends.near.try_read_some(test::room_in(text));
            } while (!got);
            EXPECT_EQ(*got, 0U);
        }
    });
}

TEST(byte_stream, readable_ends_by_stop_deadline_and_close_and_try_read_some_says_closed) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        std::string text(4, '\0');
        EXPECT_EQ(ends.near.try_read_some({}), 0U);
        EXPECT_EQ(error_of(ends.near.try_read_some(test::room_in(text))), std::errc::operation_would_block);
        auto stopped = brigade::spawn(ends.near.readable());
        co_await let_others_run();
        EXPECT_EQ(error_of(ends.near.try_read_some(test::room_in(text))), errc::busy);
        stopped.request_stop();
        const auto by_stop = co_await stopped;
        EXPECT_EQ(error_of(by_stop), std::errc::operation_canceled);
        const auto late = co_await brigade::with_timeout(1ms, ends.near.readable());
        EXPECT_EQ(error_of(late), std::errc::timed_out);
        auto closed = brigade::spawn(ends.near.readable());
        co_await let_others_run();
        ends.near.close();
        const auto by_close = co_await closed;
        EXPECT_EQ(error_of(by_close), errc::closed);
        EXPECT_EQ(error_of(ends.near.try_read_some(test::room_in(text))), errc::closed);
    });
}

TEST(byte_stream, try_write_some_writes_what_there_is_room_for_and_writable_waits_for_more) {
    on_workers(2, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        const std::vector<std::byte> text = random_bytes(1 << 20);
        std::size_t sent = 0;
        std::size_t received = 0;
        for (int round = 0; round < 3; ++round) {
            std::expected<std::size_t, std::error_code> written;
            while ((written = ends.near.try_write_some(const_bytes(text).subspan(sent % text.size())))) {
                sent += *written;
            }
            EXPECT_EQ(error_of(written), std::errc::operation_would_block);
            EXPECT_GT(sent, received);
            auto waiting = brigade::spawn(ends.near.writable());
            co_await let_others_run();
            EXPECT_FALSE(waiting.done());
            std::vector<std::byte> part(text.size());
            while (received < sent) {
                const std::size_t from = received % text.size();
                const std::size_t count = std::min(sent - received, text.size() - from);
                const auto got = co_await ends.far.read_exactly(mutable_bytes(part).first(count));
                EXPECT_FALSE(error_of(got));
                EXPECT_TRUE(std::ranges::equal(const_bytes(part).first(count), const_bytes(text).subspan(from, count)));
                received += count;
            }
            const auto there_is_room = co_await waiting;
            EXPECT_FALSE(error_of(there_is_room));
        }
    });
}

TEST(byte_stream, writable_ends_by_stop_deadline_and_close_and_try_write_some_says_why_it_may_not) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        const std::string text(1 << 20, 'x');
        EXPECT_EQ(ends.near.try_write_some({}), 0U);
        while (ends.near.try_write_some(bytes_of(text))) {
        }
        auto stopped = brigade::spawn(ends.near.writable());
        co_await let_others_run();
        EXPECT_EQ(error_of(ends.near.try_write_some(bytes_of(text))), errc::busy);
        stopped.request_stop();
        const auto by_stop = co_await stopped;
        EXPECT_EQ(error_of(by_stop), std::errc::operation_canceled);
        const auto late = co_await brigade::with_timeout(1ms, ends.near.writable());
        EXPECT_EQ(error_of(late), std::errc::timed_out);
        auto closed = brigade::spawn(ends.near.writable());
        co_await let_others_run();
        ends.near.close();
        const auto by_close = co_await closed;
        EXPECT_EQ(error_of(by_close), errc::closed);
        EXPECT_EQ(error_of(ends.near.try_write_some(bytes_of(text))), errc::closed);
        ends.far.close();
    });
}

TEST(byte_stream, try_write_some_to_a_peer_that_is_gone_gives_a_broken_pipe) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        EXPECT_EQ(ends.near.try_write_some(bytes_of("a")), 1U);
        EXPECT_FALSE(error_of(ends.far.set_linger(std::chrono::seconds(0))));
        ends.far.close();  // which sends a reset
        const auto ended = co_await ends.near.readable();
        EXPECT_FALSE(error_of(ended));
        std::error_code last;
        for (int i = 0; i < 2; ++i) {  // the reset itself, and that there is nobody
            last = error_of(ends.near.try_write_some(bytes_of("b")));
        }
        EXPECT_EQ(last, std::errc::broken_pipe);
    });
}

TEST(byte_stream, read_exactly_waits_for_all_of_it) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        std::string text(10, '\0');
        std::size_t done = 99;
        auto reader = brigade::spawn(ends.near.read_exactly(test::room_in(text), &done));
        for (const std::string part : {"012", "3456", "789more"}) {
            co_await let_others_run();
            EXPECT_FALSE(reader.done());
            co_await test::write_text(ends.far, part);
        }
        const auto got = co_await reader;
        EXPECT_FALSE(error_of(got));
        EXPECT_EQ(done, 10U);
        EXPECT_EQ(text, "0123456789");
        const std::string rest = co_await test::read_text(ends.near, 4);  // no more than that
        EXPECT_EQ(rest, "more");
        const auto nothing = co_await ends.near.read_exactly({}, &done);
        EXPECT_FALSE(error_of(nothing));
        EXPECT_EQ(done, 0U);
    });
}

TEST(byte_stream, read_exactly_says_how_much_there_was_before_the_end) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        co_await test::write_text(ends.far, "short");
        ends.far.close();
        std::string text(10, '\0');
        std::size_t done = 99;
        const auto got = co_await ends.near.read_exactly(test::room_in(text), &done);
        EXPECT_EQ(error_of(got), errc::end_of_stream);
        EXPECT_EQ(done, 5U);
        EXPECT_EQ(text.substr(0, done), "short");
        const auto again = co_await ends.near.read_exactly(test::room_in(text), &done);
        EXPECT_EQ(error_of(again), errc::end_of_stream);
        EXPECT_EQ(done, 0U);
    });
}

TEST(byte_stream, read_exactly_keeps_its_count_through_stop_deadline_and_close) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        std::string text(10, '\0');
        std::size_t done = 99;
        co_await test::write_text(ends.far, "abc");
        auto stopped = brigade::spawn(ends.near.read_exactly(test::room_in(text), &done));
        co_await let_others_run();
        stopped.request_stop();
        const auto by_stop = co_await stopped;
        EXPECT_EQ(error_of(by_stop), std::errc::operation_canceled);
        EXPECT_EQ(done, 3U);
        co_await test::write_text(ends.far, "de");
        const auto late =
            co_await brigade::with_timeout(1ms, ends.near.read_exactly(test::room_in(text).subspan(3), &done));
        EXPECT_EQ(error_of(late), std::errc::timed_out);
        EXPECT_EQ(done, 2U);
        auto closed = brigade::spawn(ends.near.read_exactly(test::room_in(text).subspan(5), &done));
        co_await let_others_run();
        ends.near.close();
        const auto by_close = co_await closed;
        EXPECT_EQ(error_of(by_close), errc::closed);
        EXPECT_EQ(done, 0U);
        EXPECT_EQ(text.substr(0, 5), "abcde");
    });
}

// What `done` says has gone out, arrives; and nothing else.
template <class Write>
task<> counts_what_it_wrote_when_it_is_stopped(Write write) {
    const std::vector<std::byte> bytes = random_bytes(2 * test::more_than_fits);
    test::tcp_pair ends = co_await test::connected_pair();
    test::narrow(ends);
    std::size_t done = 99;
    auto writer = brigade::spawn(write(ends.near, const_bytes(bytes), done));
    co_await let_others_run();
    EXPECT_FALSE(writer.done());
    writer.request_stop();
    const std::error_code stopped = co_await writer;
    EXPECT_EQ(stopped, std::errc::operation_canceled);
    EXPECT_GT(done, 0U);
    EXPECT_LT(done, bytes.size());
    ends.near.close();
    std::vector<std::byte> there(bytes.size());
    std::size_t arrived = 0;
    static_cast<void>(co_await ends.far.read_exactly(there, &arrived));
    EXPECT_EQ(arrived, done);
    EXPECT_TRUE(std::ranges::equal(std::span(there).first(arrived), std::span(bytes).first(arrived)));
}

TEST(byte_stream, write_all_counts_what_it_wrote_when_it_is_stopped) {
    on_workers(1, [] {
        return counts_what_it_wrote_when_it_is_stopped(
            [](brigade::tcp_stream& to, const_bytes bytes, std::size_t& done) -> task<std::error_code> {
                const auto written = co_await to.write_all(bytes, &done);
                co_return error_of(written);
            });
    });
}

TEST(byte_stream, write_all_vectored_counts_what_it_wrote_when_it_is_stopped) {
    on_workers(1, [] {
        return counts_what_it_wrote_when_it_is_stopped(
            [](brigade::tcp_stream& to, const_bytes bytes, std::size_t& done) -> task<std::error_code> {
                const std::vector<const_bytes> pieces = in_pieces(bytes, 10'000, 4);
                const auto written = co_await to.write_all_vectored(pieces, &done);
                co_return error_of(written);
            });
    });
}

TEST(byte_stream, write_all_counts_until_the_peer_is_gone) {
    on_workers(1, []() -> task<> {
        const std::vector<std::byte> bytes(2 * test::more_than_fits);
        test::tcp_pair ends = co_await test::connected_pair();
        test::narrow(ends);
        std::size_t done = 0;
        auto writer = brigade::spawn(ends.near.write_all(bytes, &done));
        co_await let_others_run();
        EXPECT_FALSE(error_of(ends.far.set_linger(0s)));
        ends.far.close();
        const auto written = co_await writer;
        EXPECT_TRUE(error_of(written) == std::errc::connection_reset || error_of(written) == std::errc::broken_pipe);
        EXPECT_GT(done, 0U);
        EXPECT_LT(done, bytes.size());
    });
}

// More buffers than a system call takes, more bytes than the socket takes, and empty ones in every place.
TEST(byte_stream, vectors_of_many_buffers_carry_all_bytes_in_order) {
    on_workers(2, []() -> task<> {
        const std::vector<std::byte> bytes = random_bytes(1 << 20);
        test::tcp_pair ends = co_await test::connected_pair();
        test::narrow(ends);
        std::vector<const_bytes> pieces(200, const_bytes());
        std::ranges::copy(in_pieces(const_bytes(bytes), 5000, 6), std::back_inserter(pieces));
        pieces.insert(pieces.end(), 200, const_bytes());
        std::size_t done = 0;
        const auto write = [&]() -> task<> {
            const auto written = co_await ends.near.write_all_vectored(pieces, &done);
            EXPECT_FALSE(error_of(written));
        };
        std::vector<std::byte> there(bytes.size());
        const auto read = [&]() -> task<> {
            mutable_bytes rest(there);
            for (unsigned seed = 0; !rest.empty(); ++seed) {
                std::vector<mutable_bytes> room(seed % 2 == 0 ? 100 : 0, mutable_bytes());
                std::ranges::copy(in_pieces(rest.first(std::min<std::size_t>(rest.size(), 50'000)), 1000, seed),
                                  std::back_inserter(room));
                const auto got = co_await ends.far.read_some_vectored(room);
                if (got.value() == 0) {
                    ADD_FAILURE() << "the end, which has not come";
                    co_return;
                }
                rest = rest.subspan(*got);
            }
        };
        co_await brigade::when_all(write(), read());
        EXPECT_EQ(done, bytes.size());
        EXPECT_TRUE(there == bytes);
    });
}

TEST(byte_stream, a_vectored_read_gives_what_is_there) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        std::string first(3, '\0');
        std::string second(10, '\0');
        const std::array<mutable_bytes, 3> room{test::room_in(first), mutable_bytes(), test::room_in(second)};
        auto reader = brigade::spawn(ends.near.read_some_vectored(room));
        co_await let_others_run();
        EXPECT_FALSE(reader.done());
        co_await test::write_text(ends.far, "hello");
        const auto got = co_await reader;
        EXPECT_EQ(got.value(), 5U);
        EXPECT_EQ(first, "hel");
        EXPECT_EQ(second.substr(0, 2), "lo");
        auto stopped = brigade::spawn(ends.near.read_some_vectored(room));
        co_await let_others_run();
        stopped.request_stop();
        const auto by_stop = co_await stopped;
        EXPECT_EQ(error_of(by_stop), std::errc::operation_canceled);
        ends.far.close();
        const auto end = co_await ends.near.read_some_vectored(room);
        EXPECT_EQ(end.value(), 0U);
    });
}

TEST(byte_stream, vectors_without_bytes_do_not_wait) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        const auto no_room = co_await ends.near.read_some_vectored({});
        EXPECT_EQ(no_room.value(), 0U);
        const std::vector<mutable_bytes> empty_room(100);
        const auto nothing = co_await ends.near.read_some_vectored(empty_room);
        EXPECT_EQ(nothing.value(), 0U);
        std::size_t done = 99;
        const auto none = co_await ends.near.write_all_vectored({}, &done);
        EXPECT_FALSE(error_of(none));
        EXPECT_EQ(done, 0U);
        const std::vector<const_bytes> empty_bytes(200);
        const auto empty = co_await ends.near.write_all_vectored(empty_bytes, &done);
        EXPECT_FALSE(error_of(empty));
        EXPECT_EQ(done, 0U);
    });
}

}  // namespace
