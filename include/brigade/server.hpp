// A server: accepts connections, runs a task for each, and defends them against peers that hold on to what they do not
// use.
//
//     brigade::task<> echo(brigade::tcp_connection& client);
//
//     brigade::server server(std::move(listener), echo);  // serves from here on
//     const auto signal = co_await brigade::shutdown_signal();
//     co_await server.drain(10s);
//
// Limits. All are on, and are switched off by name (`.message_deadline = brigade::unlimited`).
//
//   connections     At `max_connections` the server accepts nobody until one ends: who comes waits in the system's
//                   backlog. From one address, or one IPv6 network of 64 bits, no more than
//                   `max_connections_per_address` are taken; further ones are closed at once. Behind a proxy all come
//                   from its address.
//   idle            A read or write waits, and for `idle_deadline` not a byte has come or gone.
//   message         A message has not ended `message_deadline` after its first byte. It is there to bound the whole, so
//                   the handler's own time counts. Who sends so fast that no read ever waits is not struck: the
//                   handler, which is the slower one then, says how much it takes.
//   rate            A peer is to send `minimum_rate` bytes in each second in which a read waits while a message is
//                   under way, and to take as many in each second in which a write waits. It is forgiven what is
//                   missing for `rate_grace` altogether; what is more than asked for makes up for it.
//
// Messages. The server knows bytes; the handler says what a message is. One begins with the first byte that is read,
// and ends with message_done(), which is called when the answer has been written. The next begins with the next byte. A
// handler that never calls it has one message, the connection; then it sets `message_deadline` and `minimum_rate` to
// what fits that.
//
// A connection that a limit strikes is not closed: from then on reads and writes that would have to wait give
// std::errc::timed_out, or errc::too_slow for the rate, also the one that waits at the moment. Nothing that was read is
// lost, and a handler may send a last word if the system takes it at once. The connection closes when the handler ends.
// While a handler waits for something else than its peer, the peer is blamed for nothing else.
//
// Limits are cheap because nobody looks at a clock for them: operations count their bytes, and the server looks over
// its connections now and then, in an eighth of the shortest limit, but not more often than once a second unless that
// is below two, when it looks twice in it. So a connection ends up to two such times late, and never early. Without
// connections the server sleeps. They hold for whatever uses the connection: buffered readers, TLS
// (`tls_stream::accept(context, std::move(client))`, where `client` goes on to be what message_done() is called on),
// send_file().
//
// drain() ends the server and spares those who are at work. It closes the listener. A connection between two messages
// is told at its next wait for a byte, or at the one it is in: errc::draining. One in the middle of a message goes on,
// and is told when it wants another; so is one whose next message has come, but was not heard of yet. What is left at
// the deadline is asked to stop, as by request_stop(), and waited for: a handler that heeds no stop holds up drain(),
// and one that awaits it waits for itself. Of a TLS handshake the first byte begins a message: message_done() after it
// makes the connection one between two messages. One drain() at a time.
//
// An exception that leaves a handler goes to executor_options::unhandled_exception, and ends no other connection.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>

#include <brigade/byte_stream.hpp>
#include <brigade/detail/deadline.hpp>
#include <brigade/detail/served.hpp>
#include <brigade/executor.hpp>
#include <brigade/join_handle.hpp>
#include <brigade/manual_clock.hpp>
#include <brigade/task.hpp>
#include <brigade/tcp.hpp>
#include <brigade/unix_socket.hpp>

namespace brigade {

// No limit, where one is on by default.
struct unlimited_t {
    constexpr operator std::size_t() const noexcept {  // NOLINT(google-explicit-constructor): that is what it is for
        return std::numeric_limits<std::size_t>::max();
    }
    constexpr operator std::chrono::milliseconds() const noexcept {  // NOLINT(google-explicit-constructor)
        return std::chrono::milliseconds::max();
    }
};
inline constexpr unlimited_t unlimited;

// See above. Limits are positive.
struct server_options {
    std::size_t max_connections = 10'000;
    std::size_t max_connections_per_address = 256;  // no matter for Unix sockets, which have no address
    std::chrono::milliseconds idle_deadline{60'000};
    std::chrono::milliseconds message_deadline{60'000};
    std::size_t minimum_rate = 240;  // bytes a second; 0: any will do
    std::chrono::milliseconds rate_grace{10'000};
};

// What a server has done since the start.
struct server_counters {
    std::uint64_t accepted = 0;             // connections that a handler got
    std::uint64_t open = 0;                 // those whose handler has not ended
    std::uint64_t refused_for_address = 0;  // closed at once
    std::uint64_t timed_out = 0;            // that a limit of time or rate has struck
};

// A connection, as its handler gets it: a tcp_stream or unix_stream, and what its server wants to know. It may be moved
// into what takes such a stream; the limits hold there as long as the handler has not ended.
template <std::derived_from<byte_stream> Stream>
class connection : public Stream {
public:
    explicit connection(detail::admitted a) noexcept : Stream(std::move(a.socket)), place_(std::move(a.place)) {}
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    ~connection() { this->close(); }  // before it gives back its place

    // The message under way has ended. `begun`: how many bytes of the next one have been read already, as
    // reader.buffered().size() says. By the task that reads.
    void message_done(std::size_t begun = 0) noexcept { place_.message_done(begun != 0); }
    // The message under way, or else the next, has so long from now on, in place of server_options::message_deadline:
    // for one that is announced to be large, or as long as the answer takes. The server looks as often as its own
    // limits want it, and never when all are off. By the task that reads.
    void set_message_deadline(std::chrono::milliseconds limit) {
        place_.set_message_deadline(detail::later_by(now(), detail::ticks_of(limit)));
    }
    // Whether the server ends: time to tell the peer not to ask again. Any thread.
    [[nodiscard]] bool draining() const noexcept { return place_.draining(); }

private:
    detail::admission place_;
};

using tcp_connection = connection<tcp_stream>;
using unix_connection = connection<unix_stream>;

namespace detail {

struct server_tally;

template <class Listener>
struct accepted_by;
template <>
struct accepted_by<tcp_listener> {
    using stream = tcp_stream;
    static constexpr file_kind kind = file_kind::tcp_connection;
};
template <>
struct accepted_by<unix_listener> {
    using stream = unix_stream;
    static constexpr file_kind kind = file_kind::socket;
};

struct listener_access {
    template <class Listener>
    [[nodiscard]] static descriptor_ref of(const Listener& l) noexcept {
        return l.descriptor_.ref();
    }
};

template <class Listener, class Handler>
class typed_service final : public service {
    using client_type = connection<typename accepted_by<Listener>::stream>;

public:
    typed_service(Listener l, Handler h) : listener_(std::move(l)), handler_(std::move(h)) {}

    [[nodiscard]] descriptor_ref listener() const noexcept override { return listener_access::of(listener_); }
    [[nodiscard]] file_kind kind() const noexcept override { return accepted_by<Listener>::kind; }
    void close_listener() noexcept override { listener_.close(); }
    [[nodiscard]] task<> serve(admitted a) override {
        stop_source& own = co_await own_stop_source();
        stop_source& everybody = a.place.hard_stop();
        client_type client(std::move(a));
        const stop_relay relay(everybody, own);
        task<> handling = handler_(client);
        co_await std::move(handling);
    }

private:
    Listener listener_;
    Handler handler_;
};

// What does not depend on the listener's type.
class server_base {
public:
    // Closes the listener, asks all connections to stop, and waits for none.
    ~server_base();
    server_base(const server_base&) = delete;
    server_base& operator=(const server_base&) = delete;

    // See above; once. When it ends, all handlers have ended and the handler itself is destroyed. With a limit of zero
    // or less, all are asked to stop at once. A stop of the awaiting task throws operation_cancelled and leaves the
    // rest to the destructor. On a worker.
    [[nodiscard]] task<> drain(std::chrono::milliseconds limit);
    // Any thread.
    [[nodiscard]] server_counters counters() const noexcept;

protected:
    server_base(executor& home, std::unique_ptr<service> what, const server_options& options);

private:
    void end_all() noexcept;

    std::shared_ptr<server_tally> tally_;
    std::shared_ptr<server_core> core_;
    join_handle<> supervising_;
};

}  // namespace detail

// Serves from its construction until drain() or its destruction, which come before the end of the executor. `Listener`
// is tcp_listener or unix_listener, which does without descriptors for a while as its accept() does. If the listener
// itself fails, unhandled_exception gets a std::system_error, and the connections go on.
template <class Listener>
class server : public detail::server_base {
public:
    using connection_type = connection<typename detail::accepted_by<Listener>::stream>;

    // `handler(connection)` gives a task<>, one for each connection, on `home`; it is called by several workers at
    // once. The connection lives until that task has ended. Throws std::invalid_argument for a limit that is not
    // positive.
    template <class Handler>
        requires std::same_as<std::invoke_result_t<Handler&, connection_type&>, task<>>
    server(executor& home, Listener listener, Handler handler, const server_options& options = {})
        : server_base(
              home, std::make_unique<detail::typed_service<Listener, Handler>>(std::move(listener), std::move(handler)),
              options) {}
    // The same for workers, on their executor; throws std::logic_error elsewhere.
    template <class Handler>
        requires std::same_as<std::invoke_result_t<Handler&, connection_type&>, task<>>
    server(Listener listener, Handler handler, const server_options& options = {})
        : server(executor::current(), std::move(listener), std::move(handler), options) {}
};

}  // namespace brigade
