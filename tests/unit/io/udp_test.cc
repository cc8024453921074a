// UDP sockets: datagrams one by one and in batches, connected and not, and what goes wrong.
#include <brigade/udp.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/tcp_pair.hpp"
#include "tests/unit/io/on_workers.hpp"
#include "tests/unit/io/udp_sockets.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::endpoint;
using brigade::errc;
using brigade::task;
using brigade::udp_socket;
using test::address_of;
using test::bound;
using test::bytes_of;
using test::error_of;
using test::let_others_run;
using test::on_workers;
using test::receive_text;

task<std::error_code> receive_error(udp_socket& socket) {
    std::array<std::byte, 16> buffer{};
    const auto got = co_await socket.receive_from(buffer);
    co_return error_of(got);
}

TEST(udp, a_datagram_comes_whole_and_with_its_sender) {
    on_workers(2, []() -> task<> {
        for (const endpoint& local : {endpoint::loopback_v4(0), endpoint::loopback_v6(0)}) {
            udp_socket near = bound(local);
            udp_socket far = bound(local);
            const auto sent = co_await near.send_to(bytes_of("hello"), address_of(far));
            EXPECT_FALSE(error_of(sent));
            std::string text(100, '\0');
            const auto got = co_await far.receive_from(test::room_in(text));
            EXPECT_EQ(text.substr(0, got.value().size), "hello");
            EXPECT_FALSE(got->truncated);
            EXPECT_EQ(got->from, address_of(near));
            const auto answered = co_await far.send_to(bytes_of("hello yourself"), got->from);
            EXPECT_FALSE(error_of(answered));
            const std::string answer = co_await receive_text(near);
            EXPECT_EQ(answer, "hello yourself");
        }
    });
}

TEST(udp, a_receive_waits_for_a_datagram) {
    on_workers(1, []() -> task<> {
        udp_socket near = bound();
        udp_socket far = bound();
        auto receiver = brigade::spawn(receive_text(far));
        co_await let_others_run();
        EXPECT_FALSE(receiver.done());
        static_cast<void>(co_await near.send_to(bytes_of("late"), address_of(far)));
        const std::string text = co_await receiver;
        EXPECT_EQ(text, "late");
    });
}

TEST(udp, a_datagram_that_is_too_long_for_the_buffer_is_cut_off_and_says_so) {
    on_workers(1, []() -> task<> {
        udp_socket near = bound();
        udp_socket far = bound();
        static_cast<void>(co_await near.send_to(bytes_of("0123456789"), address_of(far)));
        static_cast<void>(co_await near.send_to(bytes_of("next"), address_of(far)));
        std::string text(4, '\0');
        const auto cut = co_await far.receive_from(test::room_in(text));
        EXPECT_EQ(cut.value().size, 4U);
        EXPECT_TRUE(cut->truncated);
        EXPECT_EQ(text, "0123");
        const auto fits = co_await far.receive_from(test::room_in(text));
        EXPECT_EQ(fits.value().size, 4U);
        EXPECT_FALSE(fits->truncated);
        EXPECT_EQ(text, "next");
    });
}

TEST(udp, an_empty_datagram_is_a_datagram) {
    on_workers(1, []() -> task<> {
        udp_socket near = bound();
        udp_socket far = bound();
        const auto sent = co_await near.send_to({}, address_of(far));
        EXPECT_FALSE(error_of(sent));
        const std::string text = co_await receive_text(far);
        EXPECT_EQ(text, "");
    });
}

TEST(udp, a_datagram_may_not_be_longer_than_the_protocol_allows) {
    on_workers(1, []() -> task<> {
        udp_socket near = bound();
        const std::vector<std::byte> long_one(70'000);
        const auto sent = co_await near.send_to(long_one, address_of(near));
        EXPECT_EQ(error_of(sent), std::errc::message_size);
    });
}

TEST(udp, a_connected_socket_hears_its_peer_only) {
    on_workers(1, []() -> task<> {
        udp_socket near = bound();
        udp_socket far = bound();
        udp_socket stranger = bound();
        EXPECT_FALSE(error_of(near.connect(address_of(far))));
        EXPECT_EQ(near.remote_endpoint().value(), address_of(far));
        static_cast<void>(co_await stranger.send_to(bytes_of("psst"), address_of(near)));
        static_cast<void>(co_await far.send_to(bytes_of("the peer"), address_of(near)));
        const std::string text = co_await receive_text(near);
        EXPECT_EQ(text, "the peer");
        const auto sent = co_await near.send(bytes_of("to the peer"));
        EXPECT_FALSE(error_of(sent));
        const std::string heard = co_await receive_text(far);
        EXPECT_EQ(heard, "to the peer");
        EXPECT_FALSE(error_of(near.disconnect()));
        EXPECT_EQ(error_of(near.remote_endpoint()), std::errc::not_connected);
    });
}

TEST(udp, send_without_a_peer_is_an_error) {
    on_workers(1, []() -> task<> {
        udp_socket near = bound();
        const auto sent = co_await near.send(bytes_of("to whom?"));
        EXPECT_EQ(error_of(sent), std::errc::destination_address_required);
    });
}

TEST(udp, a_connected_socket_learns_that_nobody_listens) {
    on_workers(1, []() -> task<> {
        udp_socket near = bound();
        udp_socket far = bound();
        const endpoint gone = address_of(far);
        EXPECT_FALSE(error_of(near.connect(gone)));
        far.close();
        auto receiver = brigade::spawn(receive_error(near));
        co_await let_others_run();
        const auto sent = co_await near.send(bytes_of("anybody there?"));
        EXPECT_FALSE(error_of(sent));
        const std::error_code refused = co_await receiver;
        EXPECT_EQ(refused, std::errc::connection_refused);
        // The socket stays good, and a waiting receive does not take the old error for a new one.
        far = udp_socket::bind(gone).value();
        auto waiting = brigade::spawn(receive_text(near));
        co_await let_others_run();
        EXPECT_FALSE(waiting.done());
        static_cast<void>(co_await far.send_to(bytes_of("here again"), address_of(near)));
        const std::string text = co_await waiting;
        EXPECT_EQ(text, "here again");
    });
}

TEST(udp, a_batch_is_sent_and_received) {
    on_workers(1, []() -> task<> {
        constexpr std::size_t count = 100;  // more than one system call takes
        udp_socket near = bound();
        udp_socket far = bound();
        const endpoint to = address_of(far);
        std::vector<std::string> texts;
        for (std::size_t i = 0; i < count; ++i) {
            texts.push_back("datagram " + std::to_string(i));
        }
        std::vector<brigade::udp_outgoing> batch;
        for (const std::string& text : texts) {
            batch.push_back({.bytes = bytes_of(text), .to = &to});
        }
        std::size_t done = 0;
        const auto sent = co_await near.send_many(batch, &done);
        EXPECT_FALSE(error_of(sent));
        EXPECT_EQ(done, count);

        std::vector<std::string> rooms(count, std::string(20, '\0'));
        std::vector<brigade::udp_slot> slots;
        for (std::string& room : rooms) {
            slots.push_back({.buffer = test::room_in(room)});
        }
        std::size_t received = 0;
        while (received < count) {
            const auto got = co_await far.receive_many(std::span(slots).subspan(received));
            EXPECT_GT(got.value(), 0U);
            received += *got;
        }
        for (std::size_t i = 0; i < count; ++i) {
            EXPECT_EQ(rooms[i].substr(0, slots[i].got.size), texts[i]);
            EXPECT_EQ(slots[i].got.from, address_of(near));
            EXPECT_FALSE(slots[i].got.truncated);
        }
    });
}

TEST(udp, a_batch_receive_waits_and_then_gives_what_is_there) {
    on_workers(1, []() -> task<> {
        udp_socket near = bound();
        udp_socket far = bound();
        std::array<std::byte, 4> first{};
        std::array<std::byte, 4> second{};
        std::array<brigade::udp_slot, 2> slots{brigade::udp_slot{.buffer = first}, {.buffer = second}};
        auto receiver = brigade::spawn(far.receive_many(slots));
        co_await let_others_run();
        EXPECT_FALSE(receiver.done());
        static_cast<void>(co_await near.send_to(bytes_of("too long"), address_of(far)));
        const auto got = co_await receiver;
        EXPECT_EQ(got.value(), 1U);
        EXPECT_TRUE(slots[0].got.truncated);
        const auto nothing = co_await far.receive_many({});
        EXPECT_EQ(nothing.value(), 0U);
    });
}

TEST(udp, a_batch_says_how_many_were_sent_before_the_error) {
    on_workers(1, []() -> task<> {
        udp_socket near = bound();
        udp_socket far = bound();
        const endpoint to = address_of(far);
        const std::vector<std::byte> long_one(70'000);
        const std::array<brigade::udp_outgoing, 3> batch{
            brigade::udp_outgoing{.bytes = bytes_of("good"), .to = &to}, {.bytes = long_one, .to = &to}, {.to = &to}};
        std::size_t done = 9;
        const auto sent = co_await near.send_many(batch, &done);
        EXPECT_EQ(error_of(sent), std::errc::message_size);
        EXPECT_EQ(done, 1U);
        const std::string text = co_await receive_text(far);
        EXPECT_EQ(text, "good");
        const auto none = co_await near.send_many({}, &done);
        EXPECT_FALSE(error_of(none));
        EXPECT_EQ(done, 0U);
    });
}

TEST(udp, a_connected_batch_needs_no_addresses) {
    on_workers(1, []() -> task<> {
        udp_socket near = bound();
        udp_socket far = bound();
        EXPECT_FALSE(error_of(near.connect(address_of(far))));
        const std::array<brigade::udp_outgoing, 2> batch{brigade::udp_outgoing{.bytes = bytes_of("a")},
                                                         {.bytes = bytes_of("b")}};
        const auto sent = co_await near.send_many(batch);
        EXPECT_FALSE(error_of(sent));
        const std::string first = co_await receive_text(far);
        const std::string second = co_await receive_text(far);
        EXPECT_EQ(first + second, "ab");
    });
}

TEST(udp, a_stop_ends_a_receive_and_takes_nothing) {
    on_workers(1, []() -> task<> {
        udp_socket near = bound();
        udp_socket far = bound();
        auto receiver = brigade::spawn(receive_error(far));
        co_await let_others_run();
        receiver.request_stop();
        const std::error_code stopped = co_await receiver;
        EXPECT_EQ(stopped, std::errc::operation_canceled);
        static_cast<void>(co_await near.send_to(bytes_of("still good"), address_of(far)));
        auto late = brigade::spawn(receive_error(far));
        late.request_stop();
        const std::error_code at_once = co_await late;
        EXPECT_EQ(at_once, std::errc::operation_canceled);
        const std::string text = co_await receive_text(far);
        EXPECT_EQ(text, "still good");
    });
}

TEST(udp, a_receive_takes_a_deadline) {
    on_workers(1, []() -> task<> {
        udp_socket far = bound();
        std::array<std::byte, 16> buffer{};
        const auto got = co_await brigade::with_timeout(1ms, far.receive_from(buffer));
        EXPECT_EQ(error_of(got), std::errc::timed_out);
    });
}

TEST(udp, close_ends_a_waiting_receive) {
    on_workers(1, []() -> task<> {
        udp_socket far = bound();
        auto receiver = brigade::spawn(receive_error(far));
        co_await let_others_run();
        far.close();
        const std::error_code error = co_await receiver;
        EXPECT_EQ(error, errc::closed);
        const auto sent = co_await far.send_to({}, endpoint::loopback_v4(9));
        EXPECT_EQ(error_of(sent), errc::closed);
        EXPECT_EQ(error_of(far.local_endpoint()), errc::closed);
        EXPECT_EQ(error_of(far.set_ttl(1)), errc::closed);
        EXPECT_EQ(far.native_handle(), -1);
    });
}

TEST(udp, second_receiver_is_refused_as_busy) {
    on_workers(1, []() -> task<> {
        udp_socket near = bound();
        udp_socket far = bound();
        auto first = brigade::spawn(receive_text(far));
        co_await let_others_run();
        const std::error_code second = co_await receive_error(far);
        EXPECT_EQ(second, errc::busy);
        static_cast<void>(co_await near.send_to(bytes_of("one"), address_of(far)));
        const std::string text = co_await first;
        EXPECT_EQ(text, "one");
    });
}

TEST(udp, many_datagrams_go_to_and_fro_on_several_workers) {
    on_workers(2, []() -> task<> {
        udp_socket near = bound();
        udp_socket far = bound();
        auto echo = brigade::spawn([&far]() -> task<> {
            std::array<std::byte, 64> buffer{};
            for (;;) {
                const auto got = co_await far.receive_from(buffer);
                if (got.value().size == 0) {
                    co_return;
                }
                static_cast<void>(co_await far.send_to(std::span(buffer).first(got->size), got->from));
            }
        });
        for (int i = 0; i < 1000; ++i) {
            const std::string message = std::to_string(i);
            static_cast<void>(co_await near.send_to(bytes_of(message), address_of(far)));
            const std::string back = co_await receive_text(near);
            EXPECT_EQ(back, message);
        }
        static_cast<void>(co_await near.send_to({}, address_of(far)));
        co_await echo;
    });
}

}  // namespace
