// What the connections of a context share: OpenSSL's SSL_CTX, and what its callbacks need.
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <openssl/ssl.h>
#include <brigade/tls.hpp>

#include "io/tls/session_cache.hpp"

namespace brigade::detail {

struct ssl_ctx_deleter {
    void operator()(SSL_CTX* c) const noexcept { ::SSL_CTX_free(c); }
};
using ssl_ctx_ptr = std::unique_ptr<SSL_CTX, ssl_ctx_deleter>;

struct ssl_deleter {
    void operator()(SSL* s) const noexcept { ::SSL_free(s); }
};
using ssl_ptr = std::unique_ptr<SSL, ssl_deleter>;

// Does not change once it is made, but for the cache, which has a lock: then threads may share SSL_CTX and callbacks.
struct tls_context_state {
    struct named_context {
        std::string server_name;  // in lower case
        ssl_ctx_ptr context;
    };

    explicit tls_context_state(std::size_t cache_size) : sessions(cache_size) {}

    std::vector<unsigned char> alpn;  // in the wire's form: each protocol after its length
    session_cache sessions;
    bool is_client = false;
    bool accepts_any_server = false;
    ssl_ctx_ptr context;               // refers to `alpn` and `sessions`
    std::vector<named_context> names;  // likewise
};

// A connection of a client, before its handshake. `key` names the server in the cache, and must outlive what is made.
// The errors are those of tls_stream::connect().
[[nodiscard]] std::expected<ssl_ptr, std::error_code> client_connection(tls_context_state& context,
                                                                        const std::string& server_name,
                                                                        const std::string& key);
// A connection of a server, before its handshake.
[[nodiscard]] std::expected<ssl_ptr, std::error_code> server_connection(tls_context_state& context);

}  // namespace brigade::detail
