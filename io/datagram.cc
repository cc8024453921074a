#include <brigade/datagram.hpp>

#include <algorithm>
#include <array>

#include <sys/socket.h>
#include <sys/uio.h>

#include <brigade/endpoint.hpp>
#include <brigade/errc.hpp>
#include <brigade/unix_endpoint.hpp>

namespace brigade::detail {

namespace {

// How many datagrams one system call takes here. The arrays for them are on the stack.
constexpr std::size_t most_in_a_batch = 64;

template <class Endpoint>
received_datagram<Endpoint> received(std::size_t size, bool truncated, const sockaddr_storage& from, socklen_t length) {
    return {.size = size,
            .truncated = truncated,
            // The system gives addresses of the socket's own family.
            .from = Endpoint::from_native(reinterpret_cast<const sockaddr*>(&from), length).value_or(Endpoint())};
}

iovec vector_of(std::span<const std::byte> bytes) noexcept {
    return {.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
}

}  // namespace

template <class Endpoint>
io_operation::outcome receive_from_operation<Endpoint>::call(int fd) noexcept {
    sockaddr_storage from{};
    socklen_t length = sizeof(from);
    // With MSG_TRUNC it gives the datagram's size, also where the buffer is smaller.
    const ssize_t size =
        ::recvfrom(fd, buffer_.data(), buffer_.size(), MSG_TRUNC, reinterpret_cast<sockaddr*>(&from), &length);
    if (size < 0) {
        return fail();
    }
    if (size == 0 && closed()) {
        return end_with(errc::closed);  // what a socket gives that close() has shut down
    }
    const auto whole = static_cast<std::size_t>(size);
    got_ = received<Endpoint>(std::min(whole, buffer_.size()), whole > buffer_.size(), from, length);
    return end_with(0);
}

template <class Endpoint>
io_operation::outcome receive_many_operation<Endpoint>::call(int fd) noexcept {
    const std::size_t count = std::min(slots_.size(), most_in_a_batch);
    if (count == 0) {
        return end_with(0);
    }
    std::array<mmsghdr, most_in_a_batch> headers;
    std::array<iovec, most_in_a_batch> buffers;
    std::array<sockaddr_storage, most_in_a_batch> senders;
    for (std::size_t i = 0; i < count; ++i) {
        buffers[i] = vector_of(slots_[i].buffer);
        headers[i] = {};
        headers[i].msg_hdr.msg_iov = &buffers[i];
        headers[i].msg_hdr.msg_iovlen = 1;
        headers[i].msg_hdr.msg_name = &senders[i];
        headers[i].msg_hdr.msg_namelen = sizeof(senders[i]);
    }
    const int got = ::recvmmsg(fd, headers.data(), static_cast<unsigned>(count), 0, nullptr);
    if (got < 0) {
        return fail();
    }
    if (headers[0].msg_len == 0 && closed()) {
        return end_with(errc::closed);  // as above
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
        const msghdr& one = headers[i].msg_hdr;
        slots_[i].got = received<Endpoint>(headers[i].msg_len, (static_cast<unsigned>(one.msg_flags) & MSG_TRUNC) != 0,
                                           senders[i], one.msg_namelen);
    }
    return end_with(static_cast<std::size_t>(got));
}

io_operation::outcome send_operation::call(int fd) noexcept {
    return ::send(fd, bytes_.data(), bytes_.size(), MSG_NOSIGNAL) < 0 ? fail() : end_with(0);
}

template <class Endpoint>
io_operation::outcome send_to_operation<Endpoint>::call(int fd) noexcept {
    const ssize_t sent = ::sendto(fd, bytes_.data(), bytes_.size(), MSG_NOSIGNAL, to_.native(), to_.native_size());
    return sent < 0 ? fail() : end_with(0);
}

template <class Endpoint>
io_operation::outcome send_many_operation<Endpoint>::call(int fd) noexcept {
    const std::size_t count = std::min(rest_.size(), most_in_a_batch);
    if (count == 0) {
        return end_with(0);
    }
    std::array<mmsghdr, most_in_a_batch> headers;
    std::array<iovec, most_in_a_batch> buffers;
    for (std::size_t i = 0; i < count; ++i) {
        buffers[i] = vector_of(rest_[i].bytes);
        headers[i] = {};
        headers[i].msg_hdr.msg_iov = &buffers[i];
        headers[i].msg_hdr.msg_iovlen = 1;
        if (rest_[i].to != nullptr) {
            headers[i].msg_hdr.msg_name = const_cast<sockaddr*>(rest_[i].to->native());
            headers[i].msg_hdr.msg_namelen = rest_[i].to->native_size();
        }
    }
    const int sent = ::sendmmsg(fd, headers.data(), static_cast<unsigned>(count), MSG_NOSIGNAL);
    if (sent < 0) {
        return fail();
    }
    rest_ = rest_.subspan(static_cast<std::size_t>(sent));
    return rest_.empty() ? end_with(0) : outcome::progress;
}

template class receive_from_operation<endpoint>;
template class receive_many_operation<endpoint>;
template class receive_from_operation<unix_endpoint>;
template class receive_many_operation<unix_endpoint>;
template class send_to_operation<endpoint>;
template class send_many_operation<endpoint>;

}  // namespace brigade::detail
