// The pieces of code that the README shows, and that no program under examples/ holds.
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include <brigade/brigade.hpp>

namespace {

using namespace std::chrono_literals;

// [fork_join]
brigade::task<std::uint64_t> fib(unsigned n) {
    if (n < 2) {
        co_return n;
    }
    const auto both = co_await brigade::when_all(fib(n - 1), fib(n - 2));  // in parallel
    co_return std::get<0>(both) + std::get<1>(both);
}
// [/fork_join]

// [deadline]
brigade::task<std::string> greet(brigade::endpoint server) {
    auto connection = co_await brigade::with_timeout(2s, brigade::tcp_stream::connect(server));
    if (!connection) {
        co_return connection.error().message();  // "Connection timed out", "Connection refused", ...
    }
    std::string line(80, '\0');
    const auto buffer = std::as_writable_bytes(std::span(line));
    const auto received = co_await brigade::with_timeout(2s, connection->read_some(buffer));
    line.resize(received.value_or(0));
    co_return line;
}
// [/deadline]

int slow_library_call(int x) {
    return x + 1;
}

// [spawn]
brigade::task<int> many() {
    std::vector<brigade::join_handle<int>> handles;
    for (int i = 0; i < 10; ++i) {
        handles.push_back(brigade::spawn([i]() -> brigade::task<int> {  // the lambda lives as long as its task
            co_await brigade::sleep_for(1ms);
            co_return i;
        }));
    }
    int sum = co_await brigade::spawn_blocking(slow_library_call, 0);  // on a thread that may block
    for (auto& handle : handles) {
        sum += co_await handle;
    }
    co_return sum;
}
// [/spawn]

TEST(readme, fork_join) {
    brigade::executor executor;
    EXPECT_EQ(executor.block_on(fib, 15U), 610U);
}

TEST(readme, deadline) {
    brigade::executor executor;
    auto listener = brigade::tcp_listener::bind(executor, brigade::endpoint::loopback_v4(0));
    ASSERT_TRUE(listener);
    const auto server = listener->local_endpoint();
    ASSERT_TRUE(server);
    auto served = executor.spawn([&listener]() -> brigade::task<> {
        auto client = co_await listener->accept();
        EXPECT_TRUE(client);
        const std::string text = "welcome";
        const auto sent = co_await client->write_all(std::as_bytes(std::span(text)));
        EXPECT_TRUE(sent);
    });
    EXPECT_EQ(executor.block_on(greet, *server), "welcome");
    listener->close();
    EXPECT_EQ(executor.block_on(greet, *server), "Connection refused");
}

TEST(readme, spawn) {
    brigade::executor executor;
    EXPECT_EQ(executor.block_on(many), 46);
}

}  // namespace
