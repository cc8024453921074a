// The servers on libevent: bufferevents on one event_base, one thread.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <span>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "bench/network/server.hpp"

namespace {

using namespace network;

struct connection {
    explicit connection(const server_options& options) : answers(options) {}

    responder answers;
    bool ended = false;
};

void close(bufferevent* peer, connection* c) {
    bufferevent_free(peer);
    delete c;
}

void write(bufferevent* peer, std::span<const char> bytes) {
    if (!bytes.empty()) {
        bufferevent_write(peer, bytes.data(), bytes.size());
    }
}

void on_read(bufferevent* peer, void* argument) {
    static std::array<char, stream_buffer_size> buffer;
    auto* const c = static_cast<connection*>(argument);
    const std::size_t n = bufferevent_read(peer, buffer.data(), buffer.size());
    write(peer, c->answers.answer(std::span(buffer).first(n)));
}

// All that was to be written is.
void on_written(bufferevent* peer, void* argument) {
    auto* const c = static_cast<connection*>(argument);
    if (c->ended) {
        close(peer, c);
    }
}

void on_event(bufferevent* peer, short what, void* argument) {
    auto* const c = static_cast<connection*>(argument);
    if ((what & BEV_EVENT_EOF) == 0) {
        close(peer, c);
        return;
    }
    c->ended = true;
    write(peer, c->answers.end());
    if (evbuffer_get_length(bufferevent_get_output(peer)) == 0) {
        close(peer, c);
    }
}

void on_connection(evconnlistener* listener, evutil_socket_t fd, sockaddr* /*peer*/, int /*size*/, void* argument) {
    const auto& options = *static_cast<const server_options*>(argument);
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    bufferevent* const peer = bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
    if (options.mode == server_mode::sink) {
        bufferevent_set_max_single_read(peer, stream_buffer_size);
    }
    bufferevent_setcb(peer, &on_read, &on_written, &on_event, new connection(options));
    bufferevent_enable(peer, EV_READ | EV_WRITE);
}

}  // namespace

int main(int argc, char** argv) {
    server_options options = parse_server_options(argc, argv,
                                                  {.version = event_get_version(),
                                                   .modes = {server_mode::echo, server_mode::http, server_mode::sink},
                                                   .most_threads = 1});
    event_base* const base = event_base_new();
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = ::htons(options.port);
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    evconnlistener* const listener =
        evconnlistener_new_bind(base, &on_connection, &options, LEV_OPT_CLOSE_ON_FREE, SOMAXCONN,
                                reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    socklen_t size = sizeof(address);
    if (listener == nullptr ||
        ::getsockname(evconnlistener_get_fd(listener), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        std::perror("bind");
        return EXIT_FAILURE;
    }
    print_port(::ntohs(address.sin_port));
    return event_base_dispatch(base) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
