// Accepting while the process has no descriptor left (EMFILE): neither deaf nor spinning.
#include <brigade/tcp.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <brigade/brigade.hpp>

#include "tests/support/blocking_socket.hpp"
#include "tests/support/tcp_pair.hpp"
#include "tests/unit/io/cpu_time.hpp"
#include "tests/unit/io/no_descriptor_left.hpp"
#include "tests/unit/io/on_workers.hpp"
#include "tests/unit/io/sockets.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::endpoint;
using brigade::errc;
using brigade::join_handle;
using brigade::owned_fd;
using brigade::task;
using brigade::tcp_listener;
using test::blocking_socket;
using test::checks_by_opening_pipes;
using test::connect;
using test::cpu_time_of_process;
using test::no_descriptor_left;
using test::unconnected;

// By a clock that stands still: no pause ends by itself.
class accept_shortage : public testing::Test {
protected:
    void SetUp() override {
        if (checks_by_opening_pipes) {
            GTEST_SKIP() << "UndefinedBehaviorSanitizer opens a pipe to see whether it may look at an object";
        }
    }
    join_handle<std::error_code> accept() {
        return executor.spawn([this] { return test::accept_error(listener); });
    }
    // All that can happen without time going on has happened.
    void settle() { clock.advance(0s); }

    brigade::manual_clock clock;
    brigade::executor executor{{.workers = 1, .clock = &clock}};
    tcp_listener listener = tcp_listener::bind(executor, endpoint::loopback_v4(0)).value();
    const endpoint address = listener.local_endpoint().value();
    brigade::udp_socket spare = brigade::udp_socket::bind(executor, endpoint::loopback_v4(0)).value();
};

TEST_F(accept_shortage, an_accept_waits_and_goes_on_when_a_descriptor_of_the_executor_is_closed) {
    const blocking_socket client = unconnected();
    const no_descriptor_left shortage;
    connect(client, address);
    auto accepting = accept();
    settle();
    EXPECT_FALSE(accepting.done());
    spare.close();
    settle();
    EXPECT_TRUE(accepting.done());
    EXPECT_FALSE(executor.block_on(accepting));
}

TEST_F(accept_shortage, a_connection_is_turned_away_after_a_pause_and_the_next_is_served) {
    const blocking_socket first = unconnected();
    const blocking_socket second = unconnected();
    const no_descriptor_left shortage;
    connect(first, address);
    auto accepting = accept();
    clock.advance(10ms);
    EXPECT_FALSE(accepting.done());
    EXPECT_EQ(first.receive(), "");  // the end
    connect(second, address);
    settle();
    EXPECT_FALSE(accepting.done());
    spare.close();
    settle();
    EXPECT_TRUE(accepting.done());
    EXPECT_FALSE(executor.block_on(accepting));
}

TEST_F(accept_shortage, pauses_grow_and_turn_away_all_who_wait) {
    std::vector<blocking_socket> clients;
    for (int i = 0; i < 20; ++i) {
        clients.push_back(unconnected());
    }
    const no_descriptor_left shortage;
    auto accepting = accept();
    settle();
    for (const blocking_socket& client : clients) {
        connect(client, address);
    }
    // The event for them may be on its way; when it has come, a pause ends at most 250 ms later.
    for (const blocking_socket& client : clients) {
        char byte = 0;
        while (::recv(client.fd(), &byte, 1, MSG_DONTWAIT) == -1) {
            EXPECT_EQ(errno, EAGAIN);
            clock.advance(250ms);
        }
    }
    EXPECT_FALSE(accepting.done());
    spare.close();
    settle();
    EXPECT_FALSE(accepting.done());  // nobody is left to be served
    accepting.request_stop();
    EXPECT_EQ(executor.block_on(accepting), std::errc::operation_canceled);
}

// Nobody tells of those, so the connection is served when the pause is over.
TEST_F(accept_shortage, a_descriptor_that_others_close_is_found_before_anyone_is_turned_away) {
    const blocking_socket client = unconnected();
    owned_fd of_others(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const no_descriptor_left shortage;
    connect(client, address);
    auto accepting = accept();
    settle();
    of_others.reset();
    settle();
    EXPECT_FALSE(accepting.done());
    clock.advance(10ms);
    EXPECT_TRUE(accepting.done());
    EXPECT_FALSE(executor.block_on(accepting));
}

TEST_F(accept_shortage, a_stop_ends_the_pause_and_leaves_the_listener_good) {
    const blocking_socket client = unconnected();
    {
        const no_descriptor_left shortage;
        connect(client, address);
        auto accepting = accept();
        settle();
        accepting.request_stop();
        EXPECT_EQ(executor.block_on(accepting), std::errc::operation_canceled);
    }
    EXPECT_FALSE(executor.block_on(accept()));
}

TEST_F(accept_shortage, a_deadline_ends_the_pause) {
    const blocking_socket client = unconnected();
    const no_descriptor_left shortage;
    connect(client, address);
    auto accepting = executor.spawn([this]() -> task<std::error_code> {
        const auto accepted = co_await brigade::with_timeout(3ms, listener.accept());
        co_return test::error_of(accepted);
    });
    clock.advance(3ms);
    EXPECT_EQ(executor.block_on(accepting), std::errc::timed_out);
}

TEST_F(accept_shortage, close_ends_the_pause) {
    const blocking_socket client = unconnected();
    const no_descriptor_left shortage;
    connect(client, address);
    auto accepting = accept();
    settle();
    EXPECT_FALSE(accepting.done());
    listener.close();
    settle();
    EXPECT_EQ(executor.block_on(accepting), errc::closed);
}

TEST_F(accept_shortage, two_listeners_wait_at_once) {
    tcp_listener other = tcp_listener::bind(executor, endpoint::loopback_v4(0)).value();
    brigade::udp_socket second_spare = brigade::udp_socket::bind(executor, endpoint::loopback_v4(0)).value();
    const blocking_socket first = unconnected();
    const blocking_socket second = unconnected();
    const no_descriptor_left shortage;
    connect(first, address);
    connect(second, other.local_endpoint().value());
    // Each keeps its connection: so a descriptor for each has to come free.
    const auto accept_at = [](tcp_listener& here) -> task<brigade::tcp_stream> {
        auto accepted = co_await here.accept();
        co_return std::move(accepted.value());
    };
    auto accepting = executor.spawn([&] { return accept_at(listener); });
    auto accepting_too = executor.spawn([&] { return accept_at(other); });
    settle();
    spare.close();
    settle();
    EXPECT_NE(accepting.done(), accepting_too.done());
    second_spare.close();
    settle();
    EXPECT_TRUE(accepting.done());
    EXPECT_TRUE(accepting_too.done());
    const brigade::tcp_stream one = executor.block_on(accepting);
    const brigade::tcp_stream two = executor.block_on(accepting_too);
}

// In real time. Each client comes when the one before has been turned away, so several pauses pass.
TEST(accept_shortage_in_real_time, neither_resumes_tasks_nor_computes_meanwhile) {
    if (checks_by_opening_pipes) {
        GTEST_SKIP() << "as above";
    }
    brigade::executor executor({.workers = 1});
    tcp_listener listener = tcp_listener::bind(executor, endpoint::loopback_v4(0)).value();
    const endpoint address = listener.local_endpoint().value();
    std::vector<blocking_socket> clients;
    for (int i = 0; i < 7; ++i) {
        clients.push_back(unconnected());
    }
    const no_descriptor_left shortage;
    const auto begin = test::now();
    const std::chrono::nanoseconds cpu_before = cpu_time_of_process();
    const std::uint64_t resumed_before = executor.counters().resumed;
    auto accepting = executor.spawn([&listener] { return test::accept_error(listener); });
    for (const blocking_socket& client : clients) {
        connect(client, address);
        EXPECT_EQ(client.receive(), "");
    }
    const std::uint64_t resumed = executor.counters().resumed - resumed_before;
    // 10, 20, 40, 80, 160, 250 and 250 ms; a loop that spins resumes its task thousands of times in each.
    EXPECT_LT(resumed, 100U);
    EXPECT_LT(cpu_time_of_process() - cpu_before, (test::now() - begin) / 2);
    EXPECT_FALSE(accepting.done());
    accepting.request_stop();
    EXPECT_EQ(executor.block_on(accepting), std::errc::operation_canceled);
}

}  // namespace
