// Open descriptors that go through Unix sockets: they arrive, and none is lost, whatever happens.
#include <brigade/unix_socket.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <brigade/brigade.hpp>

#include "tests/support/blocking_socket.hpp"
#include "tests/support/tcp_pair.hpp"
#include "tests/support/this_process.hpp"
#include "tests/unit/io/on_workers.hpp"

namespace {

using brigade::owned_fd;
using brigade::task;
using brigade::unix_datagram;
using brigade::unix_stream;
using test::bytes_of;
using test::error_of;
using test::let_others_run;
using test::on_workers;
using test::open_descriptors;

struct raw_pipe {
    owned_fd reading;
    owned_fd writing;
};

raw_pipe make_raw_pipe() {
    std::array<int, 2> fds{};
    EXPECT_EQ(::pipe2(fds.data(), O_CLOEXEC), 0);
    return {.reading = owned_fd(fds[0]), .writing = owned_fd(fds[1])};
}

// Whether what is written into one comes out of the other.
bool are_one_pipe(int reading, int writing) {
    char byte = 0;
    return ::write(writing, "x", 1) == 1 && ::read(reading, &byte, 1) == 1 && byte == 'x';
}

TEST(descriptor_passing, a_descriptor_arrives_with_its_byte) {
    on_workers(1, []() -> task<> {
        auto [near, far] = unix_stream::pair().value();
        const raw_pipe pipe = make_raw_pipe();
        const std::array<int, 2> to_send{pipe.reading.get(), pipe.writing.get()};
        const auto sent = co_await near.send_with_descriptors(bytes_of("two"), to_send);
        EXPECT_EQ(sent.value(), 3U);
        std::array<std::byte, 10> buffer{};
        std::array<owned_fd, 4> room;
        const auto got = co_await far.receive_with_descriptors(buffer, room);
        EXPECT_EQ(got.value().size, 3U);
        EXPECT_EQ(got->descriptors, 2U);
        EXPECT_FALSE(got->descriptors_lost);
        EXPECT_FALSE(room[2]);
        EXPECT_TRUE(are_one_pipe(room[0].get(), pipe.writing.get()));
        EXPECT_TRUE(are_one_pipe(pipe.reading.get(), room[1].get()));
        EXPECT_EQ(::fcntl(room[0].get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    });
}

TEST(descriptor_passing, a_receiver_waits_and_bytes_come_without_descriptors_as_well) {
    on_workers(1, []() -> task<> {
        auto [near, far] = unix_stream::pair().value();
        std::array<std::byte, 10> buffer{};
        std::array<owned_fd, 1> room;
        auto receiver = brigade::spawn(far.receive_with_descriptors(buffer, room));
        co_await let_others_run();
        EXPECT_FALSE(receiver.done());
        static_cast<void>(co_await near.write_all(bytes_of("plain")));
        const auto got = co_await receiver;
        EXPECT_EQ(got.value().size, 5U);
        EXPECT_EQ(got->descriptors, 0U);
        near.close();
        const auto end = co_await far.receive_with_descriptors(buffer, room);
        EXPECT_EQ(end.value().size, 0U);
    });
}

TEST(descriptor_passing, what_the_room_can_not_hold_is_closed_and_said) {
    on_workers(1, []() -> task<> {
        auto [near, far] = unix_stream::pair().value();
        for (const std::size_t places : {std::size_t{0}, std::size_t{1}, std::size_t{2}}) {
            const raw_pipe pipe = make_raw_pipe();
            const std::array<int, 3> to_send{pipe.reading.get(), pipe.reading.get(), pipe.writing.get()};
            const std::size_t before = open_descriptors();
            static_cast<void>(co_await near.send_with_descriptors(bytes_of("x"), to_send));
            std::array<std::byte, 10> buffer{};
            std::vector<owned_fd> room(places);
            const auto got = co_await far.receive_with_descriptors(buffer, room);
            EXPECT_EQ(got.value().descriptors, places);
            EXPECT_TRUE(got->descriptors_lost);
            EXPECT_EQ(open_descriptors(), before + places);
        }
    });
}

TEST(descriptor_passing, what_is_not_asked_for_is_not_leaked) {
    on_workers(1, []() -> task<> {
        auto [near, far] = unix_stream::pair().value();
        raw_pipe pipe = make_raw_pipe();
        const std::array<int, 1> to_send{pipe.writing.get()};
        const std::size_t before = open_descriptors();
        static_cast<void>(co_await near.send_with_descriptors(bytes_of("x"), to_send));
        std::array<std::byte, 10> buffer{};
        const auto read = co_await far.read_some(buffer);
        EXPECT_EQ(read.value(), 1U);
        EXPECT_EQ(open_descriptors(), before);
        pipe.writing.reset();
        char byte = 0;
        EXPECT_EQ(::read(pipe.reading.get(), &byte, 1), 0);  // nobody holds the other end any more
    });
}

TEST(descriptor_passing, a_receiver_without_numbers_says_that_descriptors_were_lost) {
    on_workers(1, []() -> task<> {
        auto [near, far] = unix_stream::pair().value();
        const raw_pipe pipe = make_raw_pipe();
        const std::array<int, 2> to_send{pipe.reading.get(), pipe.writing.get()};
        static_cast<void>(co_await near.send_with_descriptors(bytes_of("x"), to_send));
        const owned_fd next(::dup(0));
        rlimit before{};
        EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
        rlimit narrow = before;
        narrow.rlim_cur = static_cast<rlim_t>(next.get()) + 1;  // all numbers below are in use
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &narrow), 0);
        std::array<std::byte, 10> buffer{};
        std::array<owned_fd, 2> room;
        const auto got = co_await far.receive_with_descriptors(buffer, room);
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
        EXPECT_EQ(got.value().size, 1U);
        EXPECT_EQ(got->descriptors, 0U);
        EXPECT_TRUE(got->descriptors_lost);
    });
}

TEST(descriptor_passing, a_stop_before_it_leaves_descriptors_in_the_socket) {
    on_workers(1, []() -> task<> {
        auto [near, far] = unix_stream::pair().value();
        std::array<std::byte, 10> buffer{};
        std::array<owned_fd, 1> room;
        auto waiting = brigade::spawn(far.receive_with_descriptors(buffer, room));
        co_await let_others_run();
        waiting.request_stop();
        const auto stopped = co_await waiting;
        EXPECT_EQ(error_of(stopped), std::errc::operation_canceled);
        const raw_pipe pipe = make_raw_pipe();
        const std::array<int, 1> to_send{pipe.reading.get()};
        static_cast<void>(co_await near.send_with_descriptors(bytes_of("x"), to_send));
        auto not_begun = brigade::spawn(far.receive_with_descriptors(buffer, room));
        not_begun.request_stop();
        const auto at_once = co_await not_begun;
        EXPECT_EQ(error_of(at_once), std::errc::operation_canceled);
        EXPECT_FALSE(room[0]);
        const auto got = co_await far.receive_with_descriptors(buffer, room);
        EXPECT_EQ(got.value().descriptors, 1U);
        EXPECT_TRUE(are_one_pipe(room[0].get(), pipe.writing.get()));
    });
}

// A stop at any moment: each descriptor arrives or stays in the socket.
TEST(descriptor_passing, stops_in_a_race_leak_nothing) {
    on_workers(2, []() -> task<> {
        auto [near, far] = unix_stream::pair().value();
        const raw_pipe pipe = make_raw_pipe();
        const std::array<int, 1> to_send{pipe.reading.get()};
        const std::size_t before = open_descriptors();
        for (int i = 0; i < 300; ++i) {
            std::array<std::byte, 1> buffer{};
            std::array<owned_fd, 1> room;
            auto receiver = brigade::spawn(far.receive_with_descriptors(buffer, room));
            if (i % 2 == 0) {
                co_await brigade::yield();
            }
            static_cast<void>(co_await near.send_with_descriptors(bytes_of("x"), to_send));
            receiver.request_stop();
            const auto got = co_await receiver;
            EXPECT_EQ(static_cast<bool>(room[0]), got.has_value());
            if (!got) {
                const auto left = co_await far.receive_with_descriptors(buffer, room);
                EXPECT_EQ(left.value().descriptors, 1U);
            }
        }
        EXPECT_EQ(open_descriptors(), before);
    });
}

TEST(descriptor_passing, impossible_calls_are_refused) {
    on_workers(1, []() -> task<> {
        auto [near, far] = unix_stream::pair().value();
        const std::vector<int> many(254, 0);
        const auto too_many = co_await near.send_with_descriptors(bytes_of("x"), many);
        EXPECT_EQ(error_of(too_many), std::errc::invalid_argument);
        const auto no_byte = co_await near.send_with_descriptors({}, std::span(many).first(1));
        EXPECT_EQ(error_of(no_byte), std::errc::invalid_argument);
        const auto no_room = co_await far.receive_with_descriptors({}, {});
        EXPECT_EQ(error_of(no_room), std::errc::invalid_argument);
        const std::array<int, 1> not_open{-1};
        const auto bad = co_await near.send_with_descriptors(bytes_of("x"), not_open);
        EXPECT_EQ(error_of(bad), std::errc::bad_file_descriptor);
        const auto most = co_await near.send_with_descriptors(bytes_of("x"), std::span(many).first(253));
        EXPECT_EQ(most.value(), 1U);
    });
}

TEST(descriptor_passing, datagrams_carry_descriptors_and_need_no_bytes) {
    on_workers(1, []() -> task<> {
        auto [near, far] = unix_datagram::pair().value();
        const raw_pipe pipe = make_raw_pipe();
        const std::array<int, 1> to_send{pipe.writing.get()};
        const auto sent = co_await near.send_with_descriptors({}, to_send);
        EXPECT_FALSE(error_of(sent));
        static_cast<void>(co_await near.send_with_descriptors(bytes_of("long"), to_send));
        std::array<std::byte, 2> buffer{};
        std::array<owned_fd, 1> room;
        const auto empty = co_await far.receive_with_descriptors(buffer, room);
        EXPECT_EQ(empty.value().descriptors, 1U);
        EXPECT_FALSE(empty->truncated);
        EXPECT_TRUE(are_one_pipe(pipe.reading.get(), room[0].get()));
        const auto cut = co_await far.receive_with_descriptors(buffer, room);  // the one there is closed
        EXPECT_EQ(cut.value().descriptors, 1U);
        EXPECT_TRUE(cut->truncated);
        EXPECT_TRUE(are_one_pipe(pipe.reading.get(), room[0].get()));
    });
}

// What servers pass to each other: a connection, or the socket that listens.
TEST(descriptor_passing, tcp_sockets_are_adopted) {
    on_workers(1, []() -> task<> {
        brigade::executor& here = brigade::executor::current();
        const auto listening = test::blocking_socket::listen(brigade::endpoint::loopback_v4(0));
        auto listener = brigade::tcp_listener::adopt(here, owned_fd(::dup(listening.fd())));
        const auto client = test::blocking_socket::connect(listening.local_endpoint());
        auto accepted = co_await listener.value().accept();
        EXPECT_FALSE(error_of(accepted));
        auto stream = brigade::tcp_stream::adopt(here, owned_fd(::dup(client.fd())));
        static_cast<void>(co_await accepted->write_all(bytes_of("hello")));
        const std::string text = co_await test::read_text(stream.value(), 5);
        EXPECT_EQ(text, "hello");
        const auto wrong = brigade::tcp_stream::adopt(here, owned_fd(::dup(listening.fd())));
        EXPECT_EQ(error_of(wrong), std::errc::invalid_argument);
        const auto wrong_too = brigade::tcp_listener::adopt(here, owned_fd(::dup(client.fd())));
        EXPECT_EQ(error_of(wrong_too), std::errc::invalid_argument);
    });
}

}  // namespace
