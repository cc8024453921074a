// How the io side calls the system: failures as values, and what to do where failure can only be a bug.
#pragma once

#include <cerrno>
#include <system_error>

namespace brigade::detail {

// errno. Coroutines ask here and not there: a compiler may keep the address of errno, which is a thread's own, over a
// suspension after which another thread runs.
[[nodiscard]] int last_errno() noexcept;
[[nodiscard]] inline std::error_code last_error() noexcept {
    return {last_errno(), std::system_category()};
}

// Reports `what` with errno and terminates. For calls that fail only if the runtime itself is wrong.
[[noreturn]] void fail_fatally(const char* what) noexcept;

// Linux gives the number back whatever close() says, so EINTR and a late EIO are not to be repeated; a wrong number is
// a bug that would soon hit a stranger's fd, and terminates.
void close_fd(int fd) noexcept;

}  // namespace brigade::detail
