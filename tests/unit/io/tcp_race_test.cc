// Sockets that are closed, stopped and reused while their events are under way. What is checked: every operation ends,
// with an outcome that can be, and no byte reaches a connection that it was not sent to.
#include <brigade/tcp.hpp>

#include <cstddef>
#include <random>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/tcp_pair.hpp"
#include "tests/support/throws.hpp"
#include "tests/unit/io/on_workers.hpp"
#include "tests/unit/io/sockets.hpp"

namespace {

using brigade::endpoint;
using brigade::errc;
using brigade::task;
using brigade::tcp_listener;
using brigade::tcp_stream;
using test::on_workers;
using test::read_error;
using test::write_error;

task<> turns(std::size_t count) {
    for (; count > 0; --count) {
        co_await brigade::yield();
    }
}

bool ended_by_close_or_reset(const std::error_code& error) {
    return error == errc::closed || error == std::errc::connection_reset || error == std::errc::broken_pipe;
}

TEST(tcp_race, close_meets_reads_and_writes) {
    on_workers(3, []() -> task<> {
        std::mt19937 random(31);
        for (int i = 0; i < 400; ++i) {
            test::tcp_pair ends = co_await test::connected_pair();
            test::narrow(ends);
            auto near_reader = brigade::spawn(read_error(ends.near));
            auto near_writer = brigade::spawn(write_error(ends.near));
            auto far_reader = brigade::spawn(read_error(ends.far));
            co_await turns(random() % 8);
            ends.near.close();
            const std::error_code reading = co_await near_reader;
            EXPECT_EQ(reading, errc::closed);
            const std::error_code writing = co_await near_writer;
            EXPECT_TRUE(ended_by_close_or_reset(writing)) << writing.message();
            const std::error_code far = co_await far_reader;
            EXPECT_TRUE(!far || ended_by_close_or_reset(far)) << far.message();
        }
    });
}

TEST(tcp_race, close_by_a_thread_meets_a_read_and_its_bytes) {
    on_workers(2, []() -> task<> {
        std::mt19937 random(37);
        for (int i = 0; i < 1000; ++i) {
            test::tcp_pair ends = co_await test::connected_pair();
            auto reader = brigade::spawn(read_error(ends.near));
            auto closer = brigade::spawn_blocking([&ends] { ends.near.close(); });
            co_await turns(random() % 4);
            static_cast<void>(co_await ends.far.write_all(test::bytes_of("x")));
            co_await closer;
            const std::error_code error = co_await reader;
            EXPECT_TRUE(!error || error == errc::closed) << error.message();
        }
    });
}

TEST(tcp_race, two_closes_meet) {
    on_workers(2, []() -> task<> {
        for (int i = 0; i < 500; ++i) {
            test::tcp_pair ends = co_await test::connected_pair();
            auto reader = brigade::spawn(read_error(ends.near));
            auto closer = brigade::spawn_blocking([&ends] { ends.near.close(); });
            ends.near.close();
            co_await closer;
            const std::error_code error = co_await reader;
            EXPECT_EQ(error, errc::closed);
        }
    });
}

TEST(tcp_race, stop_meets_close) {
    on_workers(3, []() -> task<> {
        std::mt19937 random(41);
        for (int i = 0; i < 1000; ++i) {
            test::tcp_pair ends = co_await test::connected_pair();
            auto reader = brigade::spawn(read_error(ends.near));
            co_await turns(random() % 4);
            auto closer = brigade::spawn([&ends]() -> task<> {
                ends.near.close();
                co_return;
            });
            reader.request_stop();
            co_await closer;
            const std::error_code error = co_await reader;
            EXPECT_TRUE(error == errc::closed || error == std::errc::operation_canceled) << error.message();
        }
    });
}

TEST(tcp_race, close_meets_accept_and_connect) {
    on_workers(3, []() -> task<> {
        std::mt19937 random(43);
        for (int i = 0; i < 1000; ++i) {
            tcp_listener listener = tcp_listener::bind(endpoint::loopback_v4(0)).value();
            const endpoint address = listener.local_endpoint().value();
            auto acceptor = brigade::spawn(test::accept_error(listener));
            auto connector = brigade::spawn([address]() -> task<std::error_code> {
                const auto stream = co_await tcp_stream::connect(address);
                co_return test::error_of(stream);
            });
            co_await turns(random() % 4);
            listener.close();
            const std::error_code accepting = co_await acceptor;
            EXPECT_TRUE(!accepting || accepting == errc::closed) << accepting.message();
            const std::error_code connecting = co_await connector;
            EXPECT_TRUE(!connecting || connecting == std::errc::connection_refused ||
                        connecting == std::errc::connection_reset)
                << connecting.message();
        }
    });
}

// Opens connections that have just taken over descriptor and slot of others. Each carries its own number only.
task<> reopen(tcp_listener& listener, unsigned first_number, unsigned connections) {
    const endpoint address = listener.local_endpoint().value();
    std::mt19937 random(first_number);
    for (unsigned number = first_number; number < first_number + connections; ++number) {
        tcp_stream near = (co_await tcp_stream::connect(address)).value();
        auto reader = brigade::spawn(test::read_text(near, 8));
        auto server = brigade::spawn([&listener]() -> task<> {
            tcp_stream far = (co_await listener.accept()).value();
            const std::string number_of_far = co_await test::read_text(far, 8);
            co_await test::throws<std::system_error>(test::write_text(far, number_of_far));
        });
        co_await test::write_text(near, test::eight_digits(number));
        co_await turns(random() % 6);
        if (random() % 2 == 0) {
            near.close();  // while the answer is under way
        }
        const bool closed = near.native_handle() == -1;
        bool failed = false;
        std::string answer;
        try {
            answer = co_await reader;
        } catch (const std::system_error& e) {
            failed = true;
            EXPECT_EQ(e.code(), errc::closed);
        }
        EXPECT_TRUE(!failed || closed);
        EXPECT_TRUE(failed || answer == test::eight_digits(number)) << answer << " for " << number;
        co_await server;
    }
}

TEST(tcp_race, bytes_never_cross_to_a_socket_that_reuses_a_descriptor) {
    on_workers(3, []() -> task<> {
        std::vector<tcp_listener> listeners;
        for (int i = 0; i < 4; ++i) {
            listeners.push_back(tcp_listener::bind(endpoint::loopback_v4(0)).value());
        }
        std::vector<task<>> all;
        for (unsigned i = 0; i < 4; ++i) {
            all.push_back(reopen(listeners[i], i * 1'000'000, 700));
        }
        co_await brigade::when_all(std::move(all));
    });
}

// The read may begin before the close, after it, or when the next connection has the descriptor.
TEST(tcp_race, operations_made_for_a_closed_socket_end) {
    on_workers(3, []() -> task<> {
        tcp_listener listener = tcp_listener::bind(endpoint::loopback_v4(0)).value();
        const endpoint address = listener.local_endpoint().value();
        for (int i = 0; i < 1500; ++i) {
            auto connecting = brigade::spawn(tcp_stream::connect(address));
            tcp_stream far = (co_await listener.accept()).value();
            tcp_stream near = (co_await connecting).value();
            auto late = brigade::spawn(read_error(near));
            near.close();
            auto reopening = brigade::spawn(tcp_stream::connect(address));
            const std::error_code error = co_await late;
            EXPECT_EQ(error, errc::closed);
            tcp_stream next_far = (co_await listener.accept()).value();
            tcp_stream next = (co_await reopening).value();
            co_await test::write_text(next_far, test::eight_digits(static_cast<unsigned>(i)));
            const std::string text = co_await test::read_text(next, 8);
            EXPECT_EQ(text, test::eight_digits(static_cast<unsigned>(i)));
        }
    });
}

}  // namespace
