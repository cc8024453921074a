// Which of a server's connections are late.
//
// Nobody sets a timer for a connection. Its operations count what they move (io/traffic.hpp), and the server looks at
// all connections every `pause`; each look compares the totals with those of the look before. What was seen to have
// begun between two looks counts from the second, so nobody is judged early, and up to two pauses late. Of a look that
// comes later than two pauses, as when all workers compute or the machine has slept, the time beyond is not counted:
// the peers' bytes may lie here, unread.
//
// What a peer takes shows late in what the system accepts from a writer: its send buffer holds up to megabytes, and has
// to become a third empty first. So while a write waits, the system is asked how much it still has to send (SIOCOUTQ),
// a call for each such connection and look. What the peer's own system keeps for a reader that is slow nobody sees.
//
// A peer is blamed only for time in which an operation waits for it: at both looks, for the rate. A handler that
// computes, or waits for a database, costs its peer nothing. The message's deadline alone goes on meanwhile, as it is
// there to bound the whole.
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <sys/socket.h>

#include <brigade/detail/descriptor.hpp>
#include <brigade/detail/sync.hpp>
#include <brigade/server.hpp>

#include "io/traffic.hpp"

namespace brigade::detail {

// Whom several connections count for: an IPv4 address, also in its IPv6 form, or an IPv6 network of 64 bits, which is
// the least that one subscriber gets.
struct peer_address {
    bool is_v6 = false;
    std::uint64_t value = 0;

    // Nothing for sockets without Internet addresses.
    [[nodiscard]] static std::optional<peer_address> of(const sockaddr_storage& name) noexcept;
    friend auto operator<=>(const peer_address&, const peer_address&) noexcept = default;
};

// server_options in the clock's terms; the end of time where there is no limit.
struct supervision_limits {
    using duration = sync::clock::duration;

    // Throws std::invalid_argument.
    explicit supervision_limits(const server_options& options);

    duration idle;
    duration message;
    duration grace;
    std::size_t rate;               // 0: any
    std::optional<duration> pause;  // between two looks; none where nothing is limited
};

// A connection in its server's list.
class supervised final : public traffic {
public:
    supervised(descriptor_ref socket, std::optional<peer_address> address, sync::clock::duration grace,
               time_point now) noexcept
        : socket_(socket), address_(address), looked_at_(now), active_at_(now), message_at_(now) {
        for (account& a : accounts_) {
            a.left = grace;
        }
    }

    // One look, by one thread at a time.
    [[nodiscard]] sentence judge(const supervision_limits& limits, time_point now) noexcept;
    // Has what waits find the sentence.
    void announce(direction d) noexcept;

    [[nodiscard]] const std::optional<peer_address>& address() const noexcept { return address_; }

    // In the list, under its lock.
    supervised* next = nullptr;
    supervised* previous = nullptr;

private:
    // Of one direction: what the last look has seen, and how much more of its grace the peer may use up.
    struct account {
        std::uint64_t moved = 0;
        bool waits = false;
        std::size_t queued = 0;  // by the system, while a write waits
        duration left{};
    };

    // What one look has found.
    struct findings {
        std::uint64_t moved;  // how many bytes have gone between the peer and the handler, or the peer and the system
        bool waited;          // an operation, all the time as far as one can see
    };

    [[nodiscard]] findings look_at(direction d) noexcept;
    [[nodiscard]] std::size_t queued_to_send() const noexcept;
    [[nodiscard]] bool is_too_slow(direction d, const findings& f, const supervision_limits& limits,
                                   duration since) noexcept;
    [[nodiscard]] bool message_is_late(const supervision_limits& limits, const message& m,
                                       time_point now) const noexcept;

    const descriptor_ref socket_;
    const std::optional<peer_address> address_;
    time_point looked_at_;
    time_point active_at_;
    time_point message_at_;  // when a look first saw it
    std::uint64_t message_number_ = 0;
    std::array<account, 2> accounts_{};
};

}  // namespace brigade::detail
