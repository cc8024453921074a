#include "blocking_connection.hpp"

#include <cerrno>
#include <memory>
#include <string>
#include <system_error>

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace fetch_urls {

namespace {

using addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

fetch_error failed(const char* call, int error) {
    return {std::string(call) + ": " + std::generic_category().message(error)};
}

std::expected<addresses, fetch_error> resolve(const url_parts& url) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int status = getaddrinfo(url.host.c_str(), std::to_string(url.port).c_str(), &hints, &found);
    if (status == EAI_SYSTEM) {
        return std::unexpected(failed("resolve", errno));
    }
    if (status != 0) {
        return std::unexpected(fetch_error{std::string("resolve: ") + gai_strerror(status)});
    }
    return addresses(found, &freeaddrinfo);
}

// Limits the next call on the socket. False: the deadline has passed.
std::expected<bool, fetch_error> arm(int socket, deadline until) {
    const auto left = std::chrono::ceil<std::chrono::microseconds>(until - std::chrono::steady_clock::now()).count();
    if (left <= 0) {
        return false;
    }
    const timeval time{.tv_sec = left / 1'000'000, .tv_usec = left % 1'000'000};
    for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
        if (setsockopt(socket, SOL_SOCKET, option, &time, sizeof time) != 0) {
            return std::unexpected(failed("setsockopt", errno));
        }
    }
    return true;
}

// A signal does not stop an attempt to connect; it goes on without the caller.
int wait_for_interrupted_connect(int socket, deadline until) {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        pollfd waiting{.fd = socket, .events = POLLOUT, .revents = 0};
        const int ready = left.count() <= 0 ? 0 : poll(&waiting, 1, static_cast<int>(left.count()));
        if (ready == 0) {
            return EINPROGRESS;  // as connect says when its time is up
        }
        if (ready > 0) {
            int error = 0;
            socklen_t size = sizeof error;
            return getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
        }
        if (errno != EINTR) {
            return errno;
        }
    }
}

std::expected<file_descriptor, fetch_error> connect_to(const addrinfo& address, deadline until, const limits& limit) {
    file_descriptor socket(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, address.ai_protocol));
    if (!socket.is_open()) {
        return std::unexpected(failed("socket", errno));
    }
    const auto in_time = arm(socket.number(), until);
    if (!in_time) {
        return std::unexpected(in_time.error());
    }
    int error = EINPROGRESS;
    if (*in_time) {
        error = connect(socket.number(), address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno;
        if (error == EINTR) {
            error = wait_for_interrupted_connect(socket.number(), until);
        }
    }
    if (error == EINPROGRESS) {
        return std::unexpected(timed_out(limit));
    }
    if (error != 0) {
        return std::unexpected(failed("connect", error));
    }
    return socket;
}

}  // namespace

std::expected<blocking_connection, fetch_error> blocking_connection::open(const url_parts& url, deadline until,
                                                                          const limits& limit) {
    const auto found = resolve(url);
    if (!found) {
        return std::unexpected(found.error());
    }
    fetch_error last{"resolve: no address"};
    for (const addrinfo* address = found->get(); address != nullptr; address = address->ai_next) {
        auto socket = connect_to(*address, until, limit);
        if (socket) {
            return blocking_connection(std::move(*socket));
        }
        last = std::move(socket.error());
    }
    return std::unexpected(std::move(last));
}

std::expected<void, fetch_error> blocking_connection::write_all(std::string_view bytes, deadline until,
                                                                const limits& limit) {
    while (!bytes.empty()) {
        const auto in_time = arm(socket_.number(), until);
        if (!in_time) {
            return std::unexpected(in_time.error());
        }
        errno = EAGAIN;
        const ssize_t count = *in_time ? send(socket_.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL) : -1;
        if (count >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(count));
        } else if (errno == EAGAIN) {
            return std::unexpected(timed_out(limit));
        } else if (errno != EINTR) {
            return std::unexpected(failed("write", errno));
        }
    }
    return {};
}

std::expected<std::size_t, fetch_error> blocking_connection::read_some(std::span<char> buffer, deadline until,
                                                                       const limits& limit) {
    for (;;) {
        const auto in_time = arm(socket_.number(), until);
        if (!in_time) {
            return std::unexpected(in_time.error());
        }
        errno = EAGAIN;
        const ssize_t count = *in_time ? recv(socket_.number(), buffer.data(), buffer.size(), 0) : -1;
        if (count >= 0) {
            return static_cast<std::size_t>(count);
        }
        if (errno == EAGAIN) {
            return std::unexpected(timed_out(limit));
        }
        if (errno != EINTR) {
            return std::unexpected(failed("read", errno));
        }
    }
}

}  // namespace fetch_urls
