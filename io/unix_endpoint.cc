#include <brigade/unix_endpoint.hpp>

#include <algorithm>
#include <cstring>

namespace brigade {

namespace {

// One byte of sun_path is the zero byte.
constexpr std::size_t longest_name = sizeof(sockaddr_un::sun_path) - 1;

std::error_code fault_of(std::string_view name) {
    if (name.empty()) {
        return std::make_error_code(std::errc::invalid_argument);
    }
    if (name.size() > longest_name) {
        return std::make_error_code(std::errc::filename_too_long);
    }
    return {};
}

}  // namespace

std::expected<unix_endpoint, std::error_code> unix_endpoint::path(std::string_view path) {
    if (const std::error_code fault = fault_of(path)) {
        return std::unexpected(fault);
    }
    if (path.contains('\0')) {
        return std::unexpected(std::make_error_code(std::errc::invalid_argument));
    }
    unix_endpoint made;
    std::ranges::copy(path, made.native_.sun_path);
    made.name_size_ = path.size() + 1;
    return made;
}

std::expected<unix_endpoint, std::error_code> unix_endpoint::abstract(std::string_view name) {
    if (const std::error_code fault = fault_of(name)) {
        return std::unexpected(fault);
    }
    unix_endpoint made;
    std::ranges::copy(name, made.native_.sun_path + 1);
    made.name_size_ = name.size() + 1;
    return made;
}

std::expected<unix_endpoint, std::error_code> unix_endpoint::parse(std::string_view text) {
    return text.starts_with('@') ? abstract(text.substr(1)) : path(text);
}

std::expected<unix_endpoint, std::error_code> unix_endpoint::from_native(const sockaddr* address, socklen_t size) {
    if (size < sizeof(sa_family_t) || address->sa_family != AF_UNIX) {
        return std::unexpected(std::make_error_code(std::errc::address_family_not_supported));
    }
    unix_endpoint made;
    const std::size_t name_size = std::min(size - offsetof(sockaddr_un, sun_path), sizeof(sockaddr_un::sun_path));
    std::memcpy(&made.native_, address, offsetof(sockaddr_un, sun_path) + name_size);
    const bool is_path = name_size != 0 && made.native_.sun_path[0] != '\0';
    // A path of 108 bytes, which other programs may bind, has no zero byte after it.
    made.name_size_ = is_path ? ::strnlen(made.native_.sun_path, longest_name) + 1 : name_size;
    if (is_path) {
        made.native_.sun_path[made.name_size_ - 1] = '\0';
    }
    return made;
}

std::string_view unix_endpoint::name() const noexcept {
    if (is_unnamed()) {
        return {};
    }
    return {native_.sun_path + (is_abstract() ? 1 : 0), name_size_ - 1};
}

std::string unix_endpoint::to_string() const {
    if (is_abstract()) {
        return "@" + std::string(name());
    }
    return (name().starts_with('@') ? "./" : "") + std::string(name());
}

}  // namespace brigade
