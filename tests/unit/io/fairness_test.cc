// Operations that never have to wait still let other tasks run. One worker: what does not give way, starves the rest.
#include <array>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/blocking_socket.hpp"
#include "tests/support/tcp_pair.hpp"
#include "tests/unit/io/on_workers.hpp"

namespace {

using brigade::endpoint;
using brigade::task;
using brigade::tcp_listener;
using brigade::tcp_stream;
using test::on_workers;

// Counts how often it comes to run until it is stopped.
class bystander {
public:
    bystander() : handle_(brigade::spawn(count(turns_))) {}
    [[nodiscard]] int turns() const noexcept { return turns_; }
    task<> end() {
        handle_.request_stop();
        co_await handle_;
    }

private:
    static task<> count(int& turns) {
        const brigade::stop_token token = co_await brigade::get_stop_token();
        while (!token.stop_requested()) {
            ++turns;
            co_await brigade::yield();
        }
    }

    int turns_ = 0;
    brigade::join_handle<> handle_;
};

TEST(fairness, reads_that_are_always_ready_let_others_run) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        constexpr std::size_t bytes = 20'000;
        co_await test::write_text(ends.far, std::string(bytes, 'x'));
        bystander other;
        std::array<std::byte, 1> buffer{};
        for (std::size_t i = 0; i < bytes; ++i) {
            const auto got = co_await ends.near.read_some(buffer);
            EXPECT_EQ(got.value(), 1U);
        }
        EXPECT_GE(other.turns(), 20);
        co_await other.end();
    });
}

TEST(fairness, reads_in_a_deeper_task_let_others_run) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        co_await test::write_text(ends.far, std::string(10'000, 'x'));
        bystander other;
        for (int i = 0; i < 10'000; ++i) {
            const std::string text = co_await test::read_text(ends.near, 1);
            EXPECT_EQ(text, "x");
        }
        EXPECT_GE(other.turns(), 10);
        co_await other.end();
    });
}

TEST(fairness, writes_that_are_always_ready_let_others_run) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        bystander other;
        for (int i = 0; i < 1000; ++i) {
            co_await test::write_text(ends.near, "x");
        }
        EXPECT_GE(other.turns(), 2);
        co_await other.end();
    });
}

TEST(fairness, accepts_that_are_always_ready_let_others_run) {
    on_workers(1, []() -> task<> {
        tcp_listener listener = tcp_listener::bind(endpoint::loopback_v4(0)).value();
        const endpoint address = listener.local_endpoint().value();
        std::vector<test::blocking_socket> clients;
        for (int i = 0; i < 600; ++i) {
            clients.push_back(test::blocking_socket::connect(address));
        }
        bystander other;
        for (std::size_t i = 0; i < clients.size(); ++i) {
            const auto stream = co_await listener.accept();
            EXPECT_TRUE(stream.has_value());
        }
        EXPECT_GE(other.turns(), 2);
        co_await other.end();
    });
}

TEST(fairness, refused_operations_let_others_run) {
    on_workers(1, []() -> task<> {
        tcp_stream closed;
        std::array<std::byte, 1> buffer{};
        bystander other;
        for (int i = 0; i < 2000; ++i) {
            const auto got = co_await closed.read_some(buffer);
            EXPECT_FALSE(got.has_value());
        }
        EXPECT_GE(other.turns(), 5);
        co_await other.end();
    });
}

}  // namespace
