// The servers on Boost.Asio: a C++20 coroutine for each connection, one io_context for all threads, which is told how
// many they are.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/version.hpp>

#include "bench/network/server.hpp"

namespace {

using namespace network;
namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;
using asio::ip::udp;

constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

template <std::size_t Size>
awaitable<void> serve(tcp::socket peer, const server_options& options) {
    responder answers(options);
    std::array<char, Size> buffer;
    for (;;) {
        const auto [error, received] = co_await peer.async_read_some(asio::buffer(buffer), use_tuple);
        if (error && error != asio::error::eof) {
            co_return;
        }
        const std::span<const char> reply = error ? answers.end() : answers.answer(std::span(buffer).first(received));
        if (!reply.empty()) {
            const auto [failure, sent] =
                co_await asio::async_write(peer, asio::buffer(reply.data(), reply.size()), use_tuple);
            if (failure) {
                co_return;
            }
        }
        if (error) {
            co_return;
        }
    }
}

awaitable<void> accept_all(tcp::acceptor& acceptor, const server_options& options) {
    for (;;) {
        auto [error, peer] = co_await acceptor.async_accept(use_tuple);
        if (error) {
            std::fprintf(stderr, "accept: %s\n", error.message().c_str());
            continue;
        }
        peer.set_option(tcp::no_delay(true));
        const auto where = acceptor.get_executor();
        if (options.mode == server_mode::sink) {
            asio::co_spawn(where, serve<stream_buffer_size>(std::move(peer), options), asio::detached);
        } else {
            asio::co_spawn(where, serve<buffer_size>(std::move(peer), options), asio::detached);
        }
    }
}

awaitable<void> echo_datagrams(udp::socket& socket) {
    std::array<char, buffer_size> buffer;
    udp::endpoint peer;
    for (;;) {
        const auto [error, received] = co_await socket.async_receive_from(asio::buffer(buffer), peer, use_tuple);
        if (!error) {
            co_await socket.async_send_to(asio::buffer(buffer, received), peer, use_tuple);
        }
    }
}

void run(asio::io_context& context, unsigned threads) {
    std::vector<std::jthread> others;
    for (unsigned i = 1; i < threads; ++i) {
        others.emplace_back([&context] { context.run(); });
    }
    context.run();
}

}  // namespace

int main(int argc, char** argv) {
    const server_options options =
        parse_server_options(argc, argv,
                             {.version = "Boost " BOOST_LIB_VERSION,
                              .modes = {server_mode::echo, server_mode::udp, server_mode::http, server_mode::sink}});
    try {
        asio::io_context context(static_cast<int>(options.threads));
        const auto loopback = asio::ip::address_v4::loopback();
        if (options.mode == server_mode::udp) {
            udp::socket socket(context, {loopback, options.port});
            print_port(socket.local_endpoint().port());
            asio::co_spawn(context, echo_datagrams(socket), asio::detached);
            run(context, options.threads);
        } else {
            tcp::acceptor acceptor(context, {loopback, options.port});
            print_port(acceptor.local_endpoint().port());
            asio::co_spawn(context, accept_all(acceptor, options), asio::detached);
            run(context, options.threads);
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
        return EXIT_FAILURE;
    }
}
