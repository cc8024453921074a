#include "bench/network/server.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace network {

namespace {

constexpr std::array<std::pair<server_mode, std::string_view>, 4> mode_names{{
    {server_mode::echo, "echo"},
    {server_mode::udp, "udp"},
    {server_mode::http, "http"},
    {server_mode::sink, "sink"},
}};

server_mode parse_mode(std::string_view text, const server_description& about) {
    for (const auto& [mode, name] : mode_names) {
        if (name == text && std::ranges::find(about.modes, mode) != about.modes.end()) {
            return mode;
        }
    }
    throw std::invalid_argument("there is no mode '" + std::string(text) + "'");
}

unsigned parse_number(std::string_view option, std::string_view text) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) {
        throw std::invalid_argument(std::string(option) + " takes a number, not '" + std::string(text) + "'");
    }
    return number;
}

[[noreturn]] void print_list(const server_description& about) {
    for (const server_mode mode : about.modes) {
        const auto name = std::ranges::find(mode_names, mode, &std::pair<server_mode, std::string_view>::first);
        std::printf("{\"mode\": \"%s\", \"version\": \"%s\"", std::string(name->second).c_str(),
                    std::string(about.version).c_str());
        if (about.most_threads != ~0U) {
            std::printf(", \"most_threads\": %u", about.most_threads);
        }
        std::printf("}\n");
    }
    std::exit(EXIT_SUCCESS);
}

server_options parse(int argc, char** argv, const server_description& about) {
    server_options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        const std::string_view option = argument.substr(0, argument.find('='));
        const std::string_view value = argument.substr(std::min(argument.size(), option.size() + 1));
        if (option == "--list") {
            print_list(about);
        } else if (option == "--mode") {
            options.mode = parse_mode(value, about);
        } else if (option == "--threads") {
            options.threads = parse_number(option, value);
        } else if (option == "--port") {
            options.port = static_cast<std::uint16_t>(parse_number(option, value));
        } else if (option == "--work-us") {
            options.work_us = parse_number(option, value);
        } else {
            throw std::invalid_argument("there is no option '" + std::string(argument) +
                                        "'; there are --list, --mode=, --threads=, --port= and --work-us=");
        }
    }
    if (options.threads == 0 || options.threads > about.most_threads) {
        throw std::invalid_argument("it does not run on so many threads");
    }
    return options;
}

constexpr std::string_view header_end = "\r\n\r\n";
constexpr std::string_view hello =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";

}  // namespace

server_options parse_server_options(int argc, char** argv, const server_description& about) {
    try {
        return parse(argc, argv, about);
    } catch (const std::invalid_argument& error) {
        std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
        std::exit(2);
    }
}

void print_port(std::uint16_t port) {
    std::printf("port %u\n", static_cast<unsigned>(port));
    std::fflush(stdout);
}

void work(unsigned microseconds) noexcept {
    constexpr unsigned rounds_per_microsecond = 500;
    std::uint64_t x = 0x9E37'79B9'7F4A'7C15U;
    for (unsigned i = 0; i < microseconds * rounds_per_microsecond; ++i) {
        x ^= x << 13U;
        x ^= x >> 7U;
        x ^= x << 17U;
    }
    asm volatile("" : : "r"(x));  // it is needed
}

std::span<const char> responder::answer(std::span<const char> bytes) noexcept {
    switch (mode_) {
        case server_mode::echo:
        case server_mode::udp:
            if (work_us_ != 0) {
                work(work_us_);
            }
            return bytes;
        case server_mode::http:
            return answer_http(bytes);
        case server_mode::sink:
            bytes_or_matched_ += bytes.size();
            return {};
    }
    return {};
}

std::span<const char> responder::answer_http(std::span<const char> bytes) noexcept {
    static const std::string many = [] {
        std::string text;
        for (std::size_t i = 0; i < buffer_size / header_end.size(); ++i) {
            text += hello;
        }
        return text;
    }();
    std::size_t requests = 0;
    for (const char c : bytes) {
        if (c == header_end[bytes_or_matched_]) {
            if (++bytes_or_matched_ == header_end.size()) {
                ++requests;
                bytes_or_matched_ = 0;
            }
        } else {
            bytes_or_matched_ = c == header_end[0] ? 1 : 0;
        }
    }
    return std::span(many).first(requests * hello.size());
}

std::span<const char> responder::end() noexcept {
    if (mode_ != server_mode::sink) {
        return {};
    }
    std::memcpy(number_.data(), &bytes_or_matched_, sizeof(bytes_or_matched_));
    return number_;
}

}  // namespace network
