#include "io/system_call.hpp"

#include <cstdio>
#include <cstring>
#include <exception>

#include <unistd.h>

namespace brigade::detail {

[[gnu::noinline]] int last_errno() noexcept {
    return errno;
}

void fail_fatally(const char* what) noexcept {
    std::fprintf(stderr, "brigade: %s failed: %s\n", what, ::strerrordesc_np(errno));
    std::terminate();
}

void close_fd(int fd) noexcept {
    if (::close(fd) == -1 && errno == EBADF) {
        fail_fatally("close");
    }
}

}  // namespace brigade::detail
