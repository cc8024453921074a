#include "bench/network/echo_load.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <sys/epoll.h>

#include "bench/network/checked.hpp"
#include "bench/network/client_socket.hpp"

namespace network {

namespace {

constexpr int patience = 5000;  // ms
constexpr unsigned batch = 128;

[[noreturn]] void refuse(const char* what) {
    throw std::runtime_error(what);
}

std::span<const epoll_event> wait_for_events(const descriptor& epoll, std::array<epoll_event, 1024>& events) {
    int count = 0;
    do {
        count = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), patience);
    } while (count == -1 && errno == EINTR);
    if (checked(count, "epoll_wait") == 0) {
        refuse("the server is silent for five seconds");
    }
    return std::span(events).first(static_cast<std::size_t>(count));
}

// How many bytes have come; 0: none now. `due` are still expected.
std::size_t read_echo(int fd, char* bytes, std::size_t size, std::size_t due) {
    const ssize_t n = ::recv(fd, bytes, size, MSG_DONTWAIT);
    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    if (checked(n, "recv") == 0) {
        refuse("the server has closed a connection");
    }
    if (static_cast<std::size_t>(n) > due) {
        refuse("the server sends more than it has got");
    }
    return static_cast<std::size_t>(n);
}

// The first of the bytes is that at `offset` of the message.
void check_echo(const message& expected, const char* bytes, std::size_t size, std::size_t offset) {
    while (size > 0) {
        const std::size_t part = std::min(size, message_size - offset);
        if (std::memcmp(expected.data() + offset, bytes, part) != 0) {
            refuse("the server has not sent back what it got");
        }
        bytes += part;
        size -= part;
        offset = 0;
    }
}

std::uint64_t nanoseconds(steady::duration duration) {
    return static_cast<std::uint64_t>(std::chrono::nanoseconds(duration).count());
}

descriptor make_epoll() {
    return descriptor(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
}

void control(const descriptor& epoll, int operation, int fd, std::uint32_t events, std::size_t index) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = index;
    checked(::epoll_ctl(epoll.get(), operation, fd, &event), "epoll_ctl");
}

}  // namespace

echo_load::echo_load(const load_options& options)
    : is_stream_(options.mode != "udp"),
      port_(options.port),
      depth_(options.depth),
      buffer_(options.depth * message_size),
      epoll_(make_epoll()) {
    connections_.reserve(options.connections);
    while (connections_.size() < options.connections) {
        open(std::min(batch, options.connections - static_cast<unsigned>(connections_.size())));
    }
    for (connection& c : connections_) {
        send(c);
    }
    silent_ = 0;
}

void echo_load::open(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
        const std::size_t index = connections_.size();
        connections_.emplace_back(is_stream_ ? connected_stream(port_) : connected_datagram(port_), index);
        control(epoll_, EPOLL_CTL_ADD, connections_.back().socket.get(), EPOLLIN, index);
        send(connections_.back());
    }
    drain();
}

void echo_load::send(connection& c) {
    c.expected.next();
    c.due = depth_ * message_size;
    for (unsigned i = 0; i < depth_; ++i) {
        std::memcpy(buffer_.data() + i * message_size, c.expected.data(), message_size);
    }
    c.sent = steady::now();
    if (checked(::send(c.socket.get(), buffer_.data(), c.due, MSG_NOSIGNAL), "send") != static_cast<ssize_t>(c.due)) {
        refuse("a message does not fit into a socket");
    }
}

bool echo_load::receive(connection& c, histogram& latency) {
    const std::size_t n = read_echo(c.socket.get(), buffer_.data(), buffer_.size(), c.due);
    const auto now = steady::now();
    check_echo(c.expected, buffer_.data(), n, (depth_ * message_size - c.due) % message_size);
    const std::size_t whole = (c.due + message_size - 1) / message_size;
    c.due -= n;
    for (std::size_t left = (c.due + message_size - 1) / message_size; left < whole; ++left) {
        latency.record(nanoseconds(now - c.sent));
    }
    return n > 0 && c.due == 0;
}

void echo_load::poll(histogram& latency, bool go_on) {
    std::array<epoll_event, 1024> events;
    for (const epoll_event& event : wait_for_events(epoll_, events)) {
        connection& c = connections_[event.data.u64];
        if (!receive(c, latency)) {
            continue;
        }
        if (go_on) {
            send(c);
        } else {
            ++silent_;
        }
    }
}

void echo_load::step(histogram& latency) {
    if (silent_ == connections_.size()) {  // after drain()
        silent_ = 0;
        for (connection& c : connections_) {
            send(c);
        }
    }
    poll(latency, true);
}

void echo_load::drain() {
    histogram ignored;
    while (silent_ < connections_.size()) {
        poll(ignored, false);
    }
}

churn_load::churn_load(const load_options& options) : port_(options.port), epoll_(make_epoll()) {
    for (unsigned i = 0; i < options.connections; ++i) {
        connections_.emplace_back(i);
    }
    for (connection& c : connections_) {
        begin(c);
    }
}

void churn_load::begin(connection& c) {
    c.begun = steady::now();
    c.due = 0;
    c.expected.next();
    c.socket = stream_socket();
    checked(::fcntl(c.socket.get(), F_SETFL, O_NONBLOCK), "fcntl");
    try {
        connect_to(c.socket.get(), port_);
    } catch (const std::system_error& error) {
        if (error.code() != std::errc::operation_in_progress) {
            throw;
        }
    }
    control(epoll_, EPOLL_CTL_ADD, c.socket.get(), EPOLLOUT, static_cast<std::size_t>(&c - connections_.data()));
}

bool churn_load::go_on(connection& c) {
    if (c.due == 0) {
        if (checked(::send(c.socket.get(), c.expected.data(), message_size, MSG_NOSIGNAL), "send") != message_size) {
            refuse("a message does not fit into a socket");
        }
        c.due = message_size;
        control(epoll_, EPOLL_CTL_MOD, c.socket.get(), EPOLLIN, static_cast<std::size_t>(&c - connections_.data()));
        return false;
    }
    std::array<char, message_size> bytes{};
    const std::size_t n = read_echo(c.socket.get(), bytes.data(), bytes.size(), c.due);
    check_echo(c.expected, bytes.data(), n, message_size - c.due);
    c.due -= n;
    return c.due == 0;
}

void churn_load::poll(histogram& latency, bool again) {
    std::array<epoll_event, 1024> events;
    for (const epoll_event& event : wait_for_events(epoll_, events)) {
        connection& c = connections_[event.data.u64];
        if (!go_on(c)) {
            continue;
        }
        c.socket = descriptor();
        latency.record(nanoseconds(steady::now() - c.begun));
        if (again) {
            begin(c);
        } else {
            ++closed_;
        }
    }
}

void churn_load::step(histogram& latency) {
    if (closed_ == connections_.size()) {  // after drain()
        closed_ = 0;
        for (connection& c : connections_) {
            begin(c);
        }
    }
    poll(latency, true);
}

void churn_load::drain() {
    histogram ignored;
    while (closed_ < connections_.size()) {
        poll(ignored, false);
    }
}

}  // namespace network
