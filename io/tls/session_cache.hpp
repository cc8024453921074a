// The sessions that a client can resume, by the server for which they were made.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include <openssl/ssl.h>
#include <brigade/detail/sync.hpp>

namespace brigade::detail {

struct session_deleter {
    void operator()(SSL_SESSION* s) const noexcept { ::SSL_SESSION_free(s); }
};
using session_ptr = std::unique_ptr<SSL_SESSION, session_deleter>;

// Any thread. Sessions stand in the order in which they came and are looked for one by one: there are some hundreds,
// and a handshake costs a thousand times as much.
class session_cache {
public:
    explicit session_cache(std::size_t capacity) : capacity_(capacity) {}

    void put(std::string_view server, session_ptr session);
    // The newest for this server, or null. A ticket of TLS 1.3 is given once: who watches the network could tell by the
    // second use that both connections are from one client (RFC 8446, appendix C.4). Servers send more than one.
    [[nodiscard]] session_ptr take(std::string_view server);

private:
    struct entry {
        std::string server;
        session_ptr session;
    };

    const std::size_t capacity_;
    sync::mutex mutex_;
    std::list<entry> entries_;  // the newest first
};

}  // namespace brigade::detail
