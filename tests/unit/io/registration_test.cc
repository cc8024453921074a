// A white-box test: one descriptor's entry in the reactor, its references, ticks and generations. See the invariants
// REG1 to REG5 in io/registration.hpp. Waiting is tested through the sockets.
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
using brigade::detail::direction;
using brigade::detail::operation;
using brigade::detail::reactor;
using brigade::detail::registration;
using brigade::detail::socket_ref;

bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) != -1;
}

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
    // How much the event raises the ticks of reading and writing.
    std::pair<std::uint32_t, std::uint32_t> raised_by(std::uint32_t events) {
        const std::uint32_t read = slot().tick(direction::read);
        const std::uint32_t write = slot().tick(direction::write);
        EXPECT_FALSE(slot().deliver(events, ref_.generation));  // nobody waits
        return {slot().tick(direction::read) - read, slot().tick(direction::write) - write};
    }

    brigade::executor owner_{{.workers = 1}};
    reactor reactor_{owner_};
    int fd_ = -1;
    int peer_ = -1;
    socket_ref ref_;
};

using raised = std::pair<std::uint32_t, std::uint32_t>;

TEST_F(registration_test, an_event_raises_the_tick_of_its_directions) {
    EXPECT_EQ(raised_by(EPOLLIN), raised(1, 0));
    EXPECT_EQ(raised_by(EPOLLRDHUP), raised(1, 0));
    EXPECT_EQ(raised_by(EPOLLOUT), raised(0, 1));
    EXPECT_EQ(raised_by(EPOLLIN | EPOLLOUT), raised(1, 1));
    EXPECT_EQ(raised_by(EPOLLERR), raised(1, 1));
    EXPECT_EQ(raised_by(EPOLLHUP), raised(1, 1));
    EXPECT_EQ(raised_by(0), raised(0, 0));
}

TEST_F(registration_test, an_event_of_another_generation_is_dropped) {
    const std::uint32_t before = slot().tick(direction::read);
    slot().deliver(EPOLLIN, ref_.generation - 1);
    slot().deliver(EPOLLIN, ref_.generation + 1);
    EXPECT_EQ(slot().tick(direction::read), before);
}

TEST_F(registration_test, an_event_after_close_is_dropped) {
    const std::uint32_t before = slot().tick(direction::read);
    ASSERT_FALSE(slot().begin(ref_.generation, direction::read));  // keeps the generation
    slot().close(ref_.generation);
    slot().deliver(EPOLLIN, ref_.generation);
    EXPECT_EQ(slot().tick(direction::read), before);
    slot().end(direction::read);
}

TEST_F(registration_test, takes_one_operation_for_each_direction) {
    EXPECT_FALSE(slot().begin(ref_.generation, direction::read));
    EXPECT_EQ(slot().begin(ref_.generation, direction::read), errc::busy);
    EXPECT_FALSE(slot().begin(ref_.generation, direction::write));
    EXPECT_EQ(slot().begin(ref_.generation, direction::write), errc::busy);
    slot().end(direction::read);
    EXPECT_FALSE(slot().begin(ref_.generation, direction::read));
    slot().end(direction::read);
    slot().end(direction::write);
}

TEST_F(registration_test, close_gives_the_descriptor_back_at_once_when_nobody_is_inside) {
    slot().close(ref_.generation);
    EXPECT_FALSE(is_open(fd_));
}

TEST_F(registration_test, the_descriptor_stays_open_until_the_last_operation_has_left) {
    ASSERT_FALSE(slot().begin(ref_.generation, direction::read));
    ASSERT_TRUE(slot().retain(ref_.generation));
    slot().close(ref_.generation);
    EXPECT_TRUE(is_open(fd_));
    slot().release();
    EXPECT_TRUE(is_open(fd_));
    slot().end(direction::read);
    EXPECT_FALSE(is_open(fd_));
}

TEST_F(registration_test, the_peer_sees_the_end_while_an_operation_is_still_inside) {
    ASSERT_FALSE(slot().begin(ref_.generation, direction::write));
    slot().close(ref_.generation);
    char byte = 0;
    EXPECT_EQ(::recv(peer_, &byte, 1, 0), 0);
    slot().end(direction::write);
}

TEST_F(registration_test, nothing_begins_after_close) {
    ASSERT_FALSE(slot().begin(ref_.generation, direction::read));
    slot().close(ref_.generation);
    EXPECT_EQ(slot().begin(ref_.generation, direction::write), errc::closed);
    EXPECT_EQ(slot().begin(ref_.generation, direction::read), errc::closed);
    EXPECT_FALSE(slot().retain(ref_.generation));
    slot().end(direction::read);
}

TEST_F(registration_test, the_next_socket_of_a_slot_has_another_generation_and_answers_no_old_name) {
    const socket_ref old = ref_;
    slot().close(old.generation);
    ::close(peer_);
    open_pair();
    ASSERT_EQ(ref_.entry, old.entry);
    EXPECT_NE(ref_.generation, old.generation);
    EXPECT_EQ(slot().begin(old.generation, direction::read), errc::closed);
    EXPECT_FALSE(slot().retain(old.generation));
    slot().close(old.generation);
    EXPECT_TRUE(is_open(fd_));
    EXPECT_FALSE(slot().begin(ref_.generation, direction::read));
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

TEST_F(registration_test, an_operation_leaves_when_it_is_destroyed) {
    {
        const auto first = operation::begin(ref_, direction::read);
        ASSERT_TRUE(first.has_value());
        EXPECT_EQ(first->fd(), fd_);
        EXPECT_EQ(operation::begin(ref_, direction::read).error(), errc::busy);
    }
    EXPECT_TRUE(operation::begin(ref_, direction::read).has_value());
    EXPECT_EQ(operation::begin(socket_ref(), direction::read).error(), errc::closed);
}

}  // namespace
