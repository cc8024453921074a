// Errors of I/O operations that errno has no number for. All others are std::errc in the generic or system category:
// operation_canceled for an operation that a stop ended, timed_out for one that ran past its deadline.
#pragma once

#include <system_error>

namespace brigade {

enum class errc {
    closed = 1,     // this side closed the socket, pipe or file before or during the operation
    busy,           // another task is already in an operation of the same direction on it
    end_of_stream,  // the stream, or a file, has ended before all bytes came that were asked for
    not_pollable,   // the system can not watch it: a regular file, for example
    draining,       // a server ends, and takes no further message from this connection
    too_slow,       // a peer has sent or taken fewer bytes a second than a server asks for
};

[[nodiscard]] const std::error_category& error_category() noexcept;

[[nodiscard]] inline std::error_code make_error_code(errc e) noexcept {
    return {static_cast<int>(e), error_category()};
}

}  // namespace brigade

template <>
struct std::is_error_code_enum<brigade::errc> : std::true_type {};
