// Connections that are reset at any moment: each operation ends, with a value or with an error that says what happened,
// and nothing is left behind.
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/fault/injected.hpp"
#include "tests/support/tcp_pair.hpp"

namespace {

using brigade::byte_stream;
using brigade::errc;
using brigade::task;
using brigade::tcp_stream;
using brigade::unix_stream;

using message = std::array<std::byte, 64>;

constexpr unsigned connections = 16;
constexpr unsigned messages = 100;

bool says_what_happened(const std::error_code& error) {
    return error == std::errc::connection_reset || error == std::errc::broken_pipe ||
           error == std::errc::not_connected || error == errc::end_of_stream;
}

std::ptrdiff_t open_descriptors() {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

// How the two ends of a connection came to their end.
struct outcome {
    unsigned answered = 0;
    unsigned wrong = 0;
    std::error_code asking{};
    std::error_code answering{};
};

message nth(unsigned n) {
    message made;
    made.fill(static_cast<std::byte>(n));
    return made;
}

task<> ask(byte_stream& stream, outcome& came) {
    for (unsigned n = 0; n < messages; ++n) {
        const message question = nth(n);
        const auto written = co_await stream.write_all(question);
        message answer{};
        std::expected<void, std::error_code> got = written;
        if (written) {
            got = co_await stream.read_exactly(answer);
        }
        if (!got) {
            came.asking = got.error();
            break;
        }
        came.wrong += answer == question ? 0 : 1;
        ++came.answered;
    }
    stream.close();
}

// By whatever pieces come.
task<> echo(byte_stream& stream, outcome& came) {
    message place{};
    for (;;) {
        const auto got = co_await stream.read_some(place);
        if (!got) {
            came.answering = got.error();
            break;
        }
        if (*got == 0) {
            break;
        }
        const auto written = co_await stream.write_all(std::span(place).first(*got));
        if (!written) {
            came.answering = written.error();
            break;
        }
    }
    stream.close();
}

template <class Stream>
task<> converse(Stream near, Stream far, outcome& came) {
    auto asking = brigade::spawn(ask(near, came));
    auto answering = brigade::spawn(echo(far, came));
    co_await asking;
    co_await answering;
}

task<> traffic(std::vector<outcome>& outcomes) {
    std::vector<brigade::join_handle<void>> running;
    for (outcome& came : outcomes) {
        if (running.size() % 2 == 0) {
            test::tcp_pair ends = co_await test::connected_pair();
            running.push_back(brigade::spawn(converse(std::move(ends.near), std::move(ends.far), came)));
        } else {
            auto ends = unix_stream::pair().value();
            running.push_back(brigade::spawn(converse(std::move(ends.first), std::move(ends.second), came)));
        }
    }
    for (auto& one : running) {
        co_await one;
    }
}

void expect_clear_ends(unsigned workers, const fault::kinds& faults) {
    const std::ptrdiff_t open_before = open_descriptors();
    unsigned ended_early = 0;
    unsigned answered = 0;
    for (int round = 0; round < 10; ++round) {
        std::vector<outcome> outcomes(connections);
        fault::inject(faults);
        {
            brigade::executor executor({.workers = workers});
            executor.block_on(traffic(outcomes));
        }
        fault::inject({});
        for (const outcome& came : outcomes) {
            EXPECT_EQ(came.wrong, 0U);
            EXPECT_TRUE(!came.asking || says_what_happened(came.asking)) << came.asking.message();
            EXPECT_TRUE(!came.answering || says_what_happened(came.answering)) << came.answering.message();
            EXPECT_EQ(came.answered == messages, !came.asking);
            ended_early += came.asking ? 1 : 0;
            answered += came.answered;
        }
    }
    EXPECT_EQ(open_descriptors(), open_before);
    EXPECT_GT(ended_early, 0U);  // else nothing was tested
    EXPECT_GT(answered, 0U);
}

TEST(reset, ends_each_operation_with_an_error_that_says_so) {
    expect_clear_ends(1, {.resets = true, .one_in = 300});
    expect_clear_ends(2, {.resets = true, .one_in = 300});
}

TEST(reset, comes_among_interruptions_and_short_transfers) {
    expect_clear_ends(
        2, {.interrupted = true, .would_block = true, .short_transfers = true, .resets = true, .one_in = 100});
}

TEST(reset, comes_to_operations_on_several_buffers_as_well) {
    brigade::executor executor({.workers = 1});
    executor.block_on([]() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        message first{};
        message second{};
        const std::array<brigade::const_bytes, 2> from{first, second};
        const std::array<brigade::mutable_bytes, 2> into{first, second};
        fault::inject({.resets = true, .one_in = 1});
        const auto written = co_await ends.near.write_all_vectored(from);
        EXPECT_EQ(test::error_of(written), std::errc::connection_reset);
        const auto got = co_await ends.far.read_some_vectored(into);
        EXPECT_EQ(test::error_of(got), std::errc::connection_reset);
        fault::inject({});
    });
}

}  // namespace
