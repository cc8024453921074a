#include <brigade/owned_fd.hpp>

#include "io/system_call.hpp"

namespace brigade {

void owned_fd::reset(int fd) noexcept {
    const int before = std::exchange(fd_, fd);
    if (before != -1) {
        detail::close_fd(before);
    }
}

}  // namespace brigade
