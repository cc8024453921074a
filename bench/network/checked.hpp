// System calls that are not expected to fail.
#pragma once

#include <cerrno>
#include <system_error>
#include <type_traits>

namespace network {

// The result, unless it is -1: then throws std::system_error of errno.
template <class Result>
    requires std::is_integral_v<Result>
Result checked(Result result, const char* what) {
    if (result == -1) {
        throw std::system_error(errno, std::system_category(), what);
    }
    return result;
}

}  // namespace network
