// close_notify: said twice, stopped while it is said, and said among data.
#include <chrono>
#include <cstddef>
#include <string>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>
#include <brigade/tls.hpp>

#include "tests/support/tcp_pair.hpp"
#include "tests/unit/tls/tls_pair.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::task;
using test::error_of;
using test::write_error;

// More than all buffers between two streams hold.
constexpr std::size_t more_than_fits = std::size_t{32} << 20;

class tls_shutdown : public test::tls {
protected:
    // Runs `body` with streams that are connected to each other.
    template <class F>
    void run(F body) {
        brigade::executor executor({.workers = 1});
        executor.block_on([&]() -> task<> {
            test::tls_pair ends = co_await test::connected_tls(client(), server());
            co_await body(ends);
        });
    }
};

task<std::error_code> shutdown_write_error(brigade::tls_stream& stream) {
    const auto ended = co_await stream.shutdown_write();
    co_return error_of(ended);
}

// The rest of what the peer has sent, and its end.
task<std::size_t> size_to_the_end(brigade::tls_stream& stream) {
    std::vector<std::byte> place(65536);
    std::size_t all = 0;
    for (;;) {
        const auto got = co_await stream.read_some(place);
        if (got.value() == 0) {
            co_return all;
        }
        all += *got;
    }
}

TEST_F(tls_shutdown, a_second_close_notify_changes_nothing) {
    run([](test::tls_pair& ends) -> task<> {
        for (int i = 0; i < 3; ++i) {
            const std::error_code ended = co_await shutdown_write_error(ends.near);
            EXPECT_FALSE(ended);
        }
        const std::size_t nothing = co_await size_to_the_end(ends.far);
        EXPECT_EQ(nothing, 0U);
        const std::error_code answered = co_await write_error(ends.far, "answer");
        EXPECT_FALSE(answered);
        const std::string answer = co_await test::read_text(ends.near, 6);
        EXPECT_EQ(answer, "answer");
        const auto both = co_await brigade::when_all(ends.near.shutdown(), ends.far.shutdown());
        EXPECT_FALSE(error_of(std::get<0>(both)));
        EXPECT_FALSE(error_of(std::get<1>(both)));
    });
}

TEST_F(tls_shutdown, a_second_close_notify_leaves_what_was_not_read) {
    run([](test::tls_pair& ends) -> task<> {
        const std::error_code written = co_await write_error(ends.far, "unread");
        EXPECT_FALSE(written);
        for (int i = 0; i < 2; ++i) {
            const std::error_code ended = co_await shutdown_write_error(ends.near);
            EXPECT_FALSE(ended);
        }
        const std::string text = co_await test::read_text(ends.near, 6);
        EXPECT_EQ(text, "unread");
    });
}

// It has its place behind what was taken to be sent before, and gets there without anyone's help.
TEST_F(tls_shutdown, one_that_is_stopped_while_it_waits_is_sent_all_the_same) {
    run([](test::tls_pair& ends) -> task<> {
        const std::vector<std::byte> bytes(more_than_fits);
        std::size_t taken = 0;
        for (std::size_t more = 1; more != 0; taken += more) {
            const auto written = co_await brigade::with_timeout(10ms, ends.near.write_all(bytes, &more));
            EXPECT_EQ(error_of(written), std::errc::timed_out);
        }
        const auto late = co_await brigade::with_timeout(10ms, ends.near.shutdown_write());
        EXPECT_TRUE(error_of(late) == std::errc::timed_out || !error_of(late));  // the system may have found some room
        const std::size_t heard = co_await size_to_the_end(ends.far);
        EXPECT_EQ(heard, taken);
        const std::error_code refused = co_await write_error(ends.near, "x");
        EXPECT_EQ(refused, std::errc::broken_pipe);
        const std::error_code again = co_await shutdown_write_error(ends.near);
        EXPECT_FALSE(again);
    });
}

TEST_F(tls_shutdown, one_that_is_stopped_before_it_begins_ends_the_stream_or_leaves_it_open) {
    run([](test::tls_pair& ends) -> task<> {
        auto ending = brigade::spawn(shutdown_write_error(ends.near));
        ending.request_stop();
        const std::error_code stopped = co_await ending;
        EXPECT_EQ(stopped, std::errc::operation_canceled);
        const std::error_code again = co_await shutdown_write_error(ends.near);
        EXPECT_FALSE(again);
        const std::size_t heard = co_await size_to_the_end(ends.far);
        EXPECT_EQ(heard, 0U);
    });
}

}  // namespace
