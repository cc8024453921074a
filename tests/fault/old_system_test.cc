// A system that forbids epoll_pwait2: the older call takes its place, which counts milliseconds.
#include <chrono>
#include <string>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/fault/injected.hpp"
#include "tests/support/tcp_pair.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::task;

TEST(old_system, hears_of_bytes_and_wakes_sleepers_never_early) {
    fault::inject({.old_system = true});
    brigade::executor executor({.workers = 2});
    executor.block_on([]() -> task<> {
        const auto begin = std::chrono::steady_clock::now();
        co_await brigade::sleep_for(1500us);
        EXPECT_GE(std::chrono::steady_clock::now() - begin, 1500us);
        test::tcp_pair ends = co_await test::connected_pair();
        auto reading = brigade::spawn(test::read_text(ends.near, 5));
        co_await brigade::sleep_for(1ms);
        co_await test::write_text(ends.far, "hello");
        const std::string text = co_await reading;
        EXPECT_EQ(text, "hello");
    });
    EXPECT_GT(fault::injected(), 0U);
}

}  // namespace
