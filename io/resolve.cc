#include <brigade/resolve.hpp>

#include <algorithm>
#include <cerrno>
#include <memory>

#include <netdb.h>

#include <brigade/executor.hpp>

namespace brigade {

namespace {

using endpoints = std::expected<std::vector<endpoint>, std::error_code>;

class category final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "resolve"; }
    [[nodiscard]] std::string message(int value) const override { return ::gai_strerror(value); }
};

endpoints look_up(const std::string& host, std::uint16_t port) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (host.contains('\0')) {  // where getaddrinfo would stop reading
        return std::unexpected(std::error_code(EAI_NONAME, resolve_category()));
    }
    const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
    if (error == EAI_SYSTEM) {
        return std::unexpected(std::error_code(errno, std::system_category()));
    }
    if (error != 0) {
        return std::unexpected(std::error_code(error, resolve_category()));
    }
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, &::freeaddrinfo);
    std::vector<endpoint> all;
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
        const auto e = endpoint::from_native(one->ai_addr, one->ai_addrlen);
        // The same address may stand in the system's file several times.
        if (e && std::ranges::find(all, *e) == all.end()) {
            all.push_back(*e);
        }
    }
    if (all.empty()) {
        return std::unexpected(std::error_code(EAI_NONAME, resolve_category()));
    }
    return all;
}

}  // namespace

const std::error_category& resolve_category() noexcept {
    static const category instance;
    return instance;
}

task<endpoints> resolve(std::string host, std::uint16_t port) {
    join_handle<endpoints> answer = spawn_blocking(look_up, std::move(host), port);
    co_return co_await answer;
}

}  // namespace brigade
