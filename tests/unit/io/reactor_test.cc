// A white-box test: the reactor's thread divides its time between sockets and timers.
#include "io/reactor.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/latch.hpp"

namespace {

using brigade::detail::direction;
using brigade::detail::reactor;
using brigade::detail::socket_ref;
using brigade::detail::timer;
using time_point = std::chrono::steady_clock::time_point;

// Is due again whenever it expires.
struct restless : timer {
    explicit restless(reactor& r) : timer(&restless::again), home(r) {}
    static void again(timer& expired) noexcept {
        auto& self = static_cast<restless&>(expired);
        self.rung = true;
        if (self.stopped) {
            self.ended.count_down();
        } else {
            static_cast<void>(self.home.set(self, time_point(), nullptr));
        }
    }

    reactor& home;
    std::atomic<bool> rung{false};
    std::atomic<bool> stopped{false};
    test::latch ended;
};

TEST(reactor, timers_that_are_due_again_at_once_leave_time_for_sockets) {
    brigade::executor owner({.workers = 1});
    reactor home(owner);
    std::array<int, 2> fds{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
    const socket_ref socket = home.open(fds[0]);
    restless clock(home);
    ASSERT_TRUE(home.set(clock, time_point(), nullptr));
    while (!clock.rung) {
        std::this_thread::yield();
    }
    ASSERT_FALSE(socket.entry->begin(socket.generation, direction::write));
    const std::uint32_t tick = socket.entry->tick(direction::write);
    ASSERT_FALSE(home.arm(*socket.entry));  // it is writable
    while (socket.entry->tick(direction::write) == tick) {
        std::this_thread::yield();
    }
    clock.stopped = true;
    clock.ended.wait();
    home.cancel_and_wait(clock);
    home.disarm(fds[0]);
    socket.entry->close(socket.generation);
    socket.entry->end(direction::write);
    ::close(fds[1]);
}

TEST(reactor, cancel_tells_whether_the_timer_was_still_to_come) {
    brigade::executor owner({.workers = 1});
    reactor home(owner);
    restless far(home);
    ASSERT_TRUE(home.set(far, time_point::max(), nullptr));
    EXPECT_TRUE(home.cancel(far));
    EXPECT_FALSE(home.cancel(far));
    home.cancel_and_wait(far);
}

TEST(reactor, refuses_a_timer_when_the_stop_has_come) {
    brigade::executor owner({.workers = 1});
    reactor home(owner);
    restless late(home);
    brigade::stop_source stop;
    stop.request_stop();
    EXPECT_FALSE(home.set(late, time_point::max(), &stop));
    EXPECT_FALSE(home.cancel(late));
}

}  // namespace
