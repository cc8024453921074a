// The operations of tls_stream: steps of the engine, with what they need in between.
#include <array>
#include <optional>
#include <string>
#include <utility>

#include <openssl/ssl.h>
#include <brigade/errc.hpp>
#include <brigade/get_stop_token.hpp>
#include <brigade/tls.hpp>
#include <brigade/yield.hpp>

#include "io/tls/connection.hpp"
#include "io/tls/context.hpp"

namespace brigade {

namespace {

using detail::tls_connection;
using kind = detail::tls_step::kind;
using shared_connection = std::shared_ptr<tls_connection>;
using nothing = std::expected<void, std::error_code>;

// Records to make before they are written to the socket.
constexpr std::size_t records_at_once = 4;

std::unexpected<std::error_code> cancelled() {
    return std::unexpected(std::make_error_code(std::errc::operation_canceled));
}
std::unexpected<std::error_code> closed() {
    return std::unexpected(make_error_code(errc::closed));
}

// Takes the yields that a step's computing calls for: others have waited for this worker meanwhile.
task<nothing> shake_hands(tls_connection& c) {
    const stop_token stop = co_await get_stop_token();
    for (;;) {
        co_await yield();
        if (stop.stop_requested()) {
            co_return cancelled();
        }
        const tls_connection::outcome step = c.handshake();
        if (step.what == kind::failed || step.what == kind::ended) {
            co_await c.send_alert();
            co_return std::unexpected(step.what == kind::ended ? make_error_code(tls_errc::truncated) : step.error);
        }
        const nothing sent = co_await c.send(tls_connection::buffers::released);
        // A client may have gone after its last message, and what it has sent can be read all the same. The next write
        // gets the error.
        if (!sent && (step.what != kind::done || sent.error() == std::errc::operation_canceled)) {
            co_return sent;
        }
        if (step.what == kind::done) {
            co_return {};
        }
        const nothing received = co_await c.receive(step.arrivals);
        if (!received) {
            co_return received;
        }
    }
}

// For who has the place of the reader.
task<std::expected<std::size_t, std::error_code>> read_from(tls_connection& c, std::span<std::byte> buffer) {
    const stop_token stop = co_await get_stop_token();
    for (;;) {
        co_await detail::cooperate();
        if (stop.stop_requested()) {
            co_return cancelled();
        }
        const tls_connection::outcome step = c.read(buffer);
        if (step.what == kind::failed) {
            if (step.produced_output) {
                co_await c.send_alert();
            }
            co_return std::unexpected(step.error);
        }
        if (step.produced_output) {
            co_await c.send_answer();
        }
        if (step.what != kind::wants_input) {
            co_return step.bytes;  // none at the end
        }
        const nothing received = co_await c.receive(step.arrivals);
        if (!received) {
            co_return std::unexpected(received.error());
        }
    }
}

// Makes some records of the first of `bytes`, which it takes away.
tls_connection::outcome encrypt_some(tls_connection& c, std::span<const std::byte>& bytes) {
    tls_connection::outcome step;
    for (std::size_t i = 0; i < records_at_once && !bytes.empty(); ++i) {
        step = c.write(bytes);
        if (step.what != kind::done) {
            break;
        }
        bytes = bytes.subspan(step.bytes);
    }
    return step;
}

// For who has the place of the writer.
task<nothing> write_to(tls_connection& c, std::span<const std::byte> bytes, std::size_t& done) {
    const stop_token stop = co_await get_stop_token();
    const std::size_t size = bytes.size();
    // What a stopped write has left goes first, so that what waits to be sent stays bounded.
    if (const nothing left = co_await c.send(tls_connection::buffers::kept); !left) {
        if (left.error() == std::errc::operation_canceled) {
            c.send_in_background();
        }
        co_return left;
    }
    while (!bytes.empty()) {
        co_await detail::cooperate();
        if (stop.stop_requested()) {
            co_return cancelled();
        }
        const tls_connection::outcome step = encrypt_some(c, bytes);
        done = size - bytes.size();
        if (step.what == kind::failed) {
            co_return std::unexpected(step.error);
        }
        const nothing sent =
            co_await c.send(bytes.empty() ? tls_connection::buffers::released : tls_connection::buffers::kept);
        if (!sent) {
            if (sent.error() == std::errc::operation_canceled) {
                c.send_in_background();
            }
            co_return sent;
        }
        if (step.what == kind::wants_input) {
            const nothing received = co_await c.receive(step.arrivals);
            if (!received) {
                co_return received;
            }
        }
    }
    co_return {};
}

task<nothing> send_close_notify(tls_connection& c) {
    const auto turn = c.begin_writing();
    if (!turn) {
        co_return std::unexpected(turn.error());
    }
    const tls_connection::outcome step = c.close_notify();
    if (step.what == kind::failed) {
        co_return std::unexpected(step.error);
    }
    const nothing sent = co_await c.send(tls_connection::buffers::released);
    if (!sent && sent.error() == std::errc::operation_canceled) {
        c.send_in_background();
    }
    co_return sent;
}

task<nothing> close_both_ways(shared_connection c) {
    if (const nothing sent = co_await send_close_notify(*c); !sent) {
        co_return sent;
    }
    const auto turn = c->begin_reading();
    if (!turn) {
        co_return std::unexpected(turn.error());
    }
    std::array<std::byte, 1> surplus{};
    const auto got = co_await read_from(*c, surplus);
    if (!got) {
        co_return std::unexpected(got.error());
    }
    if (*got != 0) {
        co_return std::unexpected(make_error_code(tls_errc::unread_data));
    }
    co_return {};
}

// By what a client keeps its sessions. Services on other ports of a name are others.
std::expected<std::string, std::error_code> session_key(const tcp_stream& tcp, const std::string& server_name) {
    const auto peer = tcp.remote_endpoint();
    if (!peer) {
        return std::unexpected(peer.error());
    }
    return server_name + ':' + std::to_string(peer->port());
}

}  // namespace

task<std::expected<tls_stream, std::error_code>> tls_stream::connect(tls_context context, tcp_stream tcp,
                                                                     std::string server_name) {
    tcp_stream owned = std::move(tcp);  // closed when this ends, not only when the caller has done with the task
    const auto text = session_key(owned, server_name);
    if (!text) {
        co_return std::unexpected(text.error());
    }
    auto key = std::make_unique<const std::string>(*text);
    auto ssl = detail::client_connection(*context.state_, server_name, *key);
    if (!ssl) {
        co_return std::unexpected(ssl.error());
    }
    tls_stream made(
        std::make_shared<tls_connection>(std::move(owned), std::move(context.state_), std::move(key), std::move(*ssl)));
    if (const nothing done = co_await shake_hands(*made.connection_); !done) {
        co_return std::unexpected(done.error());
    }
    co_return made;
}

task<std::expected<tls_stream, std::error_code>> tls_stream::accept(tls_context context, tcp_stream tcp) {
    tcp_stream owned = std::move(tcp);
    auto ssl = detail::server_connection(*context.state_);
    if (!ssl) {
        co_return std::unexpected(ssl.error());
    }
    tls_stream made(
        std::make_shared<tls_connection>(std::move(owned), std::move(context.state_), nullptr, std::move(*ssl)));
    if (const nothing done = co_await shake_hands(*made.connection_); !done) {
        co_return std::unexpected(done.error());
    }
    co_return made;
}

tls_stream& tls_stream::operator=(tls_stream&& other) noexcept {
    if (this != &other) {
        close();
        connection_ = std::move(other.connection_);
    }
    return *this;
}

namespace {

task<std::expected<std::size_t, std::error_code>> read_operation(shared_connection c, std::span<std::byte> buffer) {
    if (c == nullptr) {
        co_return closed();
    }
    const auto turn = c->begin_reading();
    if (!turn) {
        co_return std::unexpected(turn.error());
    }
    if (buffer.empty()) {
        co_return 0;
    }
    const auto got = co_await read_from(*c, buffer);
    co_return got;
}

task<nothing> write_operation(shared_connection c, std::span<const std::byte> bytes, std::size_t* done) {
    std::size_t unwanted = 0;
    std::size_t& taken = done != nullptr ? *done : unwanted;
    taken = 0;
    if (c == nullptr) {
        co_return closed();
    }
    const auto turn = c->begin_writing();
    if (!turn) {
        co_return std::unexpected(turn.error());
    }
    const nothing written = co_await write_to(*c, bytes, taken);
    co_return written;
}

task<nothing> shutdown_operation(shared_connection c, bool both_ways) {
    if (c == nullptr) {
        co_return closed();
    }
    nothing done;
    if (both_ways) {
        done = co_await close_both_ways(c);
    } else {
        done = co_await send_close_notify(*c);
    }
    co_return done;
}

}  // namespace

task<std::expected<std::size_t, std::error_code>> tls_stream::read_some(std::span<std::byte> buffer) {
    return read_operation(connection_, buffer);
}

task<std::expected<void, std::error_code>> tls_stream::write_all(std::span<const std::byte> bytes, std::size_t* done) {
    return write_operation(connection_, bytes, done);
}

task<std::expected<void, std::error_code>> tls_stream::shutdown_write() {
    return shutdown_operation(connection_, false);
}

task<std::expected<void, std::error_code>> tls_stream::shutdown() {
    return shutdown_operation(connection_, true);
}

void tls_stream::close() noexcept {
    if (connection_ != nullptr) {
        connection_->close();
    }
}

std::string tls_stream::alpn() const {
    if (connection_ == nullptr) {
        return {};
    }
    return connection_->with_ssl([](const SSL* ssl) {
        const unsigned char* chosen = nullptr;
        unsigned size = 0;
        ::SSL_get0_alpn_selected(ssl, &chosen, &size);
        return std::string(reinterpret_cast<const char*>(chosen), size);
    });
}

std::string tls_stream::server_name() const {
    if (connection_ == nullptr) {
        return {};
    }
    return connection_->with_ssl([](const SSL* ssl) -> std::string {
        const char* const name = ::SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
        return name != nullptr ? name : "";
    });
}

std::string tls_stream::protocol() const {
    if (connection_ == nullptr) {
        return {};
    }
    return connection_->with_ssl([](const SSL* ssl) -> std::string { return ::SSL_get_version(ssl); });
}

bool tls_stream::resumed() const {
    return connection_ != nullptr &&
           connection_->with_ssl([](const SSL* ssl) { return ::SSL_session_reused(ssl) == 1; });
}

std::expected<endpoint, std::error_code> tls_stream::local_endpoint() const noexcept {
    return connection_ != nullptr ? connection_->tcp().local_endpoint() : closed();
}

std::expected<endpoint, std::error_code> tls_stream::remote_endpoint() const noexcept {
    return connection_ != nullptr ? connection_->tcp().remote_endpoint() : closed();
}

ssl_st* tls_stream::native_handle() const noexcept {
    return connection_ != nullptr ? connection_->ssl() : nullptr;
}

}  // namespace brigade
