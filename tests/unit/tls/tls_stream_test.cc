// What a stream does with data, ends, stops and closes.
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <brigade/brigade.hpp>
#include <brigade/tls.hpp>

#include "tests/support/latch.hpp"
#include "tests/support/tcp_pair.hpp"
#include "tests/unit/tls/tls_pair.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::errc;
using brigade::task;
using brigade::tls_errc;
using brigade::tls_stream;
using test::connected_tls;
using test::error_of;
using test::read_error;
using test::write_error;

// More than all buffers between two streams hold.
constexpr std::size_t more_than_fits = std::size_t{32} << 20;

class tls_streams : public test::tls {
protected:
    // Runs `body` with streams that are connected to each other. With one worker, a task that was spawned has run up to
    // where it waits after some yields.
    template <class F>
    void run(F body, unsigned workers = 1) {
        brigade::executor executor({.workers = workers});
        executor.block_on([&]() -> task<> {
            test::tls_pair ends = co_await connected_tls(client(), server());
            co_await body(ends);
        });
    }
};

task<> let_others_run() {
    for (int i = 0; i < 10; ++i) {
        co_await brigade::yield();
    }
}

task<std::error_code> write_much(tls_stream& stream) {
    const std::vector<std::byte> bytes(more_than_fits);
    const auto written = co_await stream.write_all(bytes);
    co_return error_of(written);
}

// Waits until the writer has filled all buffers: the socket's output does not change any more.
task<> until_stuck(tls_stream& reader) {
    std::array<std::byte, 1> one{};
    const auto got = co_await reader.read_some(one);  // something has arrived
    EXPECT_EQ(got.value(), 1U);
    co_await let_others_run();
}

std::byte pattern(std::size_t i) {
    return static_cast<std::byte>((i * 2654435761U) >> 13);
}

task<> send_pattern(tls_stream& to, std::size_t size) {
    std::vector<std::byte> piece;
    std::size_t sent = 0;
    for (std::size_t length = 1; sent < size; length = length * 3 % 200'003 + 1) {  // small and large ones
        piece.resize(std::min(length, size - sent));
        for (std::size_t i = 0; i < piece.size(); ++i) {
            piece[i] = pattern(sent + i);
        }
        const auto written = co_await to.write_all(piece);
        written.value();
        sent += piece.size();
    }
    const auto ended = co_await to.shutdown_write();
    ended.value();
}

task<> expect_pattern(tls_stream& from, std::size_t size) {
    std::vector<std::byte> buffer(50'000);
    std::size_t received = 0;
    bool same = true;
    for (;;) {
        const auto got = co_await from.read_some(buffer);
        if (got.value() == 0) {
            break;
        }
        for (std::size_t i = 0; i < *got; ++i) {
            same = same && buffer[i] == pattern(received + i);
        }
        received += *got;
    }
    EXPECT_TRUE(same);
    EXPECT_EQ(received, size);
}

TEST_F(tls_streams, carry_64_mib_in_both_directions_at_once) {
    constexpr std::size_t size = std::size_t{64} << 20;
    run(
        [](test::tls_pair& ends) -> task<> {
            co_await brigade::when_all(send_pattern(ends.near, size), expect_pattern(ends.far, size),
                                       send_pattern(ends.far, size), expect_pattern(ends.near, size));
        },
        2);
}

TEST_F(tls_streams, change_their_keys_while_both_sides_write) {
    constexpr std::size_t size = std::size_t{4} << 20;
    run(
        [](test::tls_pair& ends) -> task<> {
            // Goes out with the next write; each of the two answers the other.
            EXPECT_EQ(::SSL_key_update(ends.near.native_handle(), SSL_KEY_UPDATE_REQUESTED), 1);
            EXPECT_EQ(::SSL_key_update(ends.far.native_handle(), SSL_KEY_UPDATE_REQUESTED), 1);
            co_await brigade::when_all(send_pattern(ends.near, size), expect_pattern(ends.far, size),
                                       send_pattern(ends.far, size), expect_pattern(ends.near, size));
        },
        2);
}

TEST_F(tls_streams, a_reader_that_must_answer_does_not_wait_for_a_peer_that_only_writes) {
    run([](test::tls_pair& ends) -> task<> {
        auto stuck = brigade::spawn([&ends] { return write_much(ends.far); });
        co_await until_stuck(ends.near);
        // The near side's answer has no room in the sockets, and nobody at the far side reads.
        auto also_stuck = brigade::spawn([&ends] { return write_much(ends.near); });
        co_await let_others_run();
        const std::string heard = co_await test::read_text(ends.near, more_than_fits - 1);
        EXPECT_EQ(heard.size(), more_than_fits - 1);
        const std::error_code written = co_await stuck;
        EXPECT_FALSE(written);
        ends.near.close();
        const std::error_code closed = co_await also_stuck;
        EXPECT_EQ(closed, errc::closed);
    });
}

TEST_F(tls_streams, an_empty_buffer_reads_and_writes_nothing) {
    run([](test::tls_pair& ends) -> task<> {
        const auto read = co_await ends.near.read_some({});
        EXPECT_EQ(read.value(), 0U);
        const auto written = co_await ends.near.write_all({});
        EXPECT_FALSE(error_of(written));
    });
}

TEST_F(tls_streams, end_both_ways_by_close_notify) {
    run([](test::tls_pair& ends) -> task<> {
        const auto [near, far] = co_await brigade::when_all(ends.near.shutdown(), ends.far.shutdown());
        EXPECT_FALSE(error_of(near));
        EXPECT_FALSE(error_of(far));
    });
}

TEST_F(tls_streams, end_one_way_while_the_other_goes_on) {
    run([](test::tls_pair& ends) -> task<> {
        const auto ended = co_await ends.near.shutdown_write();
        EXPECT_FALSE(error_of(ended));
        for (int i = 0; i < 2; ++i) {  // the end stays the end
            const std::string nothing = co_await test::read_text(ends.far, 1);
            EXPECT_EQ(nothing, "");
        }
        const std::error_code refused = co_await write_error(ends.near, "x");
        EXPECT_EQ(refused, std::errc::broken_pipe);
        const std::error_code sent = co_await write_error(ends.far, "answer");
        EXPECT_FALSE(sent);
        const std::string answer = co_await test::read_text(ends.near, 6);
        EXPECT_EQ(answer, "answer");
    });
}

TEST_F(tls_streams, an_end_without_close_notify_is_an_error) {
    run([](test::tls_pair& ends) -> task<> {
        const auto greeted = co_await brigade::when_all(write_error(ends.far, "!"), test::read_text(ends.near, 1));
        EXPECT_EQ(std::get<1>(greeted), "!");  // nothing is left to read that would make it a reset
        const std::error_code sent = co_await write_error(ends.near, "half a sen");
        EXPECT_FALSE(sent);
        ends.near.close();
        const std::string heard = co_await test::read_text(ends.far, 10);
        EXPECT_EQ(heard, "half a sen");
        for (int i = 0; i < 2; ++i) {
            const std::error_code error = co_await read_error(ends.far);
            EXPECT_EQ(error, tls_errc::truncated);
        }
        EXPECT_EQ(make_error_code(tls_errc::truncated).message(), "the connection ended without close_notify");
    });
}

TEST_F(tls_streams, shutdown_says_when_the_peer_sent_more_or_just_closed) {
    run([](test::tls_pair& ends) -> task<> {
        const std::error_code sent = co_await write_error(ends.near, "more");
        EXPECT_FALSE(sent);
        const auto unread = co_await ends.far.shutdown();
        EXPECT_EQ(error_of(unread), tls_errc::unread_data);
        ends.far.close();
        const auto cut = co_await ends.near.shutdown();
        EXPECT_FALSE(error_of(cut));  // the far side's close_notify had been sent
    });
    run([](test::tls_pair& ends) -> task<> {
        ends.far.close();
        const auto cut = co_await ends.near.shutdown();
        EXPECT_EQ(error_of(cut), tls_errc::truncated);
    });
}

TEST_F(tls_streams, a_second_reader_or_writer_is_refused) {
    run([](test::tls_pair& ends) -> task<> {
        auto reader = brigade::spawn([&ends] { return read_error(ends.near); });
        auto writer = brigade::spawn([&ends] { return write_much(ends.near); });
        co_await let_others_run();
        const std::error_code second_reader = co_await read_error(ends.near);
        EXPECT_EQ(second_reader, errc::busy);
        const std::error_code second_writer = co_await write_error(ends.near, "x");
        EXPECT_EQ(second_writer, errc::busy);
        const auto shut = co_await ends.near.shutdown_write();
        EXPECT_EQ(error_of(shut), errc::busy);
        ends.near.close();
        const std::error_code read = co_await reader;
        EXPECT_EQ(read, errc::closed);
        const std::error_code written = co_await writer;
        EXPECT_EQ(written, errc::closed);
    });
}

TEST_F(tls_streams, after_close_every_operation_says_so) {
    run([](test::tls_pair& ends) -> task<> {
        const std::error_code sent = co_await write_error(ends.far, "unread");
        EXPECT_FALSE(sent);
        std::array<std::byte, 1> one{};
        const auto got = co_await ends.near.read_some(one);
        EXPECT_EQ(got.value(), 1U);
        ends.near.close();
        ends.near.close();
        const std::error_code read = co_await read_error(ends.near);  // although the rest is there, decrypted
        EXPECT_EQ(read, errc::closed);
        const std::error_code written = co_await write_error(ends.near, "x");
        EXPECT_EQ(written, errc::closed);
        const auto shut = co_await ends.near.shutdown();
        EXPECT_EQ(error_of(shut), errc::closed);
        EXPECT_EQ(error_of(ends.near.remote_endpoint()), errc::closed);
    });
}

TEST_F(tls_streams, without_a_connection_every_operation_says_so) {
    run([](test::tls_pair& ends) -> task<> {
        const tls_stream moved = std::move(ends.near);
        tls_stream empty;
        const std::error_code read = co_await read_error(empty);
        EXPECT_EQ(read, errc::closed);
        const std::error_code written = co_await write_error(empty, "x");
        EXPECT_EQ(written, errc::closed);
        const auto shut = co_await empty.shutdown();
        EXPECT_EQ(error_of(shut), errc::closed);
        EXPECT_EQ(error_of(empty.local_endpoint()), errc::closed);
        EXPECT_EQ(empty.alpn() + empty.server_name() + empty.protocol(), "");
        EXPECT_FALSE(empty.resumed());
        EXPECT_EQ(empty.native_handle(), nullptr);
    });
}

TEST_F(tls_streams, a_stopped_read_loses_nothing) {
    run([](test::tls_pair& ends) -> task<> {
        for (int i = 0; i < 20; ++i) {
            auto reader = brigade::spawn([&ends] { return read_error(ends.near); });
            co_await let_others_run();
            reader.request_stop();
            const std::error_code stopped = co_await reader;
            EXPECT_EQ(stopped, std::errc::operation_canceled);
            const std::error_code sent = co_await write_error(ends.far, "word");
            EXPECT_FALSE(sent);
            const std::string heard = co_await test::read_text(ends.near, 4);
            EXPECT_EQ(heard, "word");
        }
    });
}

TEST_F(tls_streams, a_read_that_runs_out_of_time_loses_nothing) {
    run([](test::tls_pair& ends) -> task<> {
        const auto late = co_await brigade::with_timeout(1ms, read_error(ends.near));
        EXPECT_EQ(late.value(), std::errc::operation_canceled);
        const auto sent = co_await brigade::with_timeout(60s, ends.far.write_all(test::bytes_of("word")));
        EXPECT_FALSE(error_of(sent));
        const std::string heard = co_await test::read_text(ends.near, 4);
        EXPECT_EQ(heard, "word");
    });
}

TEST_F(tls_streams, a_write_that_is_stopped_before_it_begins_changes_nothing) {
    run([](test::tls_pair& ends) -> task<> {
        auto stopped = brigade::spawn([&ends]() -> task<std::error_code> {
            while (!(co_await brigade::get_stop_token()).stop_requested()) {
                co_await brigade::yield();
            }
            co_return co_await write_error(ends.near, "never");
        });
        stopped.request_stop();
        const std::error_code error = co_await stopped;
        EXPECT_EQ(error, std::errc::operation_canceled);
        const std::error_code sent = co_await write_error(ends.near, "word");
        EXPECT_FALSE(sent);
        const std::string heard = co_await test::read_text(ends.far, 4);
        EXPECT_EQ(heard, "word");
    });
}

TEST_F(tls_streams, a_stopped_write_says_what_it_has_taken_and_the_stream_goes_on) {
    run([](test::tls_pair& ends) -> task<> {
        std::string text(more_than_fits, 'a');
        std::size_t taken = 0;
        auto writer = brigade::spawn([&]() -> task<std::error_code> {
            const auto written = co_await ends.near.write_all(test::bytes_of(text), &taken);
            co_return error_of(written);
        });
        co_await until_stuck(ends.far);
        writer.request_stop();
        const std::error_code stopped = co_await writer;
        EXPECT_EQ(stopped, std::errc::operation_canceled);
        EXPECT_GT(taken, 0U);
        EXPECT_LT(taken, more_than_fits);
        auto further = brigade::spawn([&ends] { return write_error(ends.near, "word"); });
        const std::string heard = co_await test::read_text(ends.far, taken - 1 + 4);
        EXPECT_EQ(heard, text.substr(0, taken - 1) + "word");
        const std::error_code written = co_await further;
        EXPECT_FALSE(written);
    });
}

TEST_F(tls_streams, what_a_stopped_write_has_taken_arrives_without_another) {
    run([](test::tls_pair& ends) -> task<> {
        const std::vector<std::byte> bytes(more_than_fits);
        std::size_t taken = 0;
        auto writer = brigade::spawn([&]() -> task<std::error_code> {
            const auto written = co_await brigade::with_timeout(10ms, ends.near.write_all(bytes, &taken));
            co_return error_of(written);
        });
        const std::error_code late = co_await writer;
        EXPECT_EQ(late, std::errc::timed_out);
        const std::string heard = co_await test::read_text(ends.far, taken);
        EXPECT_EQ(heard.size(), taken);
    });
}

TEST_F(tls_streams, closing_from_another_thread_wakes_those_who_wait) {
    run([](test::tls_pair& ends) -> task<> {
        auto reader = brigade::spawn([&ends] { return read_error(ends.near); });
        auto writer = brigade::spawn([&ends] { return write_much(ends.near); });
        co_await let_others_run();
        co_await brigade::spawn_blocking([&ends] { ends.near.close(); });
        const std::error_code read = co_await reader;
        EXPECT_EQ(read, errc::closed);
        const std::error_code written = co_await writer;
        EXPECT_EQ(written, errc::closed);
    });
}

TEST_F(tls_streams, race_of_reads_writes_stops_and_closes) {
    run(
        [](test::tls_pair& ends) -> task<> {
            auto reader = brigade::spawn([&ends] { return read_error(ends.near); });
            auto writer = brigade::spawn([&ends] { return write_error(ends.near, "some text"); });
            auto other = brigade::spawn([&ends] { return write_error(ends.far, "some more text"); });
            reader.request_stop();
            writer.request_stop();
            ends.near.close();
            co_await reader;
            co_await writer;
            co_await other;
        },
        2);
}

TEST_F(tls_streams, an_executor_ends_while_tasks_wait_on_streams) {
    brigade::executor executor({.workers = 2});
    executor.block_on([this]() -> task<> {
        const auto ends = std::make_shared<test::tls_pair>(co_await connected_tls(client(), server()));
        test::latch begun(2);
        brigade::spawn([ends, &begun]() -> task<> {
            begun.count_down();
            co_await read_error(ends->near);
        }).detach();
        brigade::spawn([ends, &begun]() -> task<> {
            begun.count_down();
            co_await write_much(ends->near);
        }).detach();
        co_await begun.wait_in_task();
    });
    executor.shutdown(0ms);
}

}  // namespace
