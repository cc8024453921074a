// close() while others use the socket, from tasks and threads; and what becomes of the descriptors.
#include <brigade/tcp.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/blocking_socket.hpp"
#include "tests/support/tcp_pair.hpp"
#include "tests/support/this_process.hpp"
#include "tests/support/throws.hpp"
#include "tests/unit/io/on_workers.hpp"
#include "tests/unit/io/sockets.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::endpoint;
using brigade::errc;
using brigade::task;
using brigade::tcp_listener;
using brigade::tcp_stream;
using test::accept_error;
using test::error_of;
using test::let_others_run;
using test::on_workers;
using test::read_error;
using test::write_error;

task<> close_here(std::function<void()> close) {
    close();
    co_return;
}
task<> close_in_a_task(std::function<void()> close) {
    co_await brigade::spawn(close_here(std::move(close)));
}
task<> close_in_a_thread(std::function<void()> close) {
    co_await brigade::spawn_blocking(std::move(close));
}

// All ways to close; each test is to hold for all of them.
class tcp_close : public testing::TestWithParam<task<> (*)(std::function<void()>)> {};

TEST_P(tcp_close, ends_a_waiting_read) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        auto reader = brigade::spawn(read_error(ends.near));
        co_await let_others_run();
        co_await GetParam()([&ends] { ends.near.close(); });
        const std::error_code error = co_await reader;
        EXPECT_EQ(error, errc::closed);
        const std::string far = co_await test::read_text(ends.far, 1);
        EXPECT_EQ(far, "");
    });
}

TEST_P(tcp_close, ends_a_waiting_write) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        test::narrow(ends);
        auto writer = brigade::spawn(write_error(ends.near));
        co_await let_others_run();
        co_await GetParam()([&ends] { ends.near.close(); });
        const std::error_code error = co_await writer;
        EXPECT_EQ(error, errc::closed);
    });
}

TEST_P(tcp_close, ends_a_waiting_read_and_a_waiting_write_at_once) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        test::narrow(ends);
        auto writer = brigade::spawn(write_error(ends.near));
        auto reader = brigade::spawn(read_error(ends.near));
        co_await let_others_run();
        co_await GetParam()([&ends] { ends.near.close(); });
        const std::error_code writing = co_await writer;
        const std::error_code reading = co_await reader;
        EXPECT_EQ(writing, errc::closed);
        EXPECT_EQ(reading, errc::closed);
    });
}

TEST_P(tcp_close, ends_a_waiting_accept) {
    on_workers(1, []() -> task<> {
        tcp_listener listener = tcp_listener::bind(endpoint::loopback_v4(0)).value();
        const endpoint address = listener.local_endpoint().value();
        auto acceptor = brigade::spawn(accept_error(listener));
        co_await let_others_run();
        co_await GetParam()([&listener] { listener.close(); });
        const std::error_code error = co_await acceptor;
        EXPECT_EQ(error, errc::closed);
        const auto late = co_await tcp_stream::connect(address);
        EXPECT_EQ(error_of(late), std::errc::connection_refused);
    });
}

INSTANTIATE_TEST_SUITE_P(here, tcp_close, testing::Values(&close_here));
INSTANTIATE_TEST_SUITE_P(in_a_task, tcp_close, testing::Values(&close_in_a_task));
INSTANTIATE_TEST_SUITE_P(in_a_thread, tcp_close, testing::Values(&close_in_a_thread));

TEST(tcp_close, the_peer_need_not_wait_for_operations_that_are_on_their_way_out) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        auto reader = brigade::spawn(read_error(ends.near));
        auto far_reader = brigade::spawn(test::read_text(ends.far, 1));
        co_await let_others_run();
        ends.near.close();
        const std::string far = co_await far_reader;
        EXPECT_EQ(far, "");
        static_cast<void>(co_await reader);
    });
}

TEST(tcp_close, twice_is_once) {
    on_workers(1, []() -> task<> {
        test::tcp_pair first = co_await test::connected_pair();
        first.near.close();
        test::tcp_pair second = co_await test::connected_pair();  // on the same slot and descriptor
        first.near.close();
        co_await test::write_text(second.far, "untouched");
        const std::string text = co_await test::read_text(second.near, 9);
        EXPECT_EQ(text, "untouched");
    });
}

// The operation is made for one connection and begins when that is gone and another has its descriptor and slot.
TEST(tcp_close, an_operation_that_begins_afterwards_does_not_reach_the_next_socket) {
    on_workers(1, []() -> task<> {
        tcp_listener listener = tcp_listener::bind(endpoint::loopback_v4(0)).value();
        const endpoint address = listener.local_endpoint().value();
        const test::blocking_socket old_peer = test::blocking_socket::connect(address);
        const test::blocking_socket new_peer = test::blocking_socket::connect(address);
        tcp_stream old_stream = (co_await listener.accept()).value();
        const int descriptor = old_stream.native_handle();
        std::array<std::byte, 16> buffer{};
        auto read = old_stream.read_some(buffer);
        auto write = old_stream.write_all(test::bytes_of("for the old one"));
        old_stream.close();
        tcp_stream new_stream = (co_await listener.accept()).value();
        EXPECT_EQ(new_stream.native_handle(), descriptor);
        new_peer.send("for the new one");
        const auto got = co_await std::move(read);
        EXPECT_EQ(error_of(got), errc::closed);
        const auto written = co_await std::move(write);
        EXPECT_EQ(error_of(written), errc::closed);
        const std::string text = co_await test::read_text(new_stream, 15);
        EXPECT_EQ(text, "for the new one");
        new_stream.close();
        EXPECT_EQ(new_peer.receive_all(), "");
    });
}

TEST(tcp_close, leaves_no_descriptors) {
    const std::size_t before = test::open_descriptors();
    on_workers(2, []() -> task<> {
        const std::size_t sockets_before = test::open_descriptors();
        {
            test::tcp_pair warm_up = co_await test::connected_pair();
            static_cast<void>(warm_up);
        }
        const std::size_t idle = test::open_descriptors();  // with the reactor's own
        EXPECT_GE(idle, sockets_before);
        const test::full_listener full;
        const std::size_t with_full = test::open_descriptors();
        for (int i = 0; i < 100; ++i) {
            test::tcp_pair ends = co_await test::connected_pair();
            auto reader = brigade::spawn(read_error(ends.near));
            auto stopped = brigade::spawn(read_error(ends.far));
            co_await let_others_run();
            stopped.request_stop();
            ends.near.close();
            static_cast<void>(co_await reader);
            static_cast<void>(co_await stopped);
            static_cast<void>(co_await brigade::with_timeout(10us, tcp_stream::connect(full.local_endpoint())));
            tcp_listener listener = tcp_listener::bind(endpoint::loopback_v6(0)).value();
            static_cast<void>(tcp_listener::bind(listener.local_endpoint().value()));
            static_cast<void>(co_await brigade::with_timeout(10us, listener.accept()));
        }
        EXPECT_EQ(test::open_descriptors(), with_full);
    });
    EXPECT_EQ(test::open_descriptors(), before);
}

TEST(tcp_close, sockets_may_be_used_on_another_executor_than_their_own) {
    brigade::executor other({.workers = 1, .name = "other"});
    brigade::executor home({.workers = 1});
    home.block_on([&home, &other]() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        auto far = brigade::spawn([&ends]() -> task<std::string> {
            const std::string text = co_await test::read_text(ends.far, 5);
            co_await test::write_text(ends.far, "reply");
            co_return text;
        });
        co_await brigade::resume_on(other);
        co_await test::write_text(ends.near, "hello");
        const std::string reply = co_await test::read_text(ends.near, 5);
        EXPECT_EQ(reply, "reply");
        EXPECT_EQ(&brigade::executor::current(), &other);
        auto reader = brigade::spawn(read_error(ends.near));  // a task of the other executor
        co_await let_others_run();
        ends.near.close();
        const std::error_code error = co_await reader;
        EXPECT_EQ(error, errc::closed);
        co_await brigade::resume_on(home);
        const std::string text = co_await far;
        EXPECT_EQ(text, "hello");
    });
}

TEST(tcp_close, closed_sockets_may_outlive_their_executor) {
    std::optional<brigade::executor> executor(std::in_place, brigade::executor_options{.workers = 1});
    tcp_listener listener = tcp_listener::bind(*executor, endpoint::loopback_v4(0)).value();
    {
        const tcp_listener gone = std::move(listener);
    }
    executor.reset();
    listener.close();
}

void let_a_listener_outlive_its_executor() {
    std::optional<brigade::executor> executor(std::in_place, brigade::executor_options{.workers = 1});
    const auto listener = tcp_listener::bind(*executor, endpoint::loopback_v4(0));
    executor.reset();
}

TEST(tcp_close_death_test, sockets_that_outlive_their_executor_terminate_with_a_report) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(let_a_listener_outlive_its_executor(), "brigade: 1 sockets or other descriptors outlive the executor");
}

}  // namespace
