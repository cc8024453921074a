// Messages of 64 bytes that the server sends back: over TCP with one or several in flight on each connection, over UDP,
// or over connections that last for one message each.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/network/descriptor.hpp"
#include "bench/network/load.hpp"

namespace network {

inline constexpr std::size_t message_size = 64;

// A connection's message differs from all others, and from the one before it.
class message {
public:
    explicit message(std::uint64_t connection) noexcept {
        for (std::size_t i = 0; i < bytes_.size(); ++i) {
            bytes_[i] = connection * 0x9E37'79B9'7F4A'7C15U + i;
        }
    }
    void next() noexcept { ++bytes_.back(); }
    [[nodiscard]] const char* data() const noexcept { return reinterpret_cast<const char*>(bytes_.data()); }

private:
    std::array<std::uint64_t, message_size / sizeof(std::uint64_t)> bytes_;
};

// Lasting connections, or datagrams. `depth` messages are written at once, and the next when all have come back.
class echo_load final : public load {
public:
    // Connects, in small batches: the first message of each has been answered before the next batch.
    explicit echo_load(const load_options& options);

    void step(histogram& latency) override;
    void drain() override;

private:
    struct connection {
        connection(descriptor s, std::uint64_t number) noexcept : socket(std::move(s)), expected(number) {}

        descriptor socket;
        message expected;
        std::size_t due = 0;  // bytes
        steady::time_point sent;
    };

    void open(unsigned count);
    void send(connection& c);
    // Whether all of the connection's messages have been answered.
    bool receive(connection& c, histogram& latency);
    // Handles what is there. Connections whose messages have all been answered get new ones, or are counted.
    void poll(histogram& latency, bool go_on);

    bool is_stream_;
    std::uint16_t port_;
    unsigned depth_;
    std::vector<char> buffer_;
    descriptor epoll_;
    std::vector<connection> connections_;
    std::size_t silent_ = 0;  // connections that have been answered and not sent to again
};

// Connects, has one message echoed, closes with a reset; `connections` of them at a time.
class churn_load final : public load {
public:
    explicit churn_load(const load_options& options);

    void step(histogram& latency) override;
    void drain() override;

private:
    struct connection {
        explicit connection(std::uint64_t number) noexcept : expected(number) {}

        descriptor socket;
        message expected;
        std::size_t due = 0;  // bytes; 0 before the message is sent
        steady::time_point begun;
    };

    void begin(connection& c);
    // Whether the connection has done its work.
    bool go_on(connection& c);
    void poll(histogram& latency, bool again);

    std::uint16_t port_;
    descriptor epoll_;
    std::vector<connection> connections_;
    std::size_t closed_ = 0;
};

}  // namespace network
