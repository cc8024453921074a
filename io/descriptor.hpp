// What the io side does with a descriptor: calls that do not wait, and tasks' operations that may.
#pragma once

#include <expected>
#include <system_error>

#include <brigade/detail/calling.hpp>
#include <brigade/detail/descriptor.hpp>
#include <brigade/errc.hpp>
#include <brigade/owned_fd.hpp>

#include "io/registration.hpp"
#include "io/system_call.hpp"

namespace brigade::detail {

[[nodiscard]] inline std::unexpected<std::error_code> error_of_call() noexcept {
    return std::unexpected(last_error());
}

// Takes over an fd that was made elsewhere: sets O_NONBLOCK, which all have who share the open file, and FD_CLOEXEC.
// The error is fcntl's.
[[nodiscard]] std::expected<descriptor, std::error_code> adopt_fd(executor& home, owned_fd fd, file_kind kind,
                                                                  sharing who = sharing::with_others);

// Runs `use(fd)`, which gives what a system call gave, while the descriptor cannot be closed.
template <class Use>
std::expected<void, std::error_code> with_fd(descriptor_ref d, Use use) noexcept {
    if (d.entry == nullptr || !d.entry->retain(d.generation)) {
        return std::unexpected(make_error_code(errc::closed));
    }
    std::expected<void, std::error_code> outcome;
    if (use(d.entry->fd()) == -1) {
        outcome = error_of_call();
    }
    d.entry->release();
    return outcome;
}

}  // namespace brigade::detail
