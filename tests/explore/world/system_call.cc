// The explorer's stand-in for io/system_call.cc: descriptors are names only, and models make their own kernel.
#include "io/system_call.hpp"

namespace brigade::detail {

int last_errno() noexcept {
    return errno;
}

void close_fd(int /*fd*/) noexcept {}

void end_connection(int /*fd*/) noexcept {}

}  // namespace brigade::detail
