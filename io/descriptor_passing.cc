// SCM_RIGHTS: open descriptors that travel beside bytes.
#include <brigade/unix_socket.hpp>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

#include <sys/socket.h>
#include <sys/uio.h>

#include <brigade/errc.hpp>

#include "io/registration.hpp"

namespace brigade::detail {

namespace {

constexpr std::size_t most_at_once = 253;  // SCM_MAX_FD, which no header of the C library has

// Room for the descriptors of one call.
struct control_buffer {
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(most_at_once * sizeof(int))> bytes;
};

}  // namespace

io_operation::outcome send_with_descriptors_operation::call(int fd) noexcept {
    const bool would_be_lost = needs_bytes_ == needs_bytes::yes && bytes_.empty();
    if (would_be_lost || descriptors_.size() > most_at_once) {
        return end_with(std::make_error_code(std::errc::invalid_argument));
    }
    iovec vector{.iov_base = const_cast<std::byte*>(bytes_.data()), .iov_len = bytes_.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    control_buffer control{};
    if (!descriptors_.empty()) {
        message.msg_control = control.bytes.data();
        message.msg_controllen = CMSG_SPACE(descriptors_.size_bytes());
        cmsghdr* const header = CMSG_FIRSTHDR(&message);
        assert(header != nullptr);  // there is room
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(descriptors_.size_bytes());
        std::memcpy(CMSG_DATA(header), descriptors_.data(), descriptors_.size_bytes());
    }
    const ssize_t sent = ::sendmsg(fd, &message, MSG_NOSIGNAL);
    if (sent < 0) {
        return fail();
    }
    moved(static_cast<std::size_t>(sent));
    return end_with(static_cast<std::size_t>(sent));
}

io_operation::outcome receive_with_descriptors_operation::call(int fd) noexcept {
    if (needs_bytes_ == needs_bytes::yes && buffer_.empty()) {
        return end_with(std::make_error_code(std::errc::invalid_argument));
    }
    iovec vector{.iov_base = buffer_.data(), .iov_len = buffer_.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    control_buffer control;
    const std::size_t room = std::min(room_.size(), most_at_once);
    if (room != 0) {
        message.msg_control = control.bytes.data();
        // Not CMSG_SPACE: the system would fill what that adds for alignment with one more descriptor.
        message.msg_controllen = CMSG_LEN(room * sizeof(int));
    }
    const ssize_t got = ::recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    if (got < 0) {
        return fail();
    }
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int received = -1;
            std::memcpy(&received, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
            room_[got_.descriptors++].reset(received);
        }
    }
    got_.size = static_cast<std::size_t>(got);
    moved(got_.size);
    const auto flags = static_cast<unsigned>(message.msg_flags);
    got_.truncated = (flags & MSG_TRUNC) != 0;
    got_.descriptors_lost = (flags & MSG_CTRUNC) != 0;
    if (got == 0 && got_.descriptors == 0 && closed()) {
        return end_with(errc::closed);  // the end that close() made, not the peer's
    }
    return end_with(0);
}

}  // namespace brigade::detail
