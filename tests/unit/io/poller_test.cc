// Who waits for events: mostly a worker that has nothing else to do, and never nobody.
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/blocking_socket.hpp"
#include "tests/support/latch.hpp"
#include "tests/support/tcp_pair.hpp"

namespace {

using brigade::endpoint;
using brigade::executor;
using brigade::task;
using namespace std::chrono_literals;

// A connection between a task and a thread.
struct line {
    explicit line(executor& ex) {
        auto listener = brigade::tcp_listener::bind(ex, endpoint::loopback_v4(0)).value();
        thread_end = test::blocking_socket::connect(listener.local_endpoint().value());
        task_end = ex.block_on([&]() -> task<brigade::tcp_stream> {
            auto accepted = co_await listener.accept();
            co_return std::move(accepted.value());
        });
    }
    test::blocking_socket thread_end;
    brigade::tcp_stream task_end;
};

task<> echo(brigade::tcp_stream& stream) {
    std::array<std::byte, 1> byte{};
    while (co_await stream.read_some(byte) == 1U) {
        if (!co_await stream.write_all(byte)) {
            co_return;
        }
    }
}

// The injection queue is what other threads put tasks into.
TEST(poller, a_worker_that_waits_hears_of_events_without_another_thread) {
    executor ex({.workers = 1});
    line l(ex);
    auto server = ex.spawn(echo, std::ref(l.task_end));
    std::uint64_t injected = 0;
    do {
        injected = ex.counters().injected;
        l.thread_end.send("x");
        ASSERT_EQ(l.thread_end.receive(1), "x");
    } while (ex.counters().injected != injected);
    l.thread_end.shutdown_write();
    ex.block_on([&]() -> task<> { co_await server; });
}

TEST(poller, events_are_heard_while_the_worker_that_heard_the_last_one_computes) {
    executor ex({.workers = 2});
    line first(ex);
    line second(ex);
    for (int i = 0; i < 20; ++i) {
        test::latch computing;
        test::latch heard;
        auto computation = ex.spawn([&]() -> task<> {
            co_await test::read_text(first.task_end, 1);
            computing.count_down();
            heard.wait();  // its worker does nothing else
        });
        auto listener = ex.spawn([&]() -> task<> {
            co_await test::read_text(second.task_end, 1);
            heard.count_down();
        });
        first.thread_end.send("x");
        computing.wait();
        second.thread_end.send("x");
        ex.block_on([&]() -> task<> {
            co_await computation;
            co_await listener;
        });
    }
}

task<> compute_until_stopped() {
    co_await brigade::sleep_for(0ms);  // so that its worker has been the poller
    const brigade::stop_token token = co_await brigade::get_stop_token();
    while (!token.stop_requested()) {
    }
    throw brigade::operation_cancelled();
}

// Of a time-out, whoever expires it: a worker that waits, or the reactor's thread while the worker computes.
TEST(poller, a_stop_callback_runs_on_a_thread_of_its_executor) {
    executor ex({.workers = 1});
    for (const bool computes : {false, true}) {
        executor* seen = nullptr;
        ex.block_on([&]() -> task<> {
            const auto outcome = co_await brigade::with_timeout(1ms, [](bool busy, executor*& where) -> task<> {
                const brigade::stop_token token = co_await brigade::get_stop_token();
                const brigade::stop_callback note(token, [&where] { where = executor::try_current(); });
                while (busy && !token.stop_requested()) {
                }
                co_await brigade::sleep_for(1h);
            }(computes, seen));
            EXPECT_FALSE(outcome);
        });
        EXPECT_EQ(seen, &ex);
    }
}

TEST(poller, timers_expire_while_the_only_worker_computes) {
    executor ex({.workers = 1});
    for (int i = 0; i < 20; ++i) {
        const bool stopped = ex.block_on([]() -> task<bool> {
            const auto outcome = co_await brigade::with_timeout(1ms, compute_until_stopped());
            co_return outcome == std::unexpected(std::make_error_code(std::errc::timed_out));
        });
        EXPECT_TRUE(stopped);
    }
}

}  // namespace
