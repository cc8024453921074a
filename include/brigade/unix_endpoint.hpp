// The address of a Unix socket: a path, an abstract name, or none.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>

#include <sys/socket.h>
#include <sys/un.h>

namespace brigade {

class unix_endpoint {
public:
    // Unnamed: what a socket has that was not bound. To bind to it lets the system choose an abstract name.
    unix_endpoint() noexcept = default;

    // A file. std::errc::filename_too_long past 107 bytes, invalid_argument when empty or with a zero byte.
    [[nodiscard]] static std::expected<unix_endpoint, std::error_code> path(std::string_view path);
    // A name in the abstract namespace of Linux: any bytes. It has no file and no permissions, and is gone with its
    // last socket. std::errc::filename_too_long past 107 bytes, invalid_argument when empty.
    [[nodiscard]] static std::expected<unix_endpoint, std::error_code> abstract(std::string_view name);
    // "/run/service.sock", "service.sock" (paths), "@service" (an abstract name): what to_string() prints. A path that
    // begins with @ is written "./@service".
    [[nodiscard]] static std::expected<unix_endpoint, std::error_code> parse(std::string_view text);
    // From what the system gives. std::errc::address_family_not_supported for anything but Unix.
    [[nodiscard]] static std::expected<unix_endpoint, std::error_code> from_native(const sockaddr* address,
                                                                                   socklen_t size);

    [[nodiscard]] bool is_unnamed() const noexcept { return name_size_ == 0; }
    [[nodiscard]] bool is_abstract() const noexcept { return name_size_ != 0 && native_.sun_path[0] == '\0'; }
    [[nodiscard]] bool is_path() const noexcept { return name_size_ != 0 && native_.sun_path[0] != '\0'; }
    // The path, or the abstract name, as it was given. Valid as long as this object. Empty when unnamed.
    [[nodiscard]] std::string_view name() const noexcept;
    // As parse() takes it; empty when unnamed. It refuses two that only the system gives or allows: an abstract name of
    // no bytes, and a path that begins with @ and has no room for the "./" before it.
    [[nodiscard]] std::string to_string() const;

    [[nodiscard]] const sockaddr* native() const noexcept { return reinterpret_cast<const sockaddr*>(&native_); }
    [[nodiscard]] socklen_t native_size() const noexcept {
        return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_size_);
    }

    friend bool operator==(const unix_endpoint& a, const unix_endpoint& b) noexcept {
        return a.is_abstract() == b.is_abstract() && a.name() == b.name();
    }

private:
    sockaddr_un native_{.sun_family = AF_UNIX, .sun_path = {}};
    std::size_t name_size_ = 0;  // in sun_path, with the zero byte before an abstract name or after a path
};

}  // namespace brigade
