// Names to addresses.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <system_error>
#include <vector>

#include <brigade/endpoint.hpp>
#include <brigade/task.hpp>

namespace brigade {

// The category of what getaddrinfo says: EAI_NONAME and its like.
[[nodiscard]] const std::error_category& resolve_category() noexcept;

// The addresses of `host`, a name or a numeric address without brackets: IPv4 and IPv6 (A and AAAA), each once, in the
// order in which getaddrinfo recommends to try them (RFC 6724); at least one. Runs on the blocking pool. A stop, or a
// deadline, ends the wait at once: a stop throws operation_cancelled. The look-up itself runs on by itself, on its
// thread, until the system's resolver gives up. connect.hpp connects to what comes out.
[[nodiscard]] task<std::expected<std::vector<endpoint>, std::error_code>> resolve(std::string host, std::uint16_t port);

}  // namespace brigade
