#include "io/tls/context.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "io/tls/error.hpp"

namespace brigade {

namespace {

using outcome = std::expected<void, std::error_code>;

// Where OpenSSL keeps a pointer of ours. Index 0 would be that of SSL_set_app_data(), which is the program's. Throws
// std::bad_alloc.
int checked_index(int index) {
    return index != -1 ? index : throw std::bad_alloc();
}
int cache_index() {
    static const int index = checked_index(::SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr));
    return index;
}
int key_index() {
    static const int index = checked_index(::SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr));
    return index;
}

std::unexpected<std::error_code> failure() {
    return std::unexpected(detail::take_tls_error());
}
std::unexpected<std::error_code> invalid() {
    return std::unexpected(std::make_error_code(std::errc::invalid_argument));
}

std::string lower(std::string_view text) {
    std::string all(text);
    std::ranges::transform(all, all.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return all;
}

// With `*` in the place of the first label, a name stands for all with one label there.
bool names_match(std::string_view pattern, std::string_view name) {
    if (pattern.starts_with("*.")) {
        const std::size_t dot = name.find('.');
        return dot != 0 && dot != std::string_view::npos && name.substr(dot) == pattern.substr(1);
    }
    return pattern == name;
}

std::expected<std::vector<unsigned char>, std::error_code> wire_form(const std::vector<std::string>& protocols) {
    std::vector<unsigned char> wire;
    for (const std::string& one : protocols) {
        if (one.empty() || one.size() > 255) {
            return invalid();
        }
        wire.push_back(static_cast<unsigned char>(one.size()));
        wire.insert(wire.end(), one.begin(), one.end());
    }
    return wire;
}

std::expected<detail::ssl_ctx_ptr, std::error_code> make_context(const SSL_METHOD* method) {
    ::ERR_clear_error();
    detail::ssl_ctx_ptr context(::SSL_CTX_new(method));
    if (!context || ::SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1) {
        return failure();
    }
    ::SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    // Buffers only while they hold something; a write that waits for the peer may be given the same bytes elsewhere.
    ::SSL_CTX_set_mode(context.get(),
                       SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return context;
}

// In place of a question on the terminal, which would hold the process up: an encrypted key is an error.
int no_password(char* /*buffer*/, int /*size*/, int /*for_writing*/, void* /*data*/) {
    return -1;
}

outcome use_identity(SSL_CTX* context, const tls_identity& identity) {
    if (identity.chain_file.empty() || identity.key_file.empty()) {
        return invalid();
    }
    ::SSL_CTX_set_default_passwd_cb(context, no_password);
    if (::SSL_CTX_use_certificate_chain_file(context, identity.chain_file.c_str()) != 1 ||
        ::SSL_CTX_use_PrivateKey_file(context, identity.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
        ::SSL_CTX_check_private_key(context) != 1) {
        return failure();
    }
    return {};
}

// OpenSSL calls these with what was registered; they must not throw.

// The client has got a session that it can resume. Gives 1 to keep the reference.
int keep_session(SSL* ssl, SSL_SESSION* session) noexcept {
    auto& cache = *static_cast<detail::session_cache*>(::SSL_CTX_get_ex_data(::SSL_get_SSL_CTX(ssl), cache_index()));
    const auto& key = *static_cast<const std::string*>(::SSL_get_ex_data(ssl, key_index()));
    detail::session_ptr owned(session);
    try {
        cache.put(key, std::move(owned));
    } catch (const std::bad_alloc&) {
        // The session is gone, which costs the next connection a full handshake.
    }
    return 1;
}

// The server chooses a protocol out of those that the client offers.
int choose_protocol(SSL* /*ssl*/, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned offered_size, void* wire) noexcept {
    const auto& own = *static_cast<const std::vector<unsigned char>*>(wire);
    // The first list is the one whose order counts. The result points into it, whatever the type says.
    unsigned char* found = nullptr;
    const int result =
        ::SSL_select_next_proto(&found, size, own.data(), static_cast<unsigned>(own.size()), offered, offered_size);
    *chosen = found;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// The server chooses an identity by the name that the client asks for.
int choose_identity(SSL* ssl, int* /*alert*/, void* named_contexts) noexcept {
    const char* const asked = ::SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (asked == nullptr) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    try {
        const std::string name = lower(asked);
        const auto& all = *static_cast<std::vector<detail::tls_context_state::named_context>*>(named_contexts);
        for (const auto& [pattern, context] : all) {
            if (names_match(pattern, name)) {
                return ::SSL_set_SSL_CTX(ssl, context.get()) != nullptr ? SSL_TLSEXT_ERR_OK
                                                                        : SSL_TLSEXT_ERR_ALERT_FATAL;
            }
        }
    } catch (const std::bad_alloc&) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    return SSL_TLSEXT_ERR_OK;
}

outcome set_up_client(detail::tls_context_state& s, const tls_client_options& options) {
    SSL_CTX* const context = s.context.get();
    if (options.trust_system && ::SSL_CTX_set_default_verify_paths(context) != 1) {
        return failure();
    }
    if (!options.trust_file.empty() && ::SSL_CTX_load_verify_file(context, options.trust_file.c_str()) != 1) {
        return failure();
    }
    if (!options.identity.chain_file.empty() || !options.identity.key_file.empty()) {
        if (auto used = use_identity(context, options.identity); !used) {
            return used;
        }
    }
    // Gives 0 for success, unlike all others.
    if (!s.alpn.empty() &&
        ::SSL_CTX_set_alpn_protos(context, s.alpn.data(), static_cast<unsigned>(s.alpn.size())) != 0) {
        return failure();
    }
    s.accepts_any_server = options.dangerously_accept_any_server;
    ::SSL_CTX_set_verify(context, s.accepts_any_server ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
    ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (options.session_cache_size > 0) {
        ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        ::SSL_CTX_sess_set_new_cb(context, keep_session);
        if (::SSL_CTX_set_ex_data(context, cache_index(), &s.sessions) != 1) {
            return failure();
        }
    }
    return {};
}

// What the main context and those of further names have in common: OpenSSL takes some of it from the one, some from the
// other.
outcome set_up_server(SSL_CTX* context, detail::tls_context_state& s, const tls_server_options& options,
                      const tls_identity& identity) {
    static constexpr std::array<unsigned char, 7> session_context{'b', 'r', 'i', 'g', 'a', 'd', 'e'};
    if (auto used = use_identity(context, identity); !used) {
        return used;
    }
    if (!options.client_trust_file.empty()) {
        const char* const file = options.client_trust_file.c_str();
        if (::SSL_CTX_load_verify_file(context, file) != 1) {
            return failure();
        }
        auto* const names = ::SSL_load_client_CA_file(file);
        if (names == nullptr) {
            return failure();
        }
        ::SSL_CTX_set_client_CA_list(context, names);  // takes it over
        ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    if (!s.alpn.empty()) {
        ::SSL_CTX_set_alpn_select_cb(context, choose_protocol, &s.alpn);
    }
    // Tickets, which hold the session in the client's hands, encrypted, work without a cache.
    ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    ::SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
    // OpenSSL wants one where clients show certificates.
    if (::SSL_CTX_set_session_id_context(context, session_context.data(), session_context.size()) != 1) {
        return failure();
    }
    return {};
}

outcome add_names(detail::tls_context_state& s, const tls_server_options& options) {
    for (const auto& [name, identity] : options.names) {
        auto context = make_context(::TLS_server_method());
        if (!context) {
            return std::unexpected(context.error());
        }
        if (auto done = set_up_server(context->get(), s, options, identity); !done) {
            return done;
        }
        s.names.push_back({.server_name = lower(name), .context = std::move(*context)});
    }
    if (!s.names.empty()) {
        ::SSL_CTX_set_tlsext_servername_arg(s.context.get(), &s.names);
        ::SSL_CTX_set_tlsext_servername_callback(s.context.get(), choose_identity);
    }
    return {};
}

}  // namespace

std::expected<tls_context, std::error_code> tls_context::client(const tls_client_options& options) {
    auto s = std::make_shared<detail::tls_context_state>(options.session_cache_size);
    auto alpn = wire_form(options.alpn);
    if (!alpn) {
        return std::unexpected(alpn.error());
    }
    s->alpn = std::move(*alpn);
    auto context = make_context(::TLS_client_method());
    if (!context) {
        return std::unexpected(context.error());
    }
    s->context = std::move(*context);
    s->is_client = true;
    if (const auto done = set_up_client(*s, options); !done) {
        return std::unexpected(done.error());
    }
    return tls_context(std::move(s));
}

std::expected<tls_context, std::error_code> tls_context::server(const tls_server_options& options) {
    auto s = std::make_shared<detail::tls_context_state>(0);
    auto alpn = wire_form(options.alpn);
    if (!alpn) {
        return std::unexpected(alpn.error());
    }
    s->alpn = std::move(*alpn);
    auto context = make_context(::TLS_server_method());
    if (!context) {
        return std::unexpected(context.error());
    }
    s->context = std::move(*context);
    outcome done = set_up_server(s->context.get(), *s, options, options.identity);
    if (done) {
        done = add_names(*s, options);
    }
    if (!done) {
        return std::unexpected(done.error());
    }
    return tls_context(std::move(s));
}

namespace detail {

namespace {

bool is_address(const std::string& name) {
    std::array<unsigned char, sizeof(in6_addr)> address{};
    return !name.contains('\0') && (::inet_pton(AF_INET, name.c_str(), address.data()) == 1 ||
                                    ::inet_pton(AF_INET6, name.c_str(), address.data()) == 1);
}

// Makes the name known: to the server, and to the verification, which fails unless the certificate is valid for it.
outcome set_server_name(SSL* ssl, const std::string& given) {
    X509_VERIFY_PARAM* const verified = ::SSL_get0_param(ssl);
    if (is_address(given)) {
        return ::X509_VERIFY_PARAM_set1_ip_asc(verified, given.c_str()) == 1 ? outcome() : failure();
    }
    const std::string name = given.ends_with('.') ? given.substr(0, given.size() - 1) : given;
    // A leading dot would stand for any name below it.
    if (name.empty() || name.starts_with('.') || name.contains('*') || name.size() > TLSEXT_MAXLEN_host_name ||
        name.contains('\0')) {
        return invalid();
    }
    ::X509_VERIFY_PARAM_set_hostflags(verified, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (::X509_VERIFY_PARAM_set1_host(verified, name.c_str(), name.size()) != 1 ||
        ::SSL_set_tlsext_host_name(ssl, name.c_str()) != 1) {
        return failure();
    }
    return {};
}

std::expected<ssl_ptr, std::error_code> connection_of(tls_context_state& context) {
    ::ERR_clear_error();
    ssl_ptr ssl(::SSL_new(context.context.get()));
    if (!ssl) {
        return failure();
    }
    return ssl;
}

}  // namespace

std::expected<ssl_ptr, std::error_code> client_connection(tls_context_state& context, const std::string& server_name,
                                                          const std::string& key) {
    if (!context.is_client) {
        return invalid();
    }
    auto ssl = connection_of(context);
    if (!ssl) {
        return ssl;
    }
    ::SSL_set_connect_state(ssl->get());
    // OpenSSL takes any pointer; nobody writes to it.
    if (::SSL_set_ex_data(ssl->get(), key_index(), &const_cast<std::string&>(key)) != 1) {
        return failure();
    }
    if (!server_name.empty() || !context.accepts_any_server) {
        if (const auto named = set_server_name(ssl->get(), server_name); !named) {
            return std::unexpected(named.error());
        }
    }
    if (const session_ptr session = context.sessions.take(key);
        session != nullptr && ::SSL_set_session(ssl->get(), session.get()) != 1) {
        return failure();
    }
    return ssl;
}

std::expected<ssl_ptr, std::error_code> server_connection(tls_context_state& context) {
    if (context.is_client) {
        return invalid();
    }
    auto ssl = connection_of(context);
    if (ssl) {
        ::SSL_set_accept_state(ssl->get());
    }
    return ssl;
}

}  // namespace detail

}  // namespace brigade
