// What OpenSSL says has gone wrong, as std::error_code.
#pragma once

#include <system_error>

namespace brigade::detail {

// The first error in the queue of the calling thread, which is emptied. OpenSSL puts there first what is nearest to the
// cause: of a file that is not there, the system's number.
[[nodiscard]] std::error_code take_tls_error() noexcept;

}  // namespace brigade::detail
