// Ten seconds without a descriptor left, in real time, with peers that come all the while.
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/blocking_socket.hpp"
#include "tests/support/tcp_pair.hpp"
#include "tests/unit/io/cpu_time.hpp"
#include "tests/unit/io/no_descriptor_left.hpp"
#include "tests/unit/io/on_workers.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::endpoint;
using test::blocking_socket;

// The next connection is told that it was taken.
brigade::task<> accept_one(brigade::tcp_listener& listener) {
    auto accepted = co_await listener.accept();
    co_await test::write_text(accepted.value(), "welcome");
}

TEST(long_shortage, costs_next_to_no_cpu_and_accept_goes_on_when_it_is_over) {
    if (test::checks_by_opening_pipes) {
        GTEST_SKIP() << "UndefinedBehaviorSanitizer opens a pipe to see whether it may look at an object";
    }
    constexpr std::chrono::seconds duration = 10s;
    brigade::executor executor({.workers = 2});
    brigade::tcp_listener listener = brigade::tcp_listener::bind(executor, endpoint::loopback_v4(0)).value();
    const endpoint address = listener.local_endpoint().value();
    std::vector<blocking_socket> clients;
    for (int i = 0; i < 2000; ++i) {
        clients.push_back(test::unconnected());
    }
    std::size_t turned_away = 0;
    auto accepting = executor.spawn(accept_one(listener));
    {
        const test::no_descriptor_left shortage;
        const auto begin = test::now();
        const std::chrono::nanoseconds cpu_before = test::cpu_time_of_process();
        // Each comes when the one before has been turned away.
        while (test::now() - begin < duration && turned_away < clients.size()) {
            test::connect(clients[turned_away], address);
            EXPECT_EQ(clients[turned_away].receive(), "");
            ++turned_away;
        }
        const std::chrono::nanoseconds cpu = test::cpu_time_of_process() - cpu_before;
        const std::chrono::nanoseconds real = test::now() - begin;
        std::printf("%zu connections turned away in %.1f s, with %.1f ms of CPU time\n", turned_away,
                    std::chrono::duration<double>(real).count(),
                    std::chrono::duration<double, std::milli>(cpu).count());
        EXPECT_GE(real, duration);
        EXPECT_LT(cpu, real / 20);
        EXPECT_FALSE(accepting.done());
    }
    // Who comes while the last are being turned away may still be one of them.
    const auto over = test::now();
    std::string answer;
    for (std::size_t next = turned_away; answer.empty() && next < clients.size(); ++next) {
        test::connect(clients[next], address);
        answer = clients[next].receive();
    }
    EXPECT_EQ(answer, "welcome");
    executor.block_on(accepting);
    std::printf("one was accepted %.1f ms after the end of the shortage\n",
                std::chrono::duration<double, std::milli>(test::now() - over).count());
}

}  // namespace
