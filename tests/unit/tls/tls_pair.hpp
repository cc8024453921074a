// TLS streams that are connected to each other, and contexts for them.
#pragma once

#include <array>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>
#include <brigade/tls.hpp>

#include "tests/support/tcp_pair.hpp"
#include "tests/unit/tls/certificates.hpp"

namespace test {

// The server is "server.test"; the client trusts its authority and nobody else. Fill in the options before the contexts
// are made.
class tls : public testing::Test {
protected:
    [[nodiscard]] brigade::tls_context client() const { return brigade::tls_context::client(client_options).value(); }
    [[nodiscard]] brigade::tls_context server() const { return brigade::tls_context::server(server_options).value(); }

    std::filesystem::path folder = fresh_folder();
    authority trusted{folder, "trusted"};
    brigade::tls_client_options client_options{.trust_system = false, .trust_file = trusted.file()};
    brigade::tls_server_options server_options{.identity = trusted.issue({.names = {"server.test"}})};
};

// The next connection, as a task.
inline brigade::task<std::expected<brigade::tcp_stream, std::error_code>> accepted(brigade::tcp_listener& listener) {
    auto next = co_await listener.accept();
    co_return next;
}

using tls_result = std::expected<brigade::tls_stream, std::error_code>;

struct tls_results {
    tls_result client;
    tls_result server;
};

// Both handshakes at once, over a new connection.
inline brigade::task<tls_results> shake_hands(brigade::tls_context client, brigade::tls_context server,
                                              std::string name = "server.test") {
    tcp_pair ends = co_await connected_pair();
    auto [near, far] = co_await brigade::when_all(
        brigade::tls_stream::connect(std::move(client), std::move(ends.near), std::move(name)),
        brigade::tls_stream::accept(std::move(server), std::move(ends.far)));
    co_return tls_results{.client = std::move(near), .server = std::move(far)};
}

struct tls_pair {
    brigade::tls_stream near;  // the client
    brigade::tls_stream far;
};

// As above, for handshakes that must succeed.
inline brigade::task<tls_pair> connected_tls(brigade::tls_context client, brigade::tls_context server) {
    tls_results made = co_await shake_hands(std::move(client), std::move(server));
    co_return tls_pair{.near = std::move(made.client).value(), .far = std::move(made.server).value()};
}

// Reads until `size` bytes are there or the stream ends. Throws std::bad_expected_access.
inline brigade::task<std::string> read_text(brigade::tls_stream& stream, std::size_t size) {
    std::string text(size, '\0');
    std::size_t got = 0;
    while (got < size) {
        const auto part = co_await stream.read_some(room_in(text).subspan(got));
        if (part.value() == 0) {
            break;
        }
        got += *part;
    }
    text.resize(got);
    co_return text;
}

inline brigade::task<std::error_code> write_error(brigade::tls_stream& stream, std::string_view text) {
    const auto written = co_await stream.write_all(bytes_of(text));
    co_return error_of(written);
}

// Reads into a buffer of its own; the error, if it is one.
inline brigade::task<std::error_code> read_error(brigade::tls_stream& stream) {
    std::array<std::byte, 16> buffer{};
    const auto got = co_await stream.read_some(buffer);
    co_return error_of(got);
}

}  // namespace test
