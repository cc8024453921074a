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
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    co_await brigade::fork(a, fib(n - 1));  // another worker may go on here meanwhile
    co_await brigade::call(b, fib(n - 2));
    co_await brigade::join();
    co_return a + b;
}
// [/fork_join]

// [when_all]
brigade::task<std::uint64_t> both(unsigned m, unsigned n) {
    const auto [a, b] = co_await brigade::when_all(fib(m), fib(n));
    co_return a + b;
}
// [/when_all]

// [algorithms]
brigade::task<double> mean_of_squares(std::vector<double> values) {
    co_await brigade::parallel_for(values, [](double& x) { x *= x; });
    co_await brigade::parallel_sort(values);  // adds the small ones first
    const double sum = co_await brigade::parallel_reduce(values, 0.0);
    co_return sum / static_cast<double>(values.size());
}
// [/algorithms]

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

// [process]
brigade::task<std::string> kernel_name() {
    const brigade::command uname = brigade::command("uname").argument("-s");
    std::string failure;  // "cannot run uname: exec: No such file or directory", say
    auto output = co_await brigade::with_timeout(2s, uname.output(4096, &failure));
    if (!output) {
        co_return failure.empty() ? output.error().message() : failure;
    }
    co_return output->status.success() ? output->standard_output : output->status.to_string();
}
// [/process]

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

// [event]
brigade::task<int> rally(int strokes) {
    brigade::auto_reset_event served;
    brigade::auto_reset_event returned;
    int ball = 0;  // needs no lock: a task sees what was done before the set() that it has waited for
    const auto near_side = [&]() -> brigade::task<> {
        for (int i = 0; i < strokes; ++i) {
            ++ball;
            served.set();
            co_await returned;
        }
    };
    const auto far_side = [&]() -> brigade::task<> {
        for (int i = 0; i < strokes; ++i) {
            co_await served;
            ++ball;
            returned.set();
        }
    };
    co_await brigade::when_all(near_side(), far_side());
    co_return ball;
}
// [/event]

TEST(readme, fork_join) {
    brigade::executor executor;
    EXPECT_EQ(executor.block_on(fib, 15U), 610U);
}

TEST(readme, when_all) {
    brigade::executor executor;
    EXPECT_EQ(executor.block_on(both, 15U, 10U), 665U);
}

TEST(readme, algorithms) {
    brigade::executor executor;
    EXPECT_EQ(executor.block_on(mean_of_squares, std::vector{3.0, -1.0, 2.0, 4.0}), 7.5);
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

TEST(readme, process) {
    brigade::executor executor;
    EXPECT_EQ(executor.block_on(kernel_name), "Linux\n");
}

TEST(readme, spawn) {
    brigade::executor executor;
    EXPECT_EQ(executor.block_on(many), 46);
}

TEST(readme, event) {
    brigade::executor executor;
    EXPECT_EQ(executor.block_on(rally, 100), 200);
}

}  // namespace
