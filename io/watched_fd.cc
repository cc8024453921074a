#include <brigade/watched_fd.hpp>

#include <fcntl.h>
#include <poll.h>

#include <brigade/executor.hpp>

#include "io/descriptor.hpp"

namespace brigade {

namespace detail {

io_operation::outcome readiness_operation::call(int fd) noexcept {
    const short events = way_ == direction::read ? POLLIN | POLLPRI | POLLRDHUP : POLLOUT;
    return poll_now(fd, events) == -1 ? fail() : end_with(0);
}

}  // namespace detail

std::expected<watched_fd, std::error_code> watched_fd::adopt(executor& home, owned_fd fd) {
    std::expected<detail::descriptor, std::error_code> adopted =
        detail::adopt_fd(home, std::move(fd), detail::file_kind::other);
    if (!adopted) {
        return std::unexpected(adopted.error());
    }
    // Into epoll at once: what can not be watched is to be refused here, not where somebody first waits.
    const detail::descriptor_ref ref = adopted->ref();
    std::error_code refused = make_error_code(errc::closed);
    if (ref.entry->retain(ref.generation)) {
        refused = ref.entry->watch();
        ref.entry->release();
    }
    if (refused) {
        const bool not_pollable = refused == std::errc::operation_not_permitted;
        return std::unexpected(not_pollable ? make_error_code(errc::not_pollable) : refused);
    }
    return watched_fd(std::move(*adopted));
}

std::expected<watched_fd, std::error_code> watched_fd::adopt(owned_fd fd) {
    return adopt(executor::current(), std::move(fd));
}

std::expected<watched_fd, std::error_code> watched_fd::borrow(executor& home, int fd) {
    owned_fd duplicate(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!duplicate) {
        return detail::error_of_call();
    }
    return adopt(home, std::move(duplicate));
}

std::expected<watched_fd, std::error_code> watched_fd::borrow(int fd) {
    return borrow(executor::current(), fd);
}

}  // namespace brigade
