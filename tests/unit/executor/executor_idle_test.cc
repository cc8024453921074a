// An executor without work sleeps: all of its threads, however it came to be idle.
#include <brigade/executor.hpp>

#include <array>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/blocking_socket.hpp"
#include "tests/support/tcp_pair.hpp"
#include "tests/support/this_process.hpp"

namespace {

using brigade::executor;
using brigade::task;
using namespace std::chrono_literals;

// Here alone, time that passes is what is tested. Another executor's timer measures it, so that this thread does not
// compute meanwhile.
void let_pass(std::chrono::milliseconds time) {
    executor clock({.workers = 1, .name = "clock"});
    clock.block_on([time]() -> task<> { co_await brigade::sleep_for(time); });
}

struct activity {
    std::vector<test::thread_status> threads;  // with the number of times that each has left a processor
    std::uint64_t parked;

    friend bool operator==(const activity&, const activity&) = default;
};

activity activity_of(const executor& e) {
    return {.threads = test::threads_named(e.name() + "-"), .parked = e.counters().parked};
}

// Some window of time in which not one thread was woken has to come, and it has to come soon after the last work.
void expect_sleep(const executor& e) {
    activity before = activity_of(e);
    for (int window = 0; window < 20; ++window) {
        let_pass(50ms);
        activity after = activity_of(e);
        if (after == before) {
            for (const test::thread_status& thread : after.threads) {
                EXPECT_EQ(thread.state, 'S') << thread.name;
            }
            return;
        }
        before = std::move(after);
    }
    ADD_FAILURE() << "threads of an idle executor keep waking up";
}

TEST(executor_idle, sleeps_from_the_start) {
    const executor e({.workers = 4, .name = "idle"});
    expect_sleep(e);
    EXPECT_EQ(test::threads_named("idle-").size(), 4U);  // and has no threads that it may never need
    EXPECT_EQ(e.counters().parked, 4U);
}

TEST(executor_idle, sleeps_after_work_of_every_kind) {
    executor e({.workers = 4, .name = "idle"});
    e.block_on([]() -> task<> {
        co_await brigade::sleep_for(1ms);
        auto blocking = brigade::spawn_blocking([] {});
        co_await blocking;
        test::tcp_pair pair = co_await test::connected_pair();
        co_await test::write_text(pair.near, "text");
        const std::string text = co_await test::read_text(pair.far, 4);
        EXPECT_EQ(text, "text");
        std::vector<task<>> children;
        for (int i = 0; i < 100; ++i) {
            children.push_back([]() -> task<> { co_await brigade::yield(); }());
        }
        co_await brigade::when_all(std::move(children));
    });
    expect_sleep(e);
}

TEST(executor_idle, sleeps_while_all_of_its_tasks_wait) {
    executor e({.workers = 4, .name = "idle"});
    e.spawn([]() -> task<> { co_await brigade::sleep_for(24h); }).detach();
    e.spawn([]() -> task<> {
         auto listener = brigade::tcp_listener::bind(brigade::endpoint::loopback_v4(0)).value();
         static_cast<void>(co_await listener.accept());
     }).detach();
    e.spawn([]() -> task<> {
         test::tcp_pair pair = co_await test::connected_pair();
         std::array<std::byte, 1> byte{};
         static_cast<void>(co_await pair.near.read_some(byte));
     }).detach();
    expect_sleep(e);
}

// Unread bytes, and then a reset, on a socket that the reactor watches and nobody reads.
TEST(executor_idle, sleeps_while_nobody_looks_at_what_has_come) {
    executor e({.workers = 2, .name = "idle"});
    test::blocking_socket peer;
    brigade::tcp_stream stream = e.block_on([&]() -> task<brigade::tcp_stream> {
        auto listener = brigade::tcp_listener::bind(brigade::endpoint::loopback_v4(0)).value();
        peer = test::blocking_socket::connect(listener.local_endpoint().value());
        auto accepted = co_await listener.accept();
        // A read that has to wait puts the socket into epoll.
        std::array<std::byte, 1> byte{};
        const auto read = co_await brigade::with_timeout(1ms, accepted->read_some(byte));
        EXPECT_EQ(test::error_of(read), std::errc::timed_out);
        co_return std::move(*accepted);
    });
    peer.send("unread");
    expect_sleep(e);
    peer.reset();
    expect_sleep(e);
}

}  // namespace
