// TLS on the connections of a server: its limits and its drain hold there as well.
#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <brigade/brigade.hpp>
#include <brigade/tls.hpp>

#include "tests/support/tcp_pair.hpp"
#include "tests/unit/tls/tls_pair.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::errc;
using brigade::task;
using testing::ElementsAre;

const std::error_code timed_out = std::make_error_code(std::errc::timed_out);

// Each read is a message.
class echo {
public:
    echo(brigade::tls_context context, std::vector<std::error_code>& ends)
        : context_(std::move(context)), ends_(ends) {}

    task<> operator()(brigade::tcp_connection& client) const {
        auto shaking_hands = brigade::tls_stream::accept(context_, std::move(client));
        auto tls = co_await std::move(shaking_hands);
        if (!tls) {
            ends_.push_back(tls.error());
            co_return;
        }
        client.message_done();
        std::array<std::byte, 100> buffer{};
        for (;;) {
            const auto got = co_await tls->read_some(buffer);
            if (!got || *got == 0) {
                ends_.push_back(test::error_of(got));
                const auto ended = co_await tls->shutdown_write();
                EXPECT_TRUE(ended) << "a last word needs no waiting";
                co_return;
            }
            const auto sent = co_await tls->write_all(std::span(buffer).first(*got));
            EXPECT_TRUE(sent);
            client.message_done();
        }
    }

private:
    brigade::tls_context context_;
    std::vector<std::error_code>& ends_;
};

// One worker, so that `ends` needs no lock.
class tls_server : public test::tls {
protected:
    task<brigade::tls_stream> connect_and_ask() {
        auto connecting = brigade::tcp_stream::connect(address);
        auto tcp = co_await std::move(connecting);
        auto shaking_hands = brigade::tls_stream::connect(client(), std::move(tcp.value()), "server.test");
        auto stream = co_await std::move(shaking_hands);
        const auto sent = co_await stream.value().write_all(test::bytes_of("hello"));
        EXPECT_TRUE(sent);
        auto reading = test::read_text(*stream, 5);
        const std::string answer = co_await std::move(reading);
        EXPECT_EQ(answer, "hello");
        co_return std::move(*stream);
    }
    task<> expect_end(brigade::tls_stream& stream) {
        auto reading = test::read_text(stream, 1);
        const std::string nothing = co_await std::move(reading);
        EXPECT_EQ(nothing, "");  // by close_notify: otherwise it throws
    }

    std::vector<std::error_code> ends;
    brigade::manual_clock clock;
    brigade::executor executor{{.workers = 1, .clock = &clock}};
    brigade::tcp_listener listener = brigade::tcp_listener::bind(executor, brigade::endpoint::loopback_v4(0)).value();
    brigade::endpoint address = listener.local_endpoint().value();
};

TEST_F(tls_server, an_idle_connection_ends_with_a_last_word) {
    const brigade::server serving(executor, std::move(listener), echo(server(), ends), {.idle_deadline = 8s});
    brigade::tls_stream stream = executor.block_on(connect_and_ask());
    clock.advance(8s - 1ns);
    EXPECT_THAT(ends, ElementsAre());
    clock.advance(2s);
    executor.block_on(expect_end(stream));
    EXPECT_THAT(ends, ElementsAre(timed_out));
}

TEST_F(tls_server, a_handshake_that_does_not_go_on_ends) {
    const brigade::server serving(executor, std::move(listener), echo(server(), ends), {.idle_deadline = 8s});
    const auto silent = executor.block_on(brigade::tcp_stream::connect(address));
    EXPECT_TRUE(silent);
    while (serving.counters().open == 0) {
        clock.advance(0s);
    }
    clock.advance(10s);
    EXPECT_THAT(ends, ElementsAre(timed_out));
}

TEST_F(tls_server, a_drain_ends_who_is_between_two_messages) {
    brigade::server serving(executor, std::move(listener), echo(server(), ends));
    brigade::tls_stream stream = executor.block_on(connect_and_ask());
    executor.block_on(serving.drain(1h));
    executor.block_on(expect_end(stream));
    EXPECT_THAT(ends, ElementsAre(errc::draining));
}

}  // namespace
