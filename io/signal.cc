#include <brigade/signal.hpp>

#include <bit>
#include <stdexcept>
#include <string>
#include <utility>

#include <string.h>
#include <sys/eventfd.h>
#include <brigade/executor.hpp>

#include "io/signal_dispatch.hpp"
#include "io/system_call.hpp"

namespace brigade {

namespace {

[[noreturn]] void refuse(int signal, const char* why) {
    const char* const name = ::sigabbrev_np(signal);
    throw std::invalid_argument(
        "brigade: signal_set: " + (name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(signal)) +
        ' ' + why);
}

detail::signal_bits bits_of(std::initializer_list<int> signals) {
    detail::signal_bits bits = 0;
    for (const int signal : signals) {
        switch (signal) {
            case SIGKILL:
            case SIGSTOP:
                refuse(signal, "cannot be caught");
            case SIGSEGV:
            case SIGBUS:
            case SIGFPE:
            case SIGILL:
                refuse(signal, "says that the program has failed, which cannot go on to wait for it");
            default:
                // Numbers between the standard signals and SIGRTMIN are the C library's.
                if (signal < 1 || signal > SIGRTMAX || (signal > SIGSYS && signal < SIGRTMIN)) {
                    refuse(signal, "does not exist");
                }
        }
        bits |= detail::signal_bit(signal);
    }
    return bits;
}

}  // namespace

namespace detail {

int signal_listener::take() noexcept {
    // pairs: the release in signal_dispatch::handle(); what was done before a raise() is visible.
    const signal_bits came = pending.load(std::memory_order_acquire);
    if (came == 0) {
        return 0;
    }
    const int signal = std::countr_zero(came) + 1;
    pending.fetch_and(~signal_bit(signal), std::memory_order_relaxed);  // only this thread takes
    return signal;
}

next_signal_operation::next_signal_operation(descriptor_ref d, std::shared_ptr<signal_listener> listener) noexcept
    : io_operation(d, direction::read), listener_(std::move(listener)) {}
next_signal_operation::next_signal_operation(next_signal_operation&& other) noexcept = default;
next_signal_operation::~next_signal_operation() = default;

io_operation::outcome next_signal_operation::call(int) noexcept {
    const int signal = listener_->take();
    if (signal == 0) {
        return outcome::would_block;  // SIG1
    }
    return end_with(static_cast<std::size_t>(signal));
}

std::expected<int, std::error_code> next_signal_operation::await_resume() const noexcept {
    if (!result()) {
        return std::unexpected(result().error());
    }
    return static_cast<int>(*result());
}

}  // namespace detail

signal_set::signal_set(executor& home, std::initializer_list<int> signals)
    : listener_(std::make_shared<detail::signal_listener>()) {
    listener_->wanted = bits_of(signals);
    const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd == -1) {
        throw std::system_error(detail::last_error(), "brigade: signal_set: eventfd");
    }
    descriptor_ = detail::descriptor(home, fd);
    listener_->eventfd = fd;
    detail::dispatch_of_this_process().add(*listener_);
}

signal_set::signal_set(std::initializer_list<int> signals) : signal_set(executor::current(), signals) {}

signal_set& signal_set::operator=(signal_set&& other) noexcept {
    if (this != &other) {
        close();
        listener_ = std::move(other.listener_);
        descriptor_ = std::move(other.descriptor_);
    }
    return *this;
}

detail::next_signal_operation signal_set::next() noexcept {
    return {descriptor_.ref(), listener_};
}

void signal_set::close() noexcept {
    if (listener_ != nullptr) {
        detail::dispatch_of_this_process().remove(*listener_);
        descriptor_.close();
    }
}

task<std::expected<int, std::error_code>> shutdown_signal() {
    signal_set signals({SIGINT, SIGTERM});
    std::expected<int, std::error_code> got = co_await signals.next();
    if (!got) {
        // A signal may have come after the stop. From close() on, it would do what it did before.
        signals.close();
        if (const int signal = signals.listener_->take(); signal != 0) {
            got = signal;
        }
    }
    co_return got;
}

}  // namespace brigade
