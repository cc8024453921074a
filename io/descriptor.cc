#include "io/descriptor.hpp"

#include <fcntl.h>

#include "io/reactor.hpp"

namespace brigade::detail {

descriptor::descriptor(executor& home, int fd, file_kind kind, sharing who) try
    : ref_(reactor::of(home).open(fd, kind, who)) {
} catch (...) {
    close_fd(fd);
}

std::expected<descriptor, std::error_code> adopt_fd(executor& home, owned_fd fd, file_kind kind, sharing who) {
    const int flags = ::fcntl(fd.get(), F_GETFL);
    if (flags == -1 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) == -1 ||
        ::fcntl(fd.get(), F_SETFD, FD_CLOEXEC) == -1) {
        return error_of_call();
    }
    return descriptor(home, fd.release(), kind, who);
}

void descriptor::close() noexcept {
    if (ref_.entry != nullptr) {
        ref_.entry->close(ref_.generation);
    }
}

int descriptor::fd() const noexcept {
    int number = -1;
    static_cast<void>(with_fd(ref_, [&number](int fd) { return number = fd; }));  // closed: the answer is -1
    return number;
}

}  // namespace brigade::detail
