// Connected TCP streams, and text in place of bytes.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <brigade/brigade.hpp>

namespace test {

struct tcp_pair {
    brigade::tcp_stream near;
    brigade::tcp_stream far;
};

// Two streams of the current executor that are connected to each other.
brigade::task<tcp_pair> connected_pair(brigade::endpoint local = brigade::endpoint::loopback_v4(0));

[[nodiscard]] inline std::span<const std::byte> bytes_of(std::string_view text) noexcept {
    return std::as_bytes(std::span(text.data(), text.size()));
}
[[nodiscard]] inline std::span<std::byte> room_in(std::string& text) noexcept {
    return std::as_writable_bytes(std::span(text.data(), text.size()));
}

// Reads until `size` bytes are there or the stream ends. Throws std::system_error.
brigade::task<std::string> read_text(brigade::tcp_stream& stream, std::size_t size);
// Throws std::system_error.
brigade::task<> write_text(brigade::tcp_stream& stream, std::string_view text);

// The error of an operation; no error when it succeeded.
template <class T>
[[nodiscard]] std::error_code error_of(const std::expected<T, std::error_code>& outcome) noexcept {
    return outcome ? std::error_code() : outcome.error();
}

}  // namespace test
