// sendfile and splice.
#include <brigade/transfer.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <brigade/brigade.hpp>

#include "tests/support/random_bytes.hpp"
#include "tests/support/tcp_pair.hpp"
#include "tests/unit/io/on_workers.hpp"
#include "tests/unit/io/sockets.hpp"
#include "tests/unit/io/temporary_folder.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::errc;
using brigade::owned_fd;
using brigade::pipe_ends;
using brigade::task;
using brigade::unix_stream;
using test::bytes_of;
using test::error_of;
using test::let_others_run;
using test::on_workers;
using test::random_bytes;

// An open file with these bytes.
owned_fd file_of(const test::temporary_folder& folder, const std::vector<std::byte>& bytes) {
    owned_fd file(::open((folder / "file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    EXPECT_EQ(::write(file.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    return file;
}

TEST(transfer, a_file_is_sent_over_tcp_and_unix_streams) {
    const test::temporary_folder folder;
    const std::vector<std::byte> bytes = random_bytes(1 << 20, 11);
    const owned_fd file = file_of(folder, bytes);
    on_workers(2, [&bytes, &file]() -> task<> {
        constexpr std::size_t offset = 1000;
        const std::size_t count = bytes.size() - 2 * offset;
        test::tcp_pair tcp = co_await test::connected_pair();
        test::narrow(tcp);
        auto [near, far] = unix_stream::pair().value();
        for (const auto& [from, to] : {std::pair<brigade::byte_stream*, brigade::byte_stream*>(&tcp.near, &tcp.far),
                                       std::pair<brigade::byte_stream*, brigade::byte_stream*>(&near, &far)}) {
            std::vector<std::byte> there(count);
            std::size_t done = 0;
            const auto both = co_await brigade::when_all(brigade::send_file(*from, file.get(), offset, count, &done),
                                                         to->read_exactly(there));
            EXPECT_FALSE(error_of(std::get<0>(both)));
            EXPECT_FALSE(error_of(std::get<1>(both)));
            EXPECT_EQ(done, count);
            EXPECT_TRUE(std::ranges::equal(there, std::span(bytes).subspan(offset, count)));
        }
    });
}

TEST(transfer, a_file_that_is_too_short_says_how_much_was_sent) {
    const test::temporary_folder folder;
    const owned_fd file = file_of(folder, random_bytes(100, 11));
    on_workers(1, [&file]() -> task<> {
        auto [near, far] = unix_stream::pair().value();
        std::size_t done = 0;
        const auto sent = co_await brigade::send_file(near, file.get(), 40, 100, &done);
        EXPECT_EQ(error_of(sent), errc::end_of_stream);
        EXPECT_EQ(done, 60U);
        const auto nothing = co_await brigade::send_file(near, file.get(), 0, 0, &done);
        EXPECT_FALSE(error_of(nothing));
        EXPECT_EQ(done, 0U);
        const auto no_file = co_await brigade::send_file(near, -1, 0, 1);
        EXPECT_EQ(error_of(no_file), std::errc::bad_file_descriptor);
        const auto beyond = co_await brigade::send_file(near, file.get(), std::uint64_t{1} << 63, 1);
        EXPECT_EQ(error_of(beyond), std::errc::invalid_argument);
        far.close();
        const auto broken = co_await brigade::send_file(near, file.get(), 0, 10, &done);
        EXPECT_EQ(error_of(broken), std::errc::broken_pipe);
    });
}

TEST(transfer, a_stopped_send_says_how_much_was_sent) {
    const test::temporary_folder folder;
    const std::vector<std::byte> bytes = random_bytes(2 << 20, 11);
    const owned_fd file = file_of(folder, bytes);
    on_workers(1, [&]() -> task<> {
        auto [near, far] = unix_stream::pair().value();
        std::size_t done = 0;
        const auto sent =
            co_await brigade::with_timeout(2ms, brigade::send_file(near, file.get(), 0, bytes.size(), &done));
        EXPECT_EQ(error_of(sent), std::errc::timed_out);
        near.close();
        std::vector<std::byte> there(bytes.size());
        std::size_t arrived = 0;
        static_cast<void>(co_await far.read_exactly(there, &arrived));
        EXPECT_EQ(arrived, done);
        EXPECT_TRUE(std::ranges::equal(std::span(there).first(done), std::span(bytes).first(done)));
    });
}

// From one socket through a pipe to another: what a proxy does. Every part has to wait for every other at times.
TEST(transfer, bytes_go_from_socket_to_pipe_to_socket) {
    on_workers(2, []() -> task<> {
        const std::vector<std::byte> bytes = random_bytes(1 << 20, 11);
        test::tcp_pair in = co_await test::connected_pair();
        test::tcp_pair out = co_await test::connected_pair();
        test::narrow(in);
        test::narrow(out);
        pipe_ends pipe = brigade::make_pipe().value();
        std::vector<std::byte> there(bytes.size());
        std::size_t into_pipe = 0;
        std::size_t out_of_pipe = 0;
        const auto all = co_await brigade::when_all(
            in.near.write_all(bytes), brigade::splice(in.far, pipe.writer, bytes.size(), &into_pipe),
            brigade::splice(pipe.reader, out.near, bytes.size(), &out_of_pipe), out.far.read_exactly(there));
        EXPECT_FALSE(error_of(std::get<0>(all)));
        EXPECT_EQ(std::get<1>(all).value(), bytes.size());
        EXPECT_EQ(std::get<2>(all).value(), bytes.size());
        EXPECT_EQ(into_pipe, bytes.size());
        EXPECT_EQ(out_of_pipe, bytes.size());
        EXPECT_TRUE(there == bytes);
    });
}

TEST(transfer, a_splice_ends_with_its_source) {
    on_workers(1, []() -> task<> {
        auto [near, far] = unix_stream::pair().value();
        pipe_ends pipe = brigade::make_pipe().value();
        auto moving = brigade::spawn(brigade::splice(far, pipe.writer, 100));
        static_cast<void>(co_await near.write_all(bytes_of("a few")));
        near.close();
        const auto moved = co_await moving;
        EXPECT_EQ(moved.value(), 5U);
        auto back = unix_stream::pair().value();
        pipe.writer.close();
        const auto out = co_await brigade::splice(pipe.reader, back.first, 100);
        EXPECT_EQ(out.value(), 5U);
        const auto none = co_await brigade::splice(pipe.reader, back.first, 0);
        EXPECT_EQ(none.value(), 0U);
    });
}

TEST(transfer, a_splice_waits_at_either_end_and_is_stopped_there) {
    on_workers(1, []() -> task<> {
        auto [near, far] = unix_stream::pair().value();
        pipe_ends pipe = brigade::make_pipe().value();
        std::size_t done = 0;
        const auto no_bytes = co_await brigade::with_timeout(1ms, brigade::splice(far, pipe.writer, 100, &done));
        EXPECT_EQ(error_of(no_bytes), std::errc::timed_out);
        EXPECT_EQ(done, 0U);
        EXPECT_EQ(pipe.writer.set_capacity(4096).value(), 4096U);
        const std::vector<std::byte> bytes(100'000);
        static_cast<void>(co_await near.write_all(bytes));
        const auto no_room =
            co_await brigade::with_timeout(2ms, brigade::splice(far, pipe.writer, bytes.size(), &done));
        EXPECT_EQ(error_of(no_room), std::errc::timed_out);
        EXPECT_GT(done, 0U);
        std::vector<std::byte> rest(bytes.size());
        const auto in_pipe = co_await pipe.reader.read_exactly(std::span(rest).first(done));
        EXPECT_FALSE(error_of(in_pipe));
        const auto in_socket = co_await far.read_exactly(std::span(rest).subspan(done));  // nothing is lost
        EXPECT_FALSE(error_of(in_socket));
    });
}

TEST(transfer, a_splice_is_refused_where_somebody_else_waits_and_notices_close) {
    on_workers(1, []() -> task<> {
        auto [near, far] = unix_stream::pair().value();
        pipe_ends pipe = brigade::make_pipe().value();
        auto first = brigade::spawn(brigade::splice(far, pipe.writer, 100));
        co_await let_others_run();
        pipe_ends other = brigade::make_pipe().value();
        const auto second = co_await brigade::splice(far, other.writer, 100);
        EXPECT_EQ(error_of(second), errc::busy);
        far.close();
        const auto closed = co_await first;
        EXPECT_EQ(error_of(closed), errc::closed);
        other.writer.close();
        const auto no_target = co_await brigade::splice(near, other.writer, 100);
        EXPECT_EQ(error_of(no_target), errc::closed);
        brigade::pipe_writer never_open;
        auto fresh = unix_stream::pair().value();
        static_cast<void>(co_await fresh.first.write_all(bytes_of("x")));
        const auto never = co_await brigade::splice(fresh.second, never_open, 100);
        EXPECT_EQ(error_of(never), errc::closed);
    });
}

TEST(transfer, a_target_without_readers_is_an_error) {
    on_workers(1, []() -> task<> {
        auto [near, far] = unix_stream::pair().value();
        pipe_ends pipe = brigade::make_pipe().value();
        static_cast<void>(co_await near.write_all(bytes_of("x")));
        pipe.reader.close();
        const auto moved = co_await brigade::splice(far, pipe.writer, 1);
        EXPECT_EQ(error_of(moved), std::errc::broken_pipe);
    });
}

}  // namespace
