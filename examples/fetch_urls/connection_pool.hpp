#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace fetch_urls {

// Idle keep-alive connections, by host and port. May be used from any thread.
template <class Connection>
class connection_pool {
public:
    std::optional<Connection> take(const std::string& authority) {
        const std::lock_guard lock(mutex_);
        const auto found = idle_.find(authority);
        if (found == idle_.end() || found->second.empty()) {
            return std::nullopt;
        }
        std::optional<Connection> connection(std::move(found->second.back()));
        found->second.pop_back();
        return connection;
    }

    void give(const std::string& authority, Connection connection) {
        const std::lock_guard lock(mutex_);
        idle_[authority].push_back(std::move(connection));
    }

private:
    std::mutex mutex_;
    std::unordered_map<std::string, std::vector<Connection>> idle_;
};

}  // namespace fetch_urls
