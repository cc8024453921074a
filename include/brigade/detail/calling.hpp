// An operation whose system call is a function of the caller's.
#pragma once

#include <cstddef>
#include <expected>
#include <system_error>
#include <utility>

#include <sys/types.h>

#include <brigade/detail/descriptor.hpp>
#include <brigade/detail/io_operation.hpp>

namespace brigade::detail {

// `co_await calling(d, way, call)`: makes the call until it gives something else than -1 with EAGAIN or EINTR, and
// gives that. `call` gets the fd; it stays in the awaiting frame.
template <class Call>
class calling final : public io_operation {
public:
    calling(descriptor_ref d, direction way, Call what) noexcept : io_operation(d, way), call_(std::move(what)) {}

    [[nodiscard]] std::expected<std::size_t, std::error_code> await_resume() const noexcept { return result(); }

private:
    outcome call(int fd) noexcept override {
        const ssize_t given = call_(fd);
        return given < 0 ? fail() : end_with(static_cast<std::size_t>(given));
    }

    Call call_;
};

}  // namespace brigade::detail
