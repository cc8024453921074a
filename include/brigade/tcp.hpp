// TCP over IPv4 and IPv6: listeners and streams.
//
// Operations are tasks that give std::expected: end of stream, reset, a stop (operation_canceled) and a close from this
// side (errc::closed) are values. One task may read a stream while another writes it; a second reader or writer gets
// errc::busy. close() may come from any task or thread: whoever waits on the socket gets errc::closed. Buffers must
// stay until the operation has ended. Sockets must be gone before the executor on which they were made. The first
// socket or timer of an executor starts its reactor, which throws std::system_error when the system refuses.
#pragma once

#include <chrono>
#include <cstddef>
#include <expected>
#include <optional>
#include <span>
#include <system_error>

#include <brigade/detail/socket.hpp>
#include <brigade/endpoint.hpp>
#include <brigade/errc.hpp>
#include <brigade/task.hpp>

namespace brigade {

class executor;

// A connection. Made by connect() and accept(). TCP_NODELAY is set.
class tcp_stream {
public:
    tcp_stream() = default;  // closed

    // On a worker. Errors are those of socket(2) and connect(2).
    [[nodiscard]] static task<std::expected<tcp_stream, std::error_code>> connect(endpoint peer);

    // Reads what is there, at least one byte, at most the buffer's size. 0 means that the peer sends no more, or that
    // the buffer is empty. A stop loses no bytes: either they are given, or they stay in the socket.
    [[nodiscard]] task<std::expected<std::size_t, std::error_code>> read_some(std::span<std::byte> buffer);
    // Writes all of it. After an error an unknown part has been written. Never raises SIGPIPE.
    [[nodiscard]] task<std::expected<void, std::error_code>> write_all(std::span<const std::byte> bytes);

    // Sends the end of the stream; reading goes on. Error: not_connected when the connection is gone.
    [[nodiscard]] std::expected<void, std::error_code> shutdown_write() noexcept;
    void close() noexcept { socket_.close(); }

    [[nodiscard]] std::expected<endpoint, std::error_code> local_endpoint() const noexcept;
    [[nodiscard]] std::expected<endpoint, std::error_code> remote_endpoint() const noexcept;
    // TCP_NODELAY: send small writes at once.
    [[nodiscard]] std::expected<void, std::error_code> set_no_delay(bool on) noexcept;
    // SO_LINGER: with zero seconds, close() resets the connection; with more, close() blocks its thread until the peer
    // has everything or the time is over. Nothing restores the default.
    [[nodiscard]] std::expected<void, std::error_code> set_linger(std::optional<std::chrono::seconds> time) noexcept;
    // -1 when closed. Remains the stream's own.
    [[nodiscard]] int native_handle() const noexcept { return socket_.fd(); }

private:
    friend class tcp_listener;
    explicit tcp_stream(detail::socket s) noexcept : socket_(std::move(s)) {}

    detail::socket socket_;
};

struct tcp_listener_options {
    int backlog = 1024;         // how many connections may wait for accept()
    bool reuse_address = true;  // SO_REUSEADDR: bind although old connections linger
    bool reuse_port = false;    // SO_REUSEPORT: several listeners share the port
};

class tcp_listener {
public:
    tcp_listener() = default;  // closed

    // Binds and listens. Port 0 lets the system choose: see local_endpoint(). An IPv6 address takes IPv6 only. The
    // second form is for workers; throws std::logic_error elsewhere. Errors are those of socket(2) and bind(2).
    [[nodiscard]] static std::expected<tcp_listener, std::error_code> bind(executor& home, const endpoint& local,
                                                                           tcp_listener_options options = {});
    [[nodiscard]] static std::expected<tcp_listener, std::error_code> bind(const endpoint& local,
                                                                           tcp_listener_options options = {});

    // The next connection. What accept(2) says of a connection that is gone already is passed over. EMFILE, ENFILE and
    // their like are errors of this call only: the listener goes on.
    [[nodiscard]] task<std::expected<tcp_stream, std::error_code>> accept();
    void close() noexcept { socket_.close(); }

    [[nodiscard]] std::expected<endpoint, std::error_code> local_endpoint() const noexcept;
    [[nodiscard]] int native_handle() const noexcept { return socket_.fd(); }

private:
    explicit tcp_listener(detail::socket s) noexcept : socket_(std::move(s)) {}

    detail::socket socket_;
};

}  // namespace brigade
