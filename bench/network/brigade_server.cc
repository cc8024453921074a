// The servers on Brigade: a task for each connection.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include <brigade/brigade.hpp>

#include "bench/network/server.hpp"

namespace {

using namespace network;
using namespace std::chrono_literals;

// Whether the rest of an answer could be sent.
brigade::task<bool> send_rest(brigade::tcp_stream& peer, std::vector<char> rest) {
    const auto sent = co_await peer.write_all(std::as_bytes(std::span(rest)));
    co_return sent.has_value();
}

enum class exchange { goes_on, is_over };

// Answers what is there, with a buffer on the stack: a silent connection has none. What the system does not take at
// once is left to `unsent`.
template <std::size_t Size>
exchange answer_what_is_there(brigade::tcp_stream& peer, responder& answers, brigade::task<bool>& unsent) {
    std::array<char, Size> buffer;
    const auto received = peer.try_read_some(std::as_writable_bytes(std::span(buffer)));
    if (!received) {
        return received.error() == std::errc::operation_would_block ? exchange::goes_on : exchange::is_over;
    }
    const std::span<const char> reply =
        *received == 0 ? answers.end() : answers.answer(std::span(buffer).first(*received));
    if (!reply.empty()) {
        const auto sent = peer.try_write_some(std::as_bytes(reply));
        if (!sent && sent.error() != std::errc::operation_would_block) {
            return exchange::is_over;
        }
        if (const auto rest = reply.subspan(sent.value_or(0)); !rest.empty()) {
            unsent = send_rest(peer, std::vector(rest.begin(), rest.end()));
        }
    }
    return *received == 0 ? exchange::is_over : exchange::goes_on;
}

template <std::size_t Size>
brigade::task<> serve(brigade::tcp_stream peer, const server_options& options) {
    responder answers(options);
    brigade::task<bool> unsent;
    for (exchange next = exchange::goes_on; next == exchange::goes_on;) {
        const auto there_is_some = co_await peer.readable();
        if (!there_is_some) {
            co_return;
        }
        next = answer_what_is_there<Size>(peer, answers, unsent);
        if (unsent) {
            const bool sent = co_await std::move(unsent);
            if (!sent) {
                co_return;
            }
        }
    }
}

brigade::task<> accept_all(brigade::tcp_listener& listener, const server_options& options) {
    for (;;) {
        auto peer = co_await listener.accept();
        if (!peer) {
            std::fprintf(stderr, "accept: %s\n", peer.error().message().c_str());
            co_await brigade::sleep_for(100ms);
        } else if (options.mode == server_mode::sink) {
            brigade::spawn(serve<stream_buffer_size>, std::move(*peer), std::cref(options)).detach();
        } else {
            brigade::spawn(serve<buffer_size>, std::move(*peer), std::cref(options)).detach();
        }
    }
}

// One task: a batch is received by one system call and sent back by another.
brigade::task<> echo_datagrams(brigade::udp_socket& socket) {
    constexpr std::size_t batch = 32;
    std::vector<std::array<std::byte, 2048>> buffers(batch);
    std::array<brigade::datagram_slot<brigade::endpoint>, batch> slots;
    std::ranges::transform(buffers, slots.begin(),
                           [](auto& buffer) { return brigade::datagram_slot<brigade::endpoint>{.buffer = buffer}; });
    std::array<brigade::outgoing_datagram<brigade::endpoint>, batch> answers;
    for (;;) {
        const auto received = co_await socket.receive_many(slots);
        if (!received) {
            std::fprintf(stderr, "receive: %s\n", received.error().message().c_str());
            continue;
        }
        for (std::size_t i = 0; i < *received; ++i) {
            answers[i] = {.bytes = slots[i].buffer.first(slots[i].got.size), .to = &slots[i].got.from};
        }
        const auto sent = co_await socket.send_many(std::span(answers).first(*received));
        if (!sent) {
            std::fprintf(stderr, "send: %s\n", sent.error().message().c_str());
        }
    }
}

int serve_datagrams(brigade::executor& executor, const brigade::endpoint& where) {
    auto socket = brigade::udp_socket::bind(executor, where);
    if (!socket) {
        std::fprintf(stderr, "bind: %s\n", socket.error().message().c_str());
        return EXIT_FAILURE;
    }
    print_port(socket->local_endpoint()->port());
    executor.block_on(echo_datagrams, std::ref(*socket));
    return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
    const server_options options = parse_server_options(
        argc, argv,
        {.version = "", .modes = {server_mode::echo, server_mode::udp, server_mode::http, server_mode::sink}});
    brigade::executor executor({.workers = options.threads});
    const brigade::endpoint where = brigade::endpoint::loopback_v4(options.port);
    if (options.mode == server_mode::udp) {
        return serve_datagrams(executor, where);
    }
    auto listener = brigade::tcp_listener::bind(executor, where, {.backlog = 4096});
    if (!listener) {
        std::fprintf(stderr, "bind: %s\n", listener.error().message().c_str());
        return EXIT_FAILURE;
    }
    print_port(listener->local_endpoint()->port());
    executor.block_on(accept_all, std::ref(*listener), std::cref(options));
}
