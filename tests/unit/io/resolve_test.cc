#include <brigade/resolve.hpp>

#include <algorithm>
#include <cstdint>
#include <expected>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/latch.hpp"
#include "tests/support/throws.hpp"
#include "tests/unit/io/on_workers.hpp"

namespace {

using brigade::endpoint;
using brigade::resolve;
using brigade::task;
using test::on_workers;

TEST(resolve, finds_localhost) {
    on_workers(1, []() -> task<> {
        const auto found = co_await resolve("localhost", 80);
        EXPECT_TRUE(found.has_value());
        EXPECT_TRUE(std::ranges::any_of(found.value(), [](const endpoint& e) {
            return e == endpoint::loopback_v4(80) || e == endpoint::loopback_v6(80);
        }));
    });
}

TEST(resolve, takes_numeric_addresses) {
    on_workers(1, []() -> task<> {
        const auto v4 = co_await resolve("127.0.0.1", 1);
        EXPECT_EQ(v4.value(), std::vector{endpoint::loopback_v4(1)});
        const auto v6 = co_await resolve("::1", 65535);
        EXPECT_EQ(v6.value(), std::vector{endpoint::loopback_v6(65535)});
    });
}

TEST(resolve, gives_an_error_of_its_category_for_an_unknown_name) {
    on_workers(1, []() -> task<> {
        // Neither is ever asked of a server: the one is no name at all, the other an address in the wrong brackets.
        for (const char* const name : {"no name has blanks", "[::1]"}) {
            const auto found = co_await resolve(name, 80);
            EXPECT_FALSE(found.has_value());
            EXPECT_EQ(found.error().category(), brigade::resolve_category());
            EXPECT_FALSE(found.error().message().empty());
        }
    });
}

TEST(resolve, answers_many_at_once) {
    on_workers(2, []() -> task<> {
        std::vector<task<std::expected<std::vector<endpoint>, std::error_code>>> questions;
        for (std::uint16_t port = 0; port < 50; ++port) {
            questions.push_back(resolve("127.0.0.1", port));
        }
        const auto answers = co_await brigade::when_all(std::move(questions));
        for (std::uint16_t port = 0; port < 50; ++port) {
            EXPECT_EQ(answers[port].value(), std::vector{endpoint::loopback_v4(port)});
        }
    });
}

TEST(resolve, throws_when_it_is_stopped) {
    // The only thread for blocking calls is taken, so the answer cannot come before the stop.
    brigade::executor executor({.workers = 1, .blocking_threads = 1});
    executor.block_on([]() -> task<> {
        test::latch release;
        auto blocker = brigade::spawn_blocking([&release] { release.wait(); });
        auto question = [] { return test::throws<brigade::operation_cancelled>(resolve("127.0.0.1", 80)); };
        auto before = brigade::spawn(question);
        before.request_stop();
        const bool stopped_before = co_await before;
        EXPECT_TRUE(stopped_before);
        auto during = brigade::spawn(question);
        co_await test::let_others_run();
        during.request_stop();
        const bool stopped_during = co_await during;
        EXPECT_TRUE(stopped_during);
        release.count_down();
        co_await blocker;
    });
}

TEST(resolve, has_a_category_with_the_systems_messages) {
    EXPECT_STREQ(brigade::resolve_category().name(), "resolve");
    EXPECT_FALSE(brigade::resolve_category().message(-2).empty());
}

}  // namespace
