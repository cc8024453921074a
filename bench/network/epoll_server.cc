// The floor: an epoll loop by hand, level-triggered, three system calls for an echo. Several threads have a loop and,
// by SO_REUSEPORT, a listener each.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "bench/network/checked.hpp"
#include "bench/network/descriptor.hpp"
#include "bench/network/server.hpp"

namespace {

using namespace network;

descriptor bind_socket(int type, std::uint16_t port) {
    descriptor socket(checked(::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"));
    const int on = 1;
    checked(::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), "setsockopt");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = ::htons(port);
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    checked(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), "bind");
    if (type == SOCK_STREAM) {
        checked(::listen(socket.get(), SOMAXCONN), "listen");
    }
    return socket;
}

std::uint16_t port_of(const descriptor& socket) {
    sockaddr_in address{};
    socklen_t size = sizeof(address);
    checked(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
    return ::ntohs(address.sin_port);
}

class loop {
public:
    loop(const server_options& options, descriptor socket)
        : options_(options),
          socket_(std::move(socket)),
          epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll")),
          buffer_(options.mode == server_mode::sink ? stream_buffer_size : buffer_size) {
        control(EPOLL_CTL_ADD, socket_.get(), EPOLLIN, nullptr);
    }

    [[noreturn]] void run() {
        std::vector<epoll_event> events(1024);
        for (;;) {
            const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
            for (int i = 0; i < count; ++i) {
                const epoll_event& event = events[static_cast<std::size_t>(i)];
                if (event.data.ptr != nullptr) {
                    serve(static_cast<connection*>(event.data.ptr), event.events);
                } else if (options_.mode == server_mode::udp) {
                    echo_datagram();
                } else {
                    accept();
                }
            }
        }
    }

private:
    struct connection {
        descriptor socket;
        responder answers;
        std::string unsent;
        bool ended = false;
    };

    void control(int operation, int fd, std::uint32_t events, connection* c) const {
        epoll_event event{};
        event.events = events;
        event.data.ptr = c;
        checked(::epoll_ctl(epoll_.get(), operation, fd, &event), "epoll_ctl");
    }

    void accept() {
        descriptor socket(::accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (socket.get() == -1) {
            return;  // another thread has it, or it is gone
        }
        const int on = 1;
        checked(::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), "setsockopt");
        auto* const c = new connection{std::move(socket), responder(options_), {}, false};
        control(EPOLL_CTL_ADD, c->socket.get(), EPOLLIN, c);
    }

    void serve(connection* c, std::uint32_t events) {
        const bool is_alive = (events & EPOLLOUT) != 0 ? write_unsent(*c) : read(*c);
        if (!is_alive) {
            delete c;
        }
    }

    bool read(connection& c) {
        const ssize_t n = ::read(c.socket.get(), buffer_.data(), buffer_.size());
        if (n == -1) {
            return errno == EAGAIN || errno == EINTR;
        }
        c.ended = n == 0;
        return write(
            c, n == 0 ? c.answers.end() : c.answers.answer(std::span(buffer_).first(static_cast<std::size_t>(n))));
    }

    bool write(connection& c, std::span<const char> bytes) {
        if (!bytes.empty()) {
            const ssize_t n = ::send(c.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n == -1 && errno != EAGAIN) {
                return false;
            }
            if (static_cast<std::size_t>(std::max<ssize_t>(n, 0)) < bytes.size()) {
                c.unsent.assign(bytes.begin() + std::max<ssize_t>(n, 0), bytes.end());
                control(EPOLL_CTL_MOD, c.socket.get(), EPOLLOUT, &c);
                return true;
            }
        }
        return !c.ended;
    }

    bool write_unsent(connection& c) {
        control(EPOLL_CTL_MOD, c.socket.get(), EPOLLIN, &c);
        const std::string bytes = std::exchange(c.unsent, {});
        return write(c, bytes);
    }

    void echo_datagram() {
        sockaddr_in peer{};
        socklen_t size = sizeof(peer);
        auto* const address = reinterpret_cast<sockaddr*>(&peer);
        const ssize_t n = ::recvfrom(socket_.get(), buffer_.data(), buffer_.size(), 0, address, &size);
        if (n >= 0) {
            // One that does not fit is lost, as datagrams are.
            ::sendto(socket_.get(), buffer_.data(), static_cast<std::size_t>(n), MSG_NOSIGNAL, address, size);
        }
    }

    const server_options& options_;
    descriptor socket_;
    descriptor epoll_;
    std::vector<char> buffer_;
};

}  // namespace

int main(int argc, char** argv) {
    const server_options options = parse_server_options(
        argc, argv,
        {.version = "epoll", .modes = {server_mode::echo, server_mode::udp, server_mode::http, server_mode::sink}});
    try {
        const int type = options.mode == server_mode::udp ? SOCK_DGRAM : SOCK_STREAM;
        descriptor first = bind_socket(type, options.port);
        const std::uint16_t port = port_of(first);
        std::vector<std::jthread> threads;
        for (unsigned i = 1; i < options.threads; ++i) {
            threads.emplace_back(
                [&options, socket = bind_socket(type, port)]() mutable { loop(options, std::move(socket)).run(); });
        }
        print_port(port);
        loop(options, std::move(first)).run();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
        return EXIT_FAILURE;
    }
}
