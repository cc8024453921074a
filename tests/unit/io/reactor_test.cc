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

using brigade::detail::descriptor_ref;
using brigade::detail::direction;
using brigade::detail::reactor;
using brigade::detail::registration;
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
            static_cast<void>(self.home.timers().here().set(self, time_point(), nullptr));
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
    const descriptor_ref socket = home.open(fds[0]);
    restless clock(home);
    ASSERT_TRUE(home.timers().here().set(clock, time_point(), nullptr));
    while (!clock.rung) {
        std::this_thread::yield();
    }
    ASSERT_EQ(socket.entry->begin(socket.generation, direction::read), registration::admission::granted);
    ASSERT_TRUE(socket.entry->try_now(direction::read));
    ASSERT_EQ(::write(fds[1], "x", 1), 1);
    ASSERT_FALSE(socket.entry->watch());  // it is readable
    while (!socket.entry->try_now(direction::read)) {
        std::this_thread::yield();
    }
    clock.stopped = true;
    clock.ended.wait();
    home.timers().here().cancel_and_wait(clock);
    socket.entry->close(socket.generation);
    socket.entry->end(direction::read);
    ::close(fds[1]);
}

TEST(reactor, cancel_tells_whether_the_timer_was_still_to_come) {
    brigade::executor owner({.workers = 1});
    reactor home(owner);
    restless far(home);
    ASSERT_TRUE(home.timers().here().set(far, time_point::max(), nullptr));
    EXPECT_TRUE(home.timers().here().cancel(far));
    EXPECT_FALSE(home.timers().here().cancel(far));
    home.timers().here().cancel_and_wait(far);
}

TEST(reactor, refuses_a_timer_when_the_stop_has_come) {
    brigade::executor owner({.workers = 1});
    reactor home(owner);
    restless late(home);
    brigade::stop_source stop;
    stop.request_stop();
    EXPECT_FALSE(home.timers().here().set(late, time_point::max(), &stop));
    EXPECT_FALSE(home.timers().here().cancel(late));
}

}  // namespace
