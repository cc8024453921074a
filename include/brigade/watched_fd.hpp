// Any file descriptor that epoll can watch: a socket of another library, a timerfd, a device, a terminal.
//
// The system call is yours; this makes it wait. Tasks await readable() and writable(), or give a call that does not
// block to read_by() and write_by(), which make it until it says something else than EAGAIN. One task may wait for
// reading and another for writing at once; a third gets errc::busy. Stops, deadlines and close() end the wait, as
// byte_stream.hpp says. Regular files and directories can not be watched (errc::not_pollable): use spawn_blocking() for
// them.
#pragma once

#include <cstddef>
#include <expected>
#include <system_error>
#include <type_traits>
#include <utility>

#include <sys/types.h>

#include <brigade/detail/calling.hpp>
#include <brigade/detail/descriptor.hpp>
#include <brigade/detail/io_operation.hpp>
#include <brigade/errc.hpp>
#include <brigade/owned_fd.hpp>

namespace brigade {

class executor;

namespace detail {

// Asks by poll(2), so the answer does not depend on what others have done with the descriptor.
class readiness_operation final : public io_operation {
public:
    readiness_operation(descriptor_ref d, direction way) noexcept : io_operation(d, way), way_(way) {}
    [[nodiscard]] std::expected<void, std::error_code> await_resume() const noexcept { return result_without_value(); }

private:
    outcome call(int fd) noexcept override;
    const direction way_;
};

// Makes a system call: -1 and errno when it has failed.
template <class Call>
concept system_call_of = std::is_invocable_r_v<ssize_t, Call&, int>;

}  // namespace detail

class watched_fd {
public:
    watched_fd() = default;  // closed

    // Takes over a descriptor, and closes it in the end; at once when this fails. Sets O_NONBLOCK, which holds for all
    // who share the open file and is not taken back. The second form is for workers; throws std::logic_error elsewhere.
    [[nodiscard]] static std::expected<watched_fd, std::error_code> adopt(executor& home, owned_fd fd);
    [[nodiscard]] static std::expected<watched_fd, std::error_code> adopt(owned_fd fd);
    // Watches a duplicate; `fd` remains the caller's, who may close it before or after. O_NONBLOCK as above.
    [[nodiscard]] static std::expected<watched_fd, std::error_code> borrow(executor& home, int fd);
    [[nodiscard]] static std::expected<watched_fd, std::error_code> borrow(int fd);

    // Wait until there is something to read, or room to write; or an error or an end, which the next call then tells.
    [[nodiscard]] detail::readiness_operation readable() noexcept {
        return {descriptor_.ref(), detail::direction::read};
    }
    [[nodiscard]] detail::readiness_operation writable() noexcept {
        return {descriptor_.ref(), detail::direction::write};
    }

    // `co_await fd.read_by([&](int fd) { return ::recvmsg(fd, &message, 0); })`: makes the call, which must not block
    // nor throw, until it gives something else than -1 with EAGAIN or EINTR. Gives that, or its errno. It is made on
    // the worker that runs the task, and not again after a stop. `call` is moved into the operation.
    template <detail::system_call_of Call>
    [[nodiscard]] detail::calling<Call> read_by(Call call) noexcept {
        return {descriptor_.ref(), detail::direction::read, std::move(call)};
    }
    template <detail::system_call_of Call>
    [[nodiscard]] detail::calling<Call> write_by(Call call) noexcept {
        return {descriptor_.ref(), detail::direction::write, std::move(call)};
    }

    // Ends all operations with errc::closed. Any thread; does nothing the second time.
    void close() noexcept { descriptor_.close(); }
    // Of the duplicate, if it was borrowed; -1 when closed. Remains this object's own.
    [[nodiscard]] int native_handle() const noexcept { return descriptor_.fd(); }

private:
    explicit watched_fd(detail::descriptor d) noexcept : descriptor_(std::move(d)) {}

    detail::descriptor descriptor_;
};

}  // namespace brigade
