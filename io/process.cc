#include <brigade/process.hpp>

#include <cerrno>

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <brigade/with_timeout.hpp>

#include <brigade/owned_fd.hpp>
#include "io/child_state.hpp"
#include "io/descriptor.hpp"
#include "io/reaper.hpp"

namespace brigade {

std::string exit_status::to_string() const {
    if (!killed_) {
        return "exit code " + std::to_string(value_);
    }
    const char* const name = ::sigabbrev_np(value_);
    return "killed by " + (name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(value_));
}

namespace detail {

int open_pidfd(pid_t id) noexcept {
    return static_cast<int>(::syscall(SYS_pidfd_open, id, 0U));
}

int send_signal(int pidfd, int signal) noexcept {
    return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0U));
}

wait_operation::wait_operation(descriptor_ref pidfd, std::shared_ptr<child_state> state) noexcept
    : io_operation(pidfd, direction::read), state_(std::move(state)) {}
wait_operation::wait_operation(wait_operation&& other) noexcept = default;
wait_operation::~wait_operation() = default;

io_operation::outcome wait_operation::call(int fd) noexcept {
    if (state_->reaped.load(std::memory_order_relaxed)) {  // by an operation before, whose end is this one's beginning
        return end_with(0);
    }
    siginfo_t info{};
    if (::waitid(P_PIDFD, static_cast<id_t>(fd), &info, WEXITED | WNOHANG) == -1) {
        return fail();
    }
    if (info.si_pid == 0) {
        return outcome::would_block;
    }
    state_->status = info.si_code == CLD_EXITED ? exit_status::exited(info.si_status)
                                                : exit_status::killed(info.si_status, info.si_code == CLD_DUMPED);
    state_->reaped.store(true, std::memory_order_release);  // pairs: the load in child::drop()
    return end_with(0);
}

std::expected<exit_status, std::error_code> wait_operation::await_resume() const noexcept {
    if (!result()) {
        return std::unexpected(result().error());
    }
    return state_->status;
}

}  // namespace detail

child& child::operator=(child&& other) noexcept {
    if (this != &other) {
        drop();
        state_ = std::move(other.state_);
        pidfd_ = std::move(other.pidfd_);
        input_ = std::move(other.input_);
        output_ = std::move(other.output_);
        error_ = std::move(other.error_);
    }
    return *this;
}

child::~child() {
    drop();
}

void child::drop() noexcept {
    if (state_ == nullptr) {
        return;
    }
    owned_fd pidfd;
    // An error: it was closed, and nobody can wait for it here.
    static_cast<void>(detail::with_fd(pidfd_.ref(), [this, &pidfd](int fd) {
        // pairs: the store in wait_operation::call()
        if (!state_->reaped.load(std::memory_order_acquire)) {
            if (state_->kill_on_drop) {
                detail::send_signal(fd, SIGKILL);  // it may have ended
            }
            pidfd.reset(::fcntl(fd, F_DUPFD_CLOEXEC, 0));  // without one the reaper knows what to do
        }
        return 0;
    }));
    pidfd_.close();
    if (!state_->reaped.load(std::memory_order_acquire)) {  // pairs: as above
        detail::reaper_of_this_process().take_over(std::move(state_->place), state_->id, std::move(pidfd));
    }
    state_.reset();
}

pid_t child::id() const noexcept {
    return state_ != nullptr ? state_->id : 0;
}

detail::wait_operation child::wait() noexcept {
    return {pidfd_.ref(), state_};
}

std::expected<void, std::error_code> child::kill(int signal) noexcept {
    return detail::with_fd(pidfd_.ref(), [signal](int fd) { return detail::send_signal(fd, signal); });
}

task<std::expected<exit_status, std::error_code>> child::terminate(std::chrono::milliseconds grace) {
    const std::expected<void, std::error_code> asked = kill(SIGTERM);
    if (asked) {
        const auto ended = co_await with_timeout(grace, wait());
        if (ended || ended.error() != std::errc::timed_out) {
            co_return ended;
        }
        static_cast<void>(kill(SIGKILL));  // it may have ended in between; the wait tells
    } else if (asked.error() != std::errc::no_such_process) {
        co_return std::unexpected(asked.error());
    }
    co_return co_await wait();
}

}  // namespace brigade
