// Who is turned away when there is no descriptor, and who no longer when there is one again.
#include "io/accept.hpp"

#include <cstddef>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <brigade/brigade.hpp>

#include "tests/support/blocking_socket.hpp"
#include "tests/unit/io/no_descriptor_left.hpp"

namespace {

using brigade::endpoint;
using brigade::owned_fd;
using test::blocking_socket;

// A listener at which some clients wait.
class descriptor_shortage : public testing::Test {
protected:
    void SetUp() override {
        if (test::checks_by_opening_pipes) {
            GTEST_SKIP() << "UndefinedBehaviorSanitizer opens a pipe to see whether it may look at an object";
        }
        sockaddr_storage name{};
        socklen_t size = sizeof(name);
        auto* const bound = reinterpret_cast<sockaddr*>(&name);
        const endpoint any_port = endpoint::loopback_v4(0);
        ASSERT_EQ(::bind(listener.get(), any_port.native(), any_port.native_size()), 0);
        ASSERT_EQ(::listen(listener.get(), 16), 0);
        ASSERT_EQ(::getsockname(listener.get(), bound, &size), 0);
        for (int i = 0; i < 3; ++i) {
            clients.push_back(test::unconnected());
            ASSERT_EQ(::connect(clients.back().fd(), bound, size), 0);
        }
        while (waiting() != clients.size()) {  // a client's connect() returns before the listener has its answer
            std::this_thread::yield();
        }
    }
    // How many clients are there to be accepted.
    std::size_t waiting() const {
        tcp_info info{};
        socklen_t size = sizeof(info);
        EXPECT_EQ(::getsockopt(listener.get(), IPPROTO_TCP, TCP_INFO, &info, &size), 0);
        return info.tcpi_unacked;
    }

    owned_fd listener{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    std::vector<blocking_socket> clients;
    brigade::detail::descriptor_shortage shortage;
};

TEST_F(descriptor_shortage, turns_away_all_while_it_lasts) {
    const test::no_descriptor_left none;
    EXPECT_TRUE(shortage.turn_away(listener.get()));
    EXPECT_EQ(waiting(), 0U);
    for (blocking_socket& client : clients) {
        EXPECT_EQ(client.receive(), "");
    }
}

TEST_F(descriptor_shortage, that_is_over_turns_away_nobody) {
    EXPECT_FALSE(shortage.turn_away(listener.get()));
    EXPECT_EQ(waiting(), clients.size());
}

TEST_F(descriptor_shortage, gets_its_reserve_back_when_it_has_lost_it) {
    const int number_of_reserve = test::no_descriptor_left::lowest_free();
    brigade::detail::descriptor_shortage loses_it;
    {
        const test::no_descriptor_left nor_the_reserve(number_of_reserve);
        EXPECT_TRUE(loses_it.turn_away(listener.get()));
        EXPECT_EQ(waiting(), clients.size());
    }
    EXPECT_FALSE(loses_it.turn_away(listener.get()));
    const test::no_descriptor_left none;
    EXPECT_TRUE(loses_it.turn_away(listener.get()));
    EXPECT_EQ(waiting(), 0U);
}

TEST_F(descriptor_shortage, without_anybody_who_waits_ends_at_once) {
    const owned_fd nobody(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::listen(nobody.get(), 1), 0);
    const test::no_descriptor_left none;
    EXPECT_TRUE(shortage.turn_away(nobody.get()));
}

}  // namespace
