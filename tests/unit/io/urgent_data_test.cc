// Urgent data (MSG_OOB) in a TCP stream: the byte itself is not part of the stream, and who reads hears of the rest all
// the same.
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <brigade/brigade.hpp>

#include "tests/support/tcp_pair.hpp"
#include "tests/unit/io/cpu_time.hpp"
#include "tests/unit/io/on_workers.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::task;
using brigade::tcp_stream;
using test::on_workers;

void send_urgent(const tcp_stream& stream, char byte) {
    EXPECT_EQ(::send(stream.native_handle(), &byte, 1, MSG_OOB | MSG_NOSIGNAL), 1);
}

// Reads with room for more than there is, so that what is left out shows as a wait without an end.
task<std::string> read_to_the_end(tcp_stream& stream) {
    std::string all;
    std::array<std::byte, 1000> place{};
    for (;;) {
        const auto got = co_await stream.read_some(place);
        if (got.value() == 0) {
            co_return all;
        }
        all.append(reinterpret_cast<const char*>(place.data()), *got);
    }
}

TEST(urgent_data, hides_no_bytes_that_come_before_or_after) {
    on_workers(2, []() -> task<> {
        for (int round = 0; round < 50; ++round) {
            test::tcp_pair ends = co_await test::connected_pair();
            auto reading = brigade::spawn(read_to_the_end(ends.far));
            co_await test::write_text(ends.near, "before");
            send_urgent(ends.near, '!');
            co_await test::write_text(ends.near, "after");
            EXPECT_TRUE(ends.near.shutdown_write().has_value());
            const std::string all = co_await reading;
            EXPECT_EQ(all, "beforeafter");
        }
    });
}

TEST(urgent_data, comes_to_a_reader_that_waits_and_does_not_keep_it_from_the_next_bytes) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        for (int i = 0; i < 10; ++i) {
            auto reading = brigade::spawn(test::read_text(ends.far, 5));
            co_await test::let_others_run();
            send_urgent(ends.near, '!');
            co_await test::write_text(ends.near, "bytes");
            const std::string bytes = co_await reading;
            EXPECT_EQ(bytes, "bytes");
        }
    });
}

TEST(urgent_data, alone_is_nothing_to_read) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        send_urgent(ends.near, '!');
        std::array<std::byte, 10> place{};
        const auto none = co_await brigade::with_timeout(20ms, ends.far.read_some(place));
        EXPECT_EQ(test::error_of(none), std::errc::timed_out);
    });
}

// splice(2) says EAGAIN for ever where urgent data stand next, although the socket is readable. What comes before goes
// through; then it ends with an error or waits, and computes nothing meanwhile.
TEST(urgent_data, a_splice_gives_what_comes_before_and_does_not_spin) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        brigade::pipe_ends pipe = brigade::make_pipe().value();
        co_await test::write_text(ends.near, "before");
        send_urgent(ends.near, '!');
        co_await test::write_text(ends.near, "after");
        const auto begin = test::now();
        const std::chrono::nanoseconds cpu_before = test::cpu_time_of_process();
        std::size_t done = 0;
        const auto moved = co_await brigade::with_timeout(300ms, brigade::splice(ends.far, pipe.writer, 11, &done));
        const std::chrono::nanoseconds cpu = test::cpu_time_of_process() - cpu_before;
        EXPECT_TRUE(moved.has_value() || moved.error() == std::errc::timed_out || moved.error() == std::errc::io_error)
            << moved.error().message();
        EXPECT_GE(done, 6U);
        std::string there(done, '\0');
        const auto got = co_await pipe.reader.read_exactly(test::room_in(there));
        EXPECT_FALSE(test::error_of(got));
        EXPECT_EQ(there, std::string_view("beforeafter").substr(0, done));
        // One that spins uses all of the time until the limit.
        const std::chrono::nanoseconds real = test::now() - begin;
        EXPECT_TRUE(cpu < real / 2 || real < 100ms) << cpu.count() << " ns of " << real.count();
        // What is left can be read.
        EXPECT_TRUE(ends.near.shutdown_write().has_value());
        const std::string rest = co_await read_to_the_end(ends.far);
        EXPECT_EQ(there + rest, "beforeafter");
    });
}

}  // namespace
