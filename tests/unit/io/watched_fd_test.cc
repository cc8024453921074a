// Descriptors of other libraries' making, and event counters.
#include <brigade/watched_fd.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <brigade/brigade.hpp>

#include "tests/support/tcp_pair.hpp"
#include "tests/unit/io/on_workers.hpp"
#include "tests/unit/io/temporary_folder.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::errc;
using brigade::event_counter;
using brigade::owned_fd;
using brigade::task;
using brigade::watched_fd;
using test::error_of;
using test::let_others_run;
using test::on_workers;

struct raw_pair {
    owned_fd near;
    owned_fd far;
};

// Connected, and blocking.
raw_pair raw_sockets() {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
    return {.near = owned_fd(fds[0]), .far = owned_fd(fds[1])};
}

task<std::error_code> readable_error(watched_fd& watched) {
    const auto ready = co_await watched.readable();
    co_return error_of(ready);
}

TEST(watched_fd, tells_when_there_is_something_to_read) {
    on_workers(1, []() -> task<> {
        const raw_pair ends = raw_sockets();
        watched_fd near = watched_fd::borrow(ends.near.get()).value();
        auto waiting = brigade::spawn(readable_error(near));
        co_await let_others_run();
        EXPECT_FALSE(waiting.done());
        EXPECT_EQ(::write(ends.far.get(), "ab", 2), 2);
        const std::error_code ready = co_await waiting;
        EXPECT_FALSE(ready);
        std::array<char, 2> bytes{};
        EXPECT_EQ(::read(ends.near.get(), bytes.data(), 1), 1);
        const std::error_code still = co_await readable_error(near);  // as long as there is something
        EXPECT_FALSE(still);
        EXPECT_EQ(::read(ends.near.get(), bytes.data(), 1), 1);
        auto again = brigade::spawn(readable_error(near));
        co_await let_others_run();
        EXPECT_FALSE(again.done());
        again.request_stop();
        const std::error_code stopped = co_await again;
        EXPECT_EQ(stopped, std::errc::operation_canceled);
    });
}

TEST(watched_fd, tells_when_there_is_room_to_write) {
    on_workers(1, []() -> task<> {
        raw_pair ends = raw_sockets();
        watched_fd near = watched_fd::adopt(std::move(ends.near)).value();
        const auto at_first = co_await near.writable();
        EXPECT_FALSE(error_of(at_first));
        const std::string bytes(1 << 20, 'x');
        while (::write(near.native_handle(), bytes.data(), bytes.size()) > 0) {
        }
        EXPECT_EQ(errno, EAGAIN);
        auto waiting = brigade::spawn([&near]() -> task<std::error_code> {
            const auto ready = co_await near.writable();
            co_return error_of(ready);
        });
        co_await let_others_run();
        EXPECT_FALSE(waiting.done());
        std::string room(1 << 20, '\0');
        EXPECT_GT(::read(ends.far.get(), room.data(), room.size()), 0);
        const std::error_code ready = co_await waiting;
        EXPECT_FALSE(ready);
    });
}

TEST(watched_fd, the_end_of_the_peer_makes_it_readable) {
    on_workers(1, []() -> task<> {
        raw_pair ends = raw_sockets();
        watched_fd near = watched_fd::adopt(std::move(ends.near)).value();
        auto waiting = brigade::spawn(readable_error(near));
        co_await let_others_run();
        ends.far.reset();
        const std::error_code ready = co_await waiting;
        EXPECT_FALSE(ready);
    });
}

TEST(watched_fd, makes_a_call_until_it_does_not_say_eagain) {
    on_workers(1, []() -> task<> {
        owned_fd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
        watched_fd watched = watched_fd::adopt(std::move(timer)).value();
        std::uint64_t expirations = 0;
        auto reading = brigade::spawn(
            watched.read_by([&expirations](int fd) { return ::read(fd, &expirations, sizeof(expirations)); }));
        co_await let_others_run();
        EXPECT_FALSE(reading.done());
        const itimerspec soon{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_nsec = 1000}};
        EXPECT_EQ(::timerfd_settime(watched.native_handle(), 0, &soon, nullptr), 0);
        const auto got = co_await reading;
        EXPECT_EQ(got.value(), sizeof(expirations));
        EXPECT_EQ(expirations, 1U);
    });
}

TEST(watched_fd, the_errno_of_a_call_is_its_error) {
    on_workers(1, []() -> task<> {
        raw_pair ends = raw_sockets();
        watched_fd near = watched_fd::adopt(std::move(ends.near)).value();
        const auto failed = co_await near.read_by([](int) -> ssize_t {
            errno = ENODATA;
            return -1;
        });
        EXPECT_EQ(error_of(failed), std::error_code(ENODATA, std::system_category()));
        const auto sent = co_await near.write_by([](int fd) { return ::send(fd, "abc", 3, MSG_NOSIGNAL); });
        EXPECT_EQ(sent.value(), 3U);
    });
}

TEST(watched_fd, takes_deadlines_and_close_and_one_reader) {
    on_workers(1, []() -> task<> {
        raw_pair ends = raw_sockets();
        watched_fd near = watched_fd::adopt(std::move(ends.near)).value();
        const auto late = co_await brigade::with_timeout(1ms, near.readable());
        EXPECT_EQ(error_of(late), std::errc::timed_out);
        auto waiting = brigade::spawn(readable_error(near));
        co_await let_others_run();
        const std::error_code second = co_await readable_error(near);
        EXPECT_EQ(second, errc::busy);
        near.close();
        const std::error_code closed = co_await waiting;
        EXPECT_EQ(closed, errc::closed);
        EXPECT_EQ(near.native_handle(), -1);
    });
}

TEST(watched_fd, closing_a_borrowed_one_leaves_the_callers_alone) {
    on_workers(1, []() -> task<> {
        const raw_pair ends = raw_sockets();
        watched_fd near = watched_fd::borrow(ends.near.get()).value();
        auto waiting = brigade::spawn(readable_error(near));
        co_await let_others_run();
        near.close();
        static_cast<void>(co_await waiting);
        EXPECT_EQ(::write(ends.near.get(), "on", 2), 2);
        std::array<char, 2> bytes{};
        EXPECT_EQ(::read(ends.far.get(), bytes.data(), 2), 2);
    });
}

TEST(watched_fd, a_file_can_not_be_watched_and_says_so) {
    const test::temporary_folder folder;
    on_workers(1, [&folder]() -> task<> {
        owned_fd file(::open((folder / "file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        EXPECT_EQ(error_of(watched_fd::borrow(file.get())), errc::not_pollable);
        EXPECT_EQ(error_of(watched_fd::adopt(std::move(file))), errc::not_pollable);
        owned_fd directory(::open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        EXPECT_EQ(error_of(watched_fd::adopt(std::move(directory))), errc::not_pollable);
        EXPECT_EQ(error_of(watched_fd::borrow(-1)), std::errc::bad_file_descriptor);
        co_return;
    });
}

TEST(event_counter, gives_what_was_added_since) {
    on_workers(1, []() -> task<> {
        event_counter counter = event_counter::make(2).value();
        EXPECT_FALSE(error_of(counter.add(3)));
        const auto five = co_await counter.wait();
        EXPECT_EQ(five.value(), 5U);
        auto waiting = brigade::spawn(counter.wait());
        co_await let_others_run();
        EXPECT_FALSE(waiting.done());
        const std::uint64_t one = 1;
        EXPECT_EQ(::write(counter.native_handle(), &one, sizeof(one)), 8);  // as another library would
        const auto woken = co_await waiting;
        EXPECT_EQ(woken.value(), 1U);
    });
}

TEST(event_counter, is_added_to_by_threads) {
    on_workers(2, []() -> task<> {
        event_counter counter = event_counter::make().value();
        constexpr std::uint64_t count = 1000;
        auto adding = brigade::spawn_blocking([&counter] {
            for (std::uint64_t i = 0; i < count; ++i) {
                EXPECT_FALSE(error_of(counter.add()));
            }
        });
        for (std::uint64_t seen = 0; seen < count;) {
            const auto got = co_await counter.wait();
            seen += got.value();
            EXPECT_LE(seen, count);
        }
        co_await adding;
    });
}

TEST(event_counter, has_a_limit_and_an_end) {
    on_workers(1, []() -> task<> {
        event_counter counter = event_counter::make().value();
        constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max() - 1;
        EXPECT_EQ(error_of(counter.add(most + 1)), std::errc::invalid_argument);
        EXPECT_FALSE(error_of(counter.add(most)));
        EXPECT_EQ(error_of(counter.add()), std::errc::resource_unavailable_try_again);
        const auto all = co_await counter.wait();
        EXPECT_EQ(all.value(), most);
        counter.close();
        const auto closed = co_await counter.wait();
        EXPECT_EQ(error_of(closed), errc::closed);
        EXPECT_EQ(error_of(counter.add()), errc::closed);
    });
}

}  // namespace
