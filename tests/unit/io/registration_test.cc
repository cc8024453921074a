// A white-box test: one descriptor's entry in the reactor, its references, readiness and generations. See the
// invariants REG1 to REG5 in io/registration.hpp. Waiting is tested through the sockets.
#include "io/registration.hpp"

#include <array>
#include <cstdint>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <brigade/errc.hpp>

#include "io/reactor.hpp"

namespace {

using brigade::errc;
using brigade::detail::descriptor_ref;
using brigade::detail::direction;
using brigade::detail::reactor;
using brigade::detail::registration;

using admission = registration::admission;

bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) != -1;
}

// Stands in a word.
struct never_called final : brigade::detail::io_operation {
    never_called() : io_operation({}, direction::read) {}

private:
    outcome call(int /*fd*/) noexcept override { return outcome::over; }
};

class registration_test : public testing::Test {
protected:
    registration_test() { open_pair(); }
    ~registration_test() override {
        slot().close(ref_.generation);
        ::close(peer_);
    }

    void open_pair() {
        std::array<int, 2> fds{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
        fd_ = fds[0];
        peer_ = fds[1];
        ref_ = reactor_.open(fd_);
    }
    [[nodiscard]] registration& slot() const { return *ref_.entry; }
    // Whether calls of the two directions are worth a try. That of a reader is made quiet by asking.
    std::pair<bool, bool> ready() { return {slot().try_now(direction::read), slot().try_now(direction::write)}; }
    std::pair<bool, bool> ready_after(std::uint32_t events) {
        EXPECT_FALSE(slot().deliver(events, ref_.generation));  // nobody waits
        return ready();
    }
    // As operations do that have met EAGAIN.
    void make_quiet() {
        for (const direction d : {direction::read, direction::write}) {
            // Twice: what had come before is told first.
            if (slot().wait(d, nobody_) != registration::arrival::waits) {
                ASSERT_EQ(slot().wait(d, nobody_), registration::arrival::waits);
            }
            ASSERT_TRUE(slot().withdraw(d, nobody_));
        }
    }

    brigade::executor owner_{{.workers = 1}};
    reactor reactor_{owner_};
    int fd_ = -1;
    int peer_ = -1;
    descriptor_ref ref_;
    never_called nobody_;
};

using both = std::pair<bool, bool>;

TEST_F(registration_test, calls_are_worth_a_try_at_first_and_a_reader_tries_once) {
    EXPECT_EQ(ready(), both(true, true));
    EXPECT_EQ(ready(), both(false, true));
}

TEST_F(registration_test, an_event_makes_its_directions_ready) {
    struct {
        std::uint32_t events;
        both expected;
    } const cases[] = {
        {EPOLLIN, {true, false}}, {EPOLLOUT, {false, true}}, {EPOLLIN | EPOLLOUT, {true, true}}, {0, {}}};
    for (const auto& [events, expected] : cases) {
        make_quiet();
        EXPECT_EQ(ready(), both(false, false));
        EXPECT_EQ(ready_after(events), expected) << events;
    }
}

TEST_F(registration_test, the_end_of_a_direction_stays) {
    make_quiet();
    EXPECT_EQ(ready_after(EPOLLIN | EPOLLRDHUP), both(true, false));
    EXPECT_EQ(ready(), both(true, false));
    EXPECT_EQ(ready_after(EPOLLIN | EPOLLHUP), both(true, true));
    EXPECT_EQ(ready_after(EPOLLIN | EPOLLOUT), both(true, true));
    EXPECT_EQ(ready(), both(true, true));
}

TEST_F(registration_test, an_operation_that_meets_eagain_after_the_end_waits_all_the_same) {
    make_quiet();
    EXPECT_EQ(ready_after(EPOLLERR), both(true, true));
    EXPECT_EQ(slot().wait(direction::read, nobody_), registration::arrival::calls_after_the_end);
    make_quiet();
    EXPECT_EQ(ready(), both(false, false));
}

TEST_F(registration_test, a_call_that_may_have_left_something_keeps_its_direction_ready) {
    make_quiet();
    slot().stays_ready(direction::read);
    EXPECT_EQ(ready(), both(true, false));
    slot().stays_ready(direction::write);
    EXPECT_EQ(ready(), both(false, true));
}

// A reader heard of the end as it was about to wait, took as many bytes as it had room for, and the next one that took
// the rest was the last to ask: the end had no event of its own.
TEST_F(registration_test, the_end_stays_when_a_call_after_it_gives_something) {
    make_quiet();
    EXPECT_FALSE(slot().deliver(EPOLLIN | EPOLLRDHUP, ref_.generation));
    EXPECT_EQ(slot().wait(direction::read, nobody_), registration::arrival::calls_after_the_end);
    slot().stays_over(direction::read);
    EXPECT_EQ(ready(), both(true, false));
    EXPECT_EQ(ready(), both(true, false));
}

TEST_F(registration_test, an_operation_that_waits_is_taken_out_once) {
    make_quiet();
    ASSERT_EQ(slot().wait(direction::read, nobody_), registration::arrival::waits);
    EXPECT_TRUE(slot().withdraw(direction::read, nobody_));
    EXPECT_FALSE(slot().withdraw(direction::read, nobody_));
    EXPECT_FALSE(slot().withdraw(direction::write, nobody_));
}

TEST_F(registration_test, an_event_of_another_generation_is_dropped) {
    make_quiet();
    slot().deliver(EPOLLIN, ref_.generation - 1);
    slot().deliver(EPOLLIN, ref_.generation + 1);
    EXPECT_EQ(ready(), both(false, false));
}

TEST_F(registration_test, nobody_waits_after_close) {
    ASSERT_EQ(slot().begin(ref_.generation, direction::read), admission::granted);  // keeps the generation
    slot().close(ref_.generation);
    EXPECT_FALSE(slot().deliver(EPOLLIN, ref_.generation));
    EXPECT_EQ(slot().wait(direction::read, nobody_), registration::arrival::closed);
    EXPECT_EQ(slot().watch(), errc::closed);
    slot().end(direction::read);
}

TEST_F(registration_test, takes_one_operation_for_each_direction) {
    EXPECT_EQ(slot().begin(ref_.generation, direction::read), admission::granted);
    EXPECT_EQ(slot().begin(ref_.generation, direction::read), admission::busy);
    EXPECT_EQ(slot().begin(ref_.generation, direction::write), admission::granted);
    EXPECT_EQ(slot().begin(ref_.generation, direction::write), admission::busy);
    slot().end(direction::read);
    EXPECT_EQ(slot().begin(ref_.generation, direction::read), admission::granted);
    slot().end(direction::read);
    slot().end(direction::write);
}

TEST_F(registration_test, close_gives_the_descriptor_back_at_once_when_nobody_is_inside) {
    slot().close(ref_.generation);
    EXPECT_FALSE(is_open(fd_));
}

TEST_F(registration_test, the_descriptor_stays_open_until_the_last_operation_has_left) {
    ASSERT_EQ(slot().begin(ref_.generation, direction::read), admission::granted);
    ASSERT_TRUE(slot().retain(ref_.generation));
    slot().close(ref_.generation);
    EXPECT_TRUE(is_open(fd_));
    slot().release();
    EXPECT_TRUE(is_open(fd_));
    slot().end(direction::read);
    EXPECT_FALSE(is_open(fd_));
}

TEST_F(registration_test, the_peer_sees_the_end_while_an_operation_is_still_inside) {
    ASSERT_EQ(slot().begin(ref_.generation, direction::write), admission::granted);
    slot().close(ref_.generation);
    char byte = 0;
    EXPECT_EQ(::recv(peer_, &byte, 1, 0), 0);
    slot().end(direction::write);
}

TEST_F(registration_test, nothing_begins_after_close) {
    ASSERT_EQ(slot().begin(ref_.generation, direction::read), admission::granted);
    slot().close(ref_.generation);
    EXPECT_EQ(slot().begin(ref_.generation, direction::write), admission::closed);
    EXPECT_EQ(slot().begin(ref_.generation, direction::read), admission::closed);
    EXPECT_FALSE(slot().retain(ref_.generation));
    slot().end(direction::read);
}

TEST_F(registration_test, the_next_socket_of_a_slot_has_another_generation_and_answers_no_old_name) {
    const descriptor_ref old = ref_;
    slot().close(old.generation);
    ::close(peer_);
    open_pair();
    ASSERT_EQ(ref_.entry, old.entry);
    EXPECT_NE(ref_.generation, old.generation);
    EXPECT_EQ(slot().begin(old.generation, direction::read), admission::closed);
    EXPECT_FALSE(slot().retain(old.generation));
    slot().close(old.generation);
    EXPECT_TRUE(is_open(fd_));
    EXPECT_EQ(slot().begin(ref_.generation, direction::read), admission::granted);
    slot().end(direction::read);
}

TEST_F(registration_test, the_key_names_slot_and_generation) {
    const std::uint64_t key = slot().key();
    EXPECT_EQ(key >> 32, ref_.generation);
    slot().close(ref_.generation);
    ::close(peer_);
    open_pair();
    EXPECT_EQ(slot().key() >> 32, ref_.generation);
    EXPECT_EQ(static_cast<std::uint32_t>(slot().key()), static_cast<std::uint32_t>(key));
}

}  // namespace
