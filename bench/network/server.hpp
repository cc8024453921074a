// What the servers in C++ share: their options, and what they answer. Each has the same options, prints the port that
// it listens on, and serves until SIGTERM ends it:
//
//   SERVER --mode=MODE --threads=N --port=0 [--work-us=N]
//   SERVER --list        a JSON object for each mode that it has
//
// Modes: echo sends back what it gets, after --work-us of work for each message; udp does so with datagrams; http
// answers "Hello, World!" to every end of a header; sink counts the bytes until the end of the stream and answers with
// their number.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace network {

enum class server_mode { echo, udp, http, sink };

struct server_options {
    server_mode mode = server_mode::echo;
    unsigned threads = 1;
    std::uint16_t port = 0;
    unsigned work_us = 0;
};

struct server_description {
    std::string_view version;
    std::vector<server_mode> modes;
    unsigned most_threads = ~0U;
};

// For --list, and when the options are wrong, it ends the program.
[[nodiscard]] server_options parse_server_options(int argc, char** argv, const server_description& about);

void print_port(std::uint16_t port);

// A fixed amount of computation, about that long on a processor of 3 GHz. The other languages' servers do the same.
void work(unsigned microseconds) noexcept;

inline constexpr std::size_t buffer_size = 4096;
inline constexpr std::size_t stream_buffer_size = 65536;

// What one connection answers.
class responder {
public:
    explicit responder(const server_options& options) noexcept : mode_(options.mode), work_us_(options.work_us) {}

    // To these bytes; refers to them or to memory of its own.
    [[nodiscard]] std::span<const char> answer(std::span<const char> bytes) noexcept;
    // To the end of the stream.
    [[nodiscard]] std::span<const char> end() noexcept;

private:
    std::span<const char> answer_http(std::span<const char> bytes) noexcept;

    server_mode mode_;
    unsigned work_us_;
    std::uint64_t bytes_or_matched_ = 0;  // sink: counted; http: bytes of the header's end that have been seen
    std::array<char, sizeof(std::uint64_t)> number_;
};

}  // namespace network
