// TLS 1.2 and 1.3 over TCP, by OpenSSL: contexts, which hold what many connections share, and streams.
//
// In a library of its own, //:tls, so that a program without TLS does not link OpenSSL; <brigade/brigade.hpp> leaves
// this header out.
//
//     const auto context = tls_context::client();  // the certificate authorities that the system trusts
//     auto tcp = co_await connect("example.org", 443);
//     auto tls = co_await with_timeout(5s, tls_stream::connect(*context, std::move(*tcp), "example.org"));
//     auto sent = co_await tls->write_all(request);
//
// Operations are tasks that give std::expected, as those of tcp_stream. Certificates and names are verified unless an
// option says by its name that it is dangerous. There is no renegotiation, no compression and no early data. A
// handshake is computed on the worker, 0.2 to 2 ms for the usual keys; between its steps the task goes behind all that
// its worker has queued.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <brigade/task.hpp>
#include <brigade/tcp.hpp>

struct ssl_st;  // OpenSSL's SSL

namespace brigade {

namespace detail {

struct tls_context_state;
class tls_connection;

}  // namespace detail

// Errors of TLS streams that OpenSSL has no number for. In tls_category().
enum class tls_errc {
    // The connection ended without close_notify: somebody may have cut off what the peer sent. Not the end of the
    // stream, which read_some() gives as 0.
    truncated = 1,
    // shutdown() found that the peer sent more than was read.
    unread_data,
};

// The category of tls_errc and of what OpenSSL reports, in the packed form of ERR_get_error(). The messages are
// OpenSSL's, for example "wrong version number" or "tlsv1 alert unknown ca".
[[nodiscard]] const std::error_category& tls_category() noexcept;

// The category of the reasons for which a certificate was refused: X509_V_ERR_..., 10 for one that has expired. The
// messages are OpenSSL's, for example "hostname mismatch".
[[nodiscard]] const std::error_category& tls_verification_category() noexcept;

[[nodiscard]] inline std::error_code make_error_code(tls_errc e) noexcept {
    return {static_cast<int>(e), tls_category()};
}

// PEM files: the certificate, followed by those of the authorities between it and the root; and its private key.
struct tls_identity {
    std::string chain_file;
    std::string key_file;
};

struct tls_client_options {
    bool trust_system = true;         // the authorities in OpenSSL's default place: /etc/ssl/certs on Debian
    std::string trust_file{};         // further authorities, a PEM file; none when empty
    std::vector<std::string> alpn{};  // protocols to offer, for example "h2", "http/1.1", the preferred one first
    tls_identity identity{};          // to show to servers that ask; none when both files are empty
    // How many sessions to keep for resumption; the oldest go first. 0 keeps none.
    std::size_t session_cache_size = 256;
    // Takes any certificate for any name, so that whoever is on the way can read and change everything. For tests.
    bool dangerously_accept_any_server = false;
};

struct tls_server_options {
    tls_identity identity;
    struct named_identity {
        std::string server_name;  // "example.org", or "*.example.org" for one more label; regardless of case
        tls_identity identity;
    };
    // For clients that ask for one of these names; others get `identity`.
    std::vector<named_identity> names{};
    std::vector<std::string>
        alpn{};  // protocols to accept, the preferred one first; a client that names only others fails
    // Clients must show a certificate of these authorities, a PEM file; they are not asked for one when empty.
    std::string client_trust_file{};
};

// What connections have in common: identity, trust, protocols, and the sessions that can be resumed. A copy refers to
// the same. Never changes, and may be used by several threads at once.
class tls_context {
public:
    // Read the files that the options name, so they block. The error is that of the first file that cannot be used;
    // std::errc::invalid_argument for an impossible name of a protocol, and where an identity lacks its chain or its
    // key. A client keeps sessions and resumes them by itself, for the same server name and port; a server gives out
    // tickets and keeps nothing.
    [[nodiscard]] static std::expected<tls_context, std::error_code> client(const tls_client_options& options = {});
    [[nodiscard]] static std::expected<tls_context, std::error_code> server(const tls_server_options& options);

private:
    friend class tls_stream;
    explicit tls_context(std::shared_ptr<detail::tls_context_state> s) noexcept : state_(std::move(s)) {}

    std::shared_ptr<detail::tls_context_state> state_;
};

// A TLS connection, made by connect() and accept(). Move-only; destroying it closes it.
//
// One task may read while another writes; a second reader or writer gets errc::busy. An operation that waits ends when
// it is asked to stop: with std::errc::operation_canceled. A stopped read loses nothing. A stopped write says by `done`
// how many bytes it has taken: those are sent all the same, before whatever is written next, unless the connection
// ends. So after a stop, by a deadline as well, the stream can be used on.
class tls_stream {
public:
    tls_stream() = default;  // closed
    tls_stream(tls_stream&&) noexcept = default;
    tls_stream& operator=(tls_stream&& other) noexcept;
    ~tls_stream() { close(); }

    // The handshake of a client. `server_name` is the DNS name or numeric address for which the server's certificate
    // must be valid; a name is also sent, so that the server can choose (SNI). std::errc::invalid_argument when it is
    // empty or no name at all; only a context that accepts any server takes an empty one. On failure the peer is told
    // why and the connection is closed.
    [[nodiscard]] static task<std::expected<tls_stream, std::error_code>> connect(tls_context context, tcp_stream tcp,
                                                                                  std::string server_name);
    // The handshake of a server. A peer may take as long as it likes: give it a deadline (with_timeout).
    [[nodiscard]] static task<std::expected<tls_stream, std::error_code>> accept(tls_context context, tcp_stream tcp);

    // Reads what is there, at least one byte, at most the buffer's size. 0 means that the peer has ended the stream by
    // close_notify, or that the buffer is empty. tls_errc::truncated when the connection ends without.
    [[nodiscard]] task<std::expected<std::size_t, std::error_code>> read_some(std::span<std::byte> buffer);
    // Writes all of it: the system has taken it. `done`, if given, gets how many bytes were taken, by the system or to
    // be sent in any case, with every outcome.
    [[nodiscard]] task<std::expected<void, std::error_code>> write_all(std::span<const std::byte> bytes,
                                                                       std::size_t* done = nullptr);

    // Sends close_notify: the peer's reads end. Further writes give std::errc::broken_pipe; reading goes on.
    [[nodiscard]] task<std::expected<void, std::error_code>> shutdown_write();
    // Sends close_notify and waits for the peer's. tls_errc::unread_data when more data comes instead,
    // tls_errc::truncated when the peer just closes. For when nobody reads. The connection remains to be closed.
    [[nodiscard]] task<std::expected<void, std::error_code>> shutdown();
    // Closes the connection at once, without close_notify. Any thread; whoever waits on the stream gets errc::closed.
    // Where the peer has sent what nobody read, be it a ticket for the next session, the system resets the connection,
    // and the peer may not get what was written last. So end with shutdown().
    void close() noexcept;

    // What the handshake has agreed upon. The protocol that ALPN chose, "" when none:
    [[nodiscard]] std::string alpn() const;
    // The name that the client asked for, "" when none:
    [[nodiscard]] std::string server_name() const;
    // "TLSv1.2" or "TLSv1.3":
    [[nodiscard]] std::string protocol() const;
    // Whether it resumed an earlier session, for which the certificate was verified then:
    [[nodiscard]] bool resumed() const;

    // Of the connection below.
    [[nodiscard]] std::expected<endpoint, std::error_code> local_endpoint() const noexcept;
    [[nodiscard]] std::expected<endpoint, std::error_code> remote_endpoint() const noexcept;

    // For what is not here, such as the peer's certificate. Only while no operation is under way; null when there is
    // no connection. Remains the stream's own.
    [[nodiscard]] ssl_st* native_handle() const noexcept;

private:
    explicit tls_stream(std::shared_ptr<detail::tls_connection> c) noexcept : connection_(std::move(c)) {}

    std::shared_ptr<detail::tls_connection> connection_;
};

}  // namespace brigade

template <>
struct std::is_error_code_enum<brigade::tls_errc> : std::true_type {};
