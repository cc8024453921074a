#include "io/tls/session_cache.hpp"

#include <algorithm>
#include <utility>

namespace brigade::detail {

void session_cache::put(std::string_view server, session_ptr session) {
    std::list<entry> one;
    one.push_back({.server = std::string(server), .session = std::move(session)});
    std::list<entry> oldest;  // freed without the lock
    const sync::lock hold(mutex_);
    entries_.splice(entries_.begin(), one);
    if (entries_.size() > capacity_) {
        oldest.splice(oldest.begin(), entries_, std::prev(entries_.end()));
    }
}

session_ptr session_cache::take(std::string_view server) {
    const sync::lock hold(mutex_);
    const auto found = std::ranges::find(entries_, server, &entry::server);
    if (found == entries_.end()) {
        return nullptr;
    }
    if (::SSL_SESSION_get_protocol_version(found->session.get()) < TLS1_3_VERSION) {
        ::SSL_SESSION_up_ref(found->session.get());
        return session_ptr(found->session.get());
    }
    session_ptr session = std::move(found->session);
    entries_.erase(found);
    return session;
}

}  // namespace brigade::detail
