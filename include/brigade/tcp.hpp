// TCP over IPv4 and IPv6: listeners and streams.
//
// What reads and writes have in common stands in byte_stream.hpp; the rules there hold for all operations here. The
// first socket or timer of an executor starts its reactor, which throws std::system_error when the system refuses.
#pragma once

#include <chrono>
#include <expected>
#include <optional>
#include <system_error>

#include <brigade/byte_stream.hpp>
#include <brigade/detail/descriptor.hpp>
#include <brigade/endpoint.hpp>
#include <brigade/errc.hpp>
#include <brigade/owned_fd.hpp>
#include <brigade/task.hpp>

namespace brigade {

class executor;

namespace detail {
struct listener_access;
}

// When a connection that is silent is to be probed, and given up (TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT).
struct tcp_keep_alive {
    std::chrono::seconds idle{60};      // before the first probe
    std::chrono::seconds interval{10};  // between two
    int probes = 6;                     // unanswered ones, after which the connection is gone (timed_out)
};

// A connection. Made by connect() and accept(). TCP_NODELAY is set.
class tcp_stream : public byte_stream {
public:
    tcp_stream() = default;  // closed

    // On a worker. Errors are those of socket(2) and connect(2).
    [[nodiscard]] static task<std::expected<tcp_stream, std::error_code>> connect(endpoint peer);

    // Takes over a connected TCP socket, as it comes from another process, say; invalid_argument for anything else.
    // Sets O_NONBLOCK, which holds for all who share the open file, and TCP_NODELAY. When others share it, close() does
    // not end the connection for them.
    [[nodiscard]] static std::expected<tcp_stream, std::error_code> adopt(executor& home, owned_fd socket);

    // Sends the end of the stream; reading goes on. Error: not_connected when the connection is gone.
    [[nodiscard]] std::expected<void, std::error_code> shutdown_write() noexcept;

    [[nodiscard]] std::expected<endpoint, std::error_code> local_endpoint() const noexcept;
    [[nodiscard]] std::expected<endpoint, std::error_code> remote_endpoint() const noexcept;
    // TCP_NODELAY: send small writes at once.
    [[nodiscard]] std::expected<void, std::error_code> set_no_delay(bool on) noexcept;
    // SO_KEEPALIVE; nothing switches it off, as at first.
    [[nodiscard]] std::expected<void, std::error_code> set_keep_alive(std::optional<tcp_keep_alive> times) noexcept;
    // SO_LINGER: with zero seconds, close() resets the connection; with more, close() blocks its thread until the peer
    // has everything or the time is over. Nothing restores the default.
    [[nodiscard]] std::expected<void, std::error_code> set_linger(std::optional<std::chrono::seconds> time) noexcept;
    // SO_RCVBUF and SO_SNDBUF, bytes: what the system keeps for the application, and for the network.
    [[nodiscard]] std::expected<void, std::error_code> set_receive_buffer(int bytes) noexcept;
    [[nodiscard]] std::expected<void, std::error_code> set_send_buffer(int bytes) noexcept;

private:
    friend class tcp_listener;
    using byte_stream::byte_stream;
};

struct tcp_listener_options {
    int backlog = 1024;         // how many connections may wait for accept()
    bool reuse_address = true;  // SO_REUSEADDR: bind although old connections linger
    bool reuse_port = false;    // SO_REUSEPORT: several listeners share the port
    bool dual_stack = false;    // an IPv6 address takes IPv4 as well, whose peers look like ::ffff:192.0.2.1
};

class tcp_listener {
public:
    tcp_listener() = default;  // closed

    // Binds and listens. Port 0 lets the system choose: see local_endpoint(). The second
    // form is for workers; throws std::logic_error elsewhere. Errors are those of socket(2) and bind(2).
    [[nodiscard]] static std::expected<tcp_listener, std::error_code> bind(executor& home, const endpoint& local,
                                                                           tcp_listener_options options = {});
    [[nodiscard]] static std::expected<tcp_listener, std::error_code> bind(const endpoint& local,
                                                                           tcp_listener_options options = {});

    // Takes over a TCP socket that listens, as service managers pass them on; invalid_argument for anything else. Sets
    // O_NONBLOCK, which holds for all who share the open file.
    [[nodiscard]] static std::expected<tcp_listener, std::error_code> adopt(executor& home, owned_fd socket);

    // The next connection. What accept(2) says of a connection that is gone already is passed over. While the process
    // or the system has no descriptor left (EMFILE, ENFILE and their like) it waits for one, and turns connections away
    // when that takes long: io/accept.hpp says how.
    [[nodiscard]] task<std::expected<tcp_stream, std::error_code>> accept();
    void close() noexcept { descriptor_.close(); }

    [[nodiscard]] std::expected<endpoint, std::error_code> local_endpoint() const noexcept;
    [[nodiscard]] int native_handle() const noexcept { return descriptor_.fd(); }

private:
    friend struct detail::listener_access;
    explicit tcp_listener(detail::descriptor d) noexcept : descriptor_(std::move(d)) {}

    detail::descriptor descriptor_;
};

}  // namespace brigade
