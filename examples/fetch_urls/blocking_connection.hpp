#pragma once

#include <chrono>
#include <cstddef>
#include <expected>
#include <span>
#include <string_view>

#include "file_descriptor.hpp"
#include "http_response.hpp"
#include "url.hpp"

namespace fetch_urls {

using deadline = std::chrono::steady_clock::time_point;

// A blocking TCP socket: the thread that uses it stands waiting until the kernel has an answer or the deadline passes.
class blocking_connection {
public:
    static std::expected<blocking_connection, fetch_error> open(const url_parts&, deadline, const limits&);

    std::expected<void, fetch_error> write_all(std::string_view bytes, deadline, const limits&);
    // 0: end of stream.
    std::expected<std::size_t, fetch_error> read_some(std::span<char> buffer, deadline, const limits&);

private:
    explicit blocking_connection(file_descriptor socket) : socket_(std::move(socket)) {}

    file_descriptor socket_;
};

}  // namespace fetch_urls
