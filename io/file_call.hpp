// How the operations on files reach the blocking pool.
#pragma once

#include <expected>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include <brigade/owned_fd.hpp>
#include <brigade/task.hpp>

#include "io/blocking_call.hpp"
#include "io/descriptor.hpp"
#include "io/system_call.hpp"

namespace brigade::detail {

// Opens it close-on-exec, without waiting. A FIFO or a socket is operation_not_supported. On the pool.
[[nodiscard]] std::expected<owned_fd, std::error_code> open_path(const std::string& path, int flags,
                                                                 unsigned permissions = 0);

// What a call that gives 0 or -1 says.
[[nodiscard]] inline std::expected<void, std::error_code> done(int given) noexcept {
    if (given == -1) {
        return std::unexpected(last_error());
    }
    return {};
}

template <class Call>
[[nodiscard]] task<std::invoke_result_t<Call&>> made_on_pool(Call call) {
    blocking_call<Call> made(std::move(call));
    co_return co_await made;
}

// `call` gets the path, which the system can take.
template <class Call>
[[nodiscard]] auto with_path(std::string path, Call call) -> task<std::invoke_result_t<Call&, const std::string&>> {
    using result = std::invoke_result_t<Call&, const std::string&>;
    return made_on_pool([where = std::move(path), made = std::move(call)]() mutable -> result {
        if (where.contains('\0')) {
            return std::unexpected(std::make_error_code(std::errc::invalid_argument));
        }
        return made(where);
    });
}

}  // namespace brigade::detail
