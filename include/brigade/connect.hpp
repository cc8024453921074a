// Connecting to a name: the addresses that it has are tried in a staggered race (Happy Eyeballs, RFC 8305).
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include <brigade/endpoint.hpp>
#include <brigade/task.hpp>
#include <brigade/tcp.hpp>

namespace brigade {

// What became of one address: no error for the one that is connected, operation_canceled for those that lost.
struct connect_attempt {
    endpoint peer;
    std::error_code error;
};

// "[::1]:80: Connection refused; 192.0.2.1:80: No route to host".
[[nodiscard]] std::string to_string(std::span<const connect_attempt> attempts);

struct connect_options {
    // How long an address may keep the next one waiting; one that fails lets it go on at once. RFC 8305 recommends 250
    // ms, and at least 10 ms. 0 tries all at once.
    std::chrono::milliseconds attempt_delay{250};
    // Gets the attempts, in their order, however the operation ends; those that were not begun are not among them.
    std::vector<connect_attempt>* report = nullptr;
};

// Connects to the first of these addresses that answers. They are tried in their order, but with IPv6 and IPv4 in
// turns, so that a family that does not work costs one delay. The first connection is the result; all others are
// stopped and joined. When all fail, the error is that of the first one tried. A stop gives operation_canceled.
// std::errc::invalid_argument when there are no addresses.
[[nodiscard]] task<std::expected<tcp_stream, std::error_code>> connect(std::vector<endpoint> peers,
                                                                       connect_options options = {});

// The same for what resolve() gives, or its error. Both families are looked up before the race begins, so the
// resolution delay of RFC 8305, section 3, does not arise. For a deadline on all of it: with_timeout().
[[nodiscard]] task<std::expected<tcp_stream, std::error_code>> connect(std::string host, std::uint16_t port,
                                                                       connect_options options = {});

}  // namespace brigade
