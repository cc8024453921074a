#include "tests/support/blocking_socket.hpp"

#include <cerrno>
#include <system_error>

#include <sys/socket.h>
#include <unistd.h>

namespace test {

namespace {

// Repeats a call that a signal interrupted.
template <class Call>
auto checked(const char* name, Call call) {
    for (;;) {
        const auto result = call();
        if (result != -1) {
            return result;
        }
        if (errno != EINTR) {
            throw std::system_error(errno, std::generic_category(), name);
        }
    }
}

blocking_socket open_for(const brigade::endpoint& address) {
    return blocking_socket(
        checked("socket", [&] { return ::socket(address.native()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0); }));
}

}  // namespace

blocking_socket blocking_socket::connect(const brigade::endpoint& peer) {
    blocking_socket s = open_for(peer);
    checked("connect", [&] { return ::connect(s.fd(), peer.native(), peer.native_size()); });
    return s;
}

blocking_socket blocking_socket::listen(const brigade::endpoint& local, int backlog) {
    blocking_socket s = open_for(local);
    checked("bind", [&] { return ::bind(s.fd(), local.native(), local.native_size()); });
    checked("listen", [&] { return ::listen(s.fd(), backlog); });
    return s;
}

blocking_socket blocking_socket::accept() const {
    return blocking_socket(checked("accept", [this] { return ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC); }));
}

brigade::endpoint blocking_socket::local_endpoint() const {
    sockaddr_storage storage{};
    socklen_t size = sizeof(storage);
    auto* const address = reinterpret_cast<sockaddr*>(&storage);
    checked("getsockname", [&] { return ::getsockname(fd_, address, &size); });
    return brigade::endpoint::from_native(address, size).value();
}

void blocking_socket::send(std::string_view bytes) const {
    while (!bytes.empty()) {
        bytes.remove_prefix(static_cast<std::size_t>(
            checked("send", [&] { return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); })));
    }
}

std::string blocking_socket::receive(std::size_t most) const {
    std::string bytes(most, '\0');
    bytes.resize(static_cast<std::size_t>(checked("recv", [&] { return ::recv(fd_, bytes.data(), most, 0); })));
    return bytes;
}

std::string blocking_socket::receive_all() const {
    std::string all;
    for (;;) {
        const std::string part = receive();
        if (part.empty()) {
            return all;
        }
        all += part;
    }
}

void blocking_socket::shutdown_write() const {
    checked("shutdown", [this] { return ::shutdown(fd_, SHUT_WR); });
}

void blocking_socket::close() noexcept {
    if (fd_ != -1) {
        ::close(std::exchange(fd_, -1));
    }
}

void blocking_socket::reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    checked("setsockopt", [&] { return ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)); });
    close();
}

}  // namespace test
