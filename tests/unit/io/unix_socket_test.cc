// Unix streams, listeners and datagrams: addresses, files, credentials, and what goes wrong.
#include <brigade/unix_socket.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <brigade/brigade.hpp>

#include "tests/support/tcp_pair.hpp"
#include "tests/unit/io/on_workers.hpp"
#include "tests/unit/io/temporary_folder.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::errc;
using brigade::existing_socket;
using brigade::task;
using brigade::unix_datagram;
using brigade::unix_endpoint;
using brigade::unix_listener;
using brigade::unix_stream;
using test::bytes_of;
using test::error_of;
using test::let_others_run;
using test::on_workers;

unix_endpoint at(const std::string& path) {
    return unix_endpoint::path(path).value();
}

task<std::string> read_text(brigade::byte_stream& stream, std::size_t size) {
    std::string text(size, '\0');
    std::size_t done = 0;
    static_cast<void>(co_await stream.read_exactly(test::room_in(text), &done));
    text.resize(done);
    co_return text;
}

task<std::string> receive_text(unix_datagram& socket) {
    std::string text(100, '\0');
    const auto got = co_await socket.receive_from(test::room_in(text));
    text.resize(got.value().size);
    co_return text;
}

task<std::error_code> accept_error(unix_listener& listener) {
    const auto accepted = co_await listener.accept();
    co_return error_of(accepted);
}

task<> exchanges_a_greeting(unix_endpoint address) {
    unix_listener listener = unix_listener::bind(address).value();
    EXPECT_EQ(listener.local_endpoint().value(), address);
    auto ends = co_await brigade::when_all(unix_stream::connect(address), listener.accept());
    unix_stream near = std::move(std::get<0>(ends).value());
    unix_stream far = std::move(std::get<1>(ends).value());
    EXPECT_EQ(near.remote_endpoint().value(), address);
    EXPECT_TRUE(far.remote_endpoint().value().is_unnamed());
    const auto written = co_await near.write_all(bytes_of("hello"));
    EXPECT_FALSE(error_of(written));
    EXPECT_FALSE(error_of(near.shutdown_write()));
    const std::string heard = co_await read_text(far, 100);
    EXPECT_EQ(heard, "hello");
    static_cast<void>(co_await far.write_all(bytes_of("hello yourself")));
    const std::string answer = co_await read_text(near, 14);
    EXPECT_EQ(answer, "hello yourself");
}

TEST(unix_socket, streams_connect_by_path) {
    const test::temporary_folder folder;
    on_workers(2, [&folder] { return exchanges_a_greeting(at(folder / "socket")); });
}

TEST(unix_socket, streams_connect_by_abstract_name) {
    const std::string name = "brigade-test-" + std::to_string(::getpid());
    on_workers(2, [&name] { return exchanges_a_greeting(unix_endpoint::abstract(name).value()); });
}

TEST(unix_socket, connect_is_refused_where_nobody_listens) {
    const test::temporary_folder folder;
    on_workers(1, [&folder]() -> task<> {
        const auto nothing = co_await unix_stream::connect(at(folder / "nothing"));
        EXPECT_EQ(error_of(nothing), std::errc::no_such_file_or_directory);
        unix_listener gone = unix_listener::bind(at(folder / "gone")).value();
        gone.close();
        const auto refused = co_await unix_stream::connect(at(folder / "gone"));
        EXPECT_EQ(error_of(refused), std::errc::connection_refused);
    });
}

TEST(unix_socket, connect_waits_for_room_in_the_backlog) {
    const test::temporary_folder folder;
    on_workers(1, [&folder]() -> task<> {
        unix_listener listener = unix_listener::bind(at(folder / "socket"), {.backlog = 0}).value();
        const auto first = co_await unix_stream::connect(at(folder / "socket"));
        EXPECT_FALSE(error_of(first));
        const auto late = co_await brigade::with_timeout(3ms, unix_stream::connect(at(folder / "socket")));
        EXPECT_EQ(error_of(late), std::errc::timed_out);
        auto second = brigade::spawn(unix_stream::connect(at(folder / "socket")));
        co_await let_others_run();
        EXPECT_FALSE(second.done());
        const std::error_code accepted = co_await accept_error(listener);
        EXPECT_FALSE(accepted);
        const auto connected = co_await second;
        EXPECT_FALSE(error_of(connected));
    });
}

TEST(unix_socket, connect_and_accept_end_by_a_stop) {
    const test::temporary_folder folder;
    on_workers(1, [&folder]() -> task<> {
        unix_listener listener = unix_listener::bind(at(folder / "socket"), {.backlog = 0}).value();
        auto acceptor = brigade::spawn(accept_error(listener));
        co_await let_others_run();
        acceptor.request_stop();
        const std::error_code stopped = co_await acceptor;
        EXPECT_EQ(stopped, std::errc::operation_canceled);
        const auto first = co_await unix_stream::connect(at(folder / "socket"));
        EXPECT_FALSE(error_of(first));
        auto second = brigade::spawn(unix_stream::connect(at(folder / "socket")));
        co_await let_others_run();
        second.request_stop();
        const auto connected = co_await second;
        EXPECT_EQ(error_of(connected), std::errc::operation_canceled);
    });
}

TEST(unix_socket, close_ends_a_waiting_accept) {
    const test::temporary_folder folder;
    on_workers(1, [&folder]() -> task<> {
        unix_listener listener = unix_listener::bind(at(folder / "socket")).value();
        auto acceptor = brigade::spawn(accept_error(listener));
        co_await let_others_run();
        listener.close();
        const std::error_code error = co_await acceptor;
        EXPECT_EQ(error, errc::closed);
    });
}

TEST(unix_socket, a_file_that_is_there_is_refused) {
    const test::temporary_folder folder;
    brigade::executor executor({.workers = 1});
    static_cast<void>(unix_listener::bind(executor, at(folder / "socket")).value());  // leaves its file
    EXPECT_EQ(error_of(unix_listener::bind(executor, at(folder / "socket"))), std::errc::address_in_use);
}

TEST(unix_socket, a_stale_file_is_replaced_when_told_so_and_nothing_else_is) {
    const test::temporary_folder folder;
    brigade::executor executor({.workers = 1});
    const brigade::unix_listener_options replacing{.existing = existing_socket::replace_stale};
    static_cast<void>(unix_listener::bind(executor, at(folder / "socket")).value());  // leaves its file
    unix_listener second = unix_listener::bind(executor, at(folder / "socket"), replacing).value();
    EXPECT_EQ(error_of(unix_listener::bind(executor, at(folder / "socket"), replacing)), std::errc::address_in_use);
    std::ofstream(folder / "file") << "precious";
    EXPECT_EQ(error_of(unix_listener::bind(executor, at(folder / "file"), replacing)), std::errc::address_in_use);
    EXPECT_TRUE(std::filesystem::exists(folder / "file"));
    const unix_datagram other = unix_datagram::bind(executor, at(folder / "datagrams")).value();
    EXPECT_EQ(error_of(unix_listener::bind(executor, at(folder / "datagrams"), replacing)), std::errc::address_in_use);
    std::filesystem::create_symlink(folder / "gone", folder / "link");
    EXPECT_EQ(error_of(unix_listener::bind(executor, at(folder / "link"), replacing)), std::errc::address_in_use);
}

TEST(unix_socket, close_removes_the_file_when_told_so) {
    const test::temporary_folder folder;
    brigade::executor executor({.workers = 1});
    const brigade::unix_listener_options removing{.remove_on_close = true};
    {
        unix_listener first = unix_listener::bind(executor, at(folder / "socket"), removing).value();
        unix_listener moved = std::move(first);
        first.close();  // NOLINT(bugprone-use-after-move): has nothing any more
        EXPECT_TRUE(std::filesystem::exists(folder / "socket"));
    }
    EXPECT_FALSE(std::filesystem::exists(folder / "socket"));
}

TEST(unix_socket, close_leaves_the_file_of_a_successor) {
    const test::temporary_folder folder;
    brigade::executor executor({.workers = 1});
    const brigade::unix_listener_options removing{.remove_on_close = true};
    unix_listener first = unix_listener::bind(executor, at(folder / "socket"), removing).value();
    std::filesystem::rename(folder / "socket", folder / "elsewhere");
    const unix_listener second = unix_listener::bind(executor, at(folder / "socket")).value();
    first.close();
    first.close();
    EXPECT_TRUE(std::filesystem::exists(folder / "socket"));
}

TEST(unix_socket, the_peer_has_credentials) {
    const test::temporary_folder folder;
    on_workers(1, [&folder]() -> task<> {
        unix_listener listener = unix_listener::bind(at(folder / "socket")).value();
        const unix_stream near = (co_await unix_stream::connect(at(folder / "socket"))).value();
        unix_stream far = (co_await listener.accept()).value();
        const auto peer = far.credentials();
        EXPECT_EQ(peer.value().process, ::getpid());
        EXPECT_EQ(peer->user, ::geteuid());
        EXPECT_EQ(peer->group, ::getegid());
        far.close();
        EXPECT_EQ(error_of(far.credentials()), errc::closed);
    });
}

TEST(unix_socket, pairs_carry_megabytes_both_ways) {
    on_workers(2, []() -> task<> {
        auto [near, far] = unix_stream::pair().value();
        EXPECT_FALSE(error_of(near.set_send_buffer(8192)));
        const std::vector<std::byte> bytes(1 << 20, std::byte{7});
        std::vector<std::byte> there(bytes.size());
        std::vector<std::byte> back(bytes.size());
        const auto all = co_await brigade::when_all(near.write_all(bytes), far.read_exactly(there),
                                                    far.write_all(bytes), near.read_exactly(back));
        EXPECT_FALSE(error_of(std::get<0>(all)));
        EXPECT_FALSE(error_of(std::get<2>(all)));
        EXPECT_TRUE(there == bytes);
        EXPECT_TRUE(back == bytes);
        far.close();
        const auto written = co_await near.write_all(bytes);
        EXPECT_EQ(error_of(written), std::errc::broken_pipe);
    });
}

TEST(unix_socket, an_adopted_socket_is_a_stream_and_nothing_else_is) {
    on_workers(1, []() -> task<> {
        brigade::executor& here = brigade::executor::current();
        std::array<int, 2> fds{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()), 0);
        unix_stream near = unix_stream::adopt(here, brigade::owned_fd(fds[0])).value();
        unix_stream far = unix_stream::adopt(here, brigade::owned_fd(fds[1])).value();
        auto reader = brigade::spawn(read_text(far, 4));
        co_await let_others_run();
        static_cast<void>(co_await near.write_all(bytes_of("here")));
        const std::string text = co_await reader;
        EXPECT_EQ(text, "here");
        brigade::owned_fd udp(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(error_of(unix_stream::adopt(here, std::move(udp))), std::errc::invalid_argument);
        EXPECT_EQ(error_of(unix_stream::adopt(here, brigade::owned_fd(::dup(0)))), std::errc::not_a_socket);
    });
}

// What others hold as well goes on for them, also when an operation is inside at the close.
TEST(unix_socket, closing_an_adopted_socket_leaves_the_connection_to_those_who_share_it) {
    on_workers(1, []() -> task<> {
        std::array<int, 2> fds{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()), 0);
        const brigade::owned_fd shared(::dup(fds[0]));
        unix_stream near = unix_stream::adopt(brigade::executor::current(), brigade::owned_fd(fds[0])).value();
        unix_stream far = unix_stream::adopt(brigade::executor::current(), brigade::owned_fd(fds[1])).value();
        auto reader = brigade::spawn(read_text(near, 1));
        co_await let_others_run();
        near.close();
        static_cast<void>(co_await reader);
        EXPECT_EQ(::write(shared.get(), "on", 2), 2);
        const std::string text = co_await read_text(far, 2);
        EXPECT_EQ(text, "on");
    });
}

TEST(unix_socket, datagrams_come_whole_in_order_and_with_their_sender) {
    const test::temporary_folder folder;
    on_workers(1, [&folder]() -> task<> {
        unix_datagram near = unix_datagram::bind(at(folder / "near")).value();
        unix_datagram far = unix_datagram::bind(at(folder / "far")).value();
        const auto sent = co_await near.send_to(bytes_of("hello"), at(folder / "far"));
        EXPECT_FALSE(error_of(sent));
        std::string text(3, '\0');
        const auto got = co_await far.receive_from(test::room_in(text));
        EXPECT_EQ(got.value().from, at(folder / "near"));
        EXPECT_EQ(text, "hel");
        EXPECT_TRUE(got->truncated);
        const auto nowhere = co_await near.send_to(bytes_of("hello"), at(folder / "nowhere"));
        EXPECT_EQ(error_of(nowhere), std::errc::no_such_file_or_directory);
    });
}

TEST(unix_socket, an_unnamed_datagram_socket_has_an_unnamed_address) {
    on_workers(1, []() -> task<> {
        auto [near, far] = unix_datagram::pair().value();
        const auto sent = co_await near.send(bytes_of("a"));
        EXPECT_FALSE(error_of(sent));
        std::array<std::byte, 4> buffer{};
        const auto got = co_await far.receive_from(buffer);
        EXPECT_TRUE(got.value().from.is_unnamed());
        far.close();
        const auto refused = co_await near.send(bytes_of("b"));
        EXPECT_TRUE(error_of(refused) == std::errc::connection_refused || error_of(refused) == std::errc::not_connected)
            << error_of(refused).message();
    });
}

// All of them arrive, though the receiver holds only a few at once.
TEST(unix_socket, who_sends_datagrams_to_a_full_receiver_waits) {
    const test::temporary_folder folder;
    on_workers(1, [&folder]() -> task<> {
        constexpr int count = 500;
        unix_datagram far = unix_datagram::bind(at(folder / "far")).value();
        for (const bool connected : {true, false}) {
            unix_datagram near = unix_datagram::bind(unix_endpoint()).value();
            if (connected) {
                EXPECT_FALSE(error_of(near.connect(at(folder / "far"))));
            }
            auto sender = brigade::spawn([&near, &folder, connected]() -> task<> {
                for (int i = 0; i < count; ++i) {
                    const std::string text = std::to_string(i);
                    if (connected) {
                        const auto sent = co_await near.send(bytes_of(text));
                        EXPECT_FALSE(error_of(sent));
                    } else {
                        const auto sent = co_await near.send_to(bytes_of(text), at(folder / "far"));
                        EXPECT_FALSE(error_of(sent));
                    }
                }
            });
            co_await let_others_run();
            EXPECT_FALSE(sender.done());
            for (int i = 0; i < count; ++i) {
                const std::string text = co_await receive_text(far);
                EXPECT_EQ(text, std::to_string(i));
            }
            co_await sender;
        }
    });
}

// It keeps the address that it was given, and knows the socket when the object has moved.
TEST(unix_socket, who_waits_to_send_a_datagram_needs_neither_the_address_nor_the_object) {
    const test::temporary_folder folder;
    on_workers(1, [&folder]() -> task<> {
        unix_datagram far = unix_datagram::bind(at(folder / "far")).value();
        unix_datagram near = unix_datagram::bind(unix_endpoint()).value();
        int sent = 0;
        for (;; ++sent) {
            const auto full = co_await brigade::with_timeout(1ms, near.send_to(bytes_of("early"), at(folder / "far")));
            if (!full) {
                EXPECT_EQ(full.error(), std::errc::timed_out);
                break;
            }
        }
        auto address = std::make_unique<unix_endpoint>(at(folder / "far"));
        auto late = brigade::spawn(near.send_to(bytes_of("late"), *address));
        *address = at(folder / "nowhere");
        address.reset();
        co_await let_others_run();
        EXPECT_FALSE(late.done());
        const unix_datagram moved = std::move(near);
        for (int i = 0; i < sent; ++i) {
            const std::string text = co_await receive_text(far);
            EXPECT_EQ(text, "early");
        }
        const std::string text = co_await receive_text(far);
        EXPECT_EQ(text, "late");
        const auto outcome = co_await late;
        EXPECT_FALSE(error_of(outcome));
    });
}

}  // namespace
