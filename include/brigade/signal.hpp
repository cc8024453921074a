// Signals of the system as something that a task waits for.
//
//     brigade::signal_set hang_up({SIGHUP});
//     while (co_await hang_up.next()) {
//         reload();
//     }
//
// While at least one set of the process listens for a signal, that signal does nothing but wake the sets: neither its
// default action nor a handler of yours runs. When the last set for it is gone, its disposition is again what it was
// before the first. Every set that listens for a signal gets it, on whichever executor it is. As with the system's own
// pending signals, one that comes several times before a set is asked again counts once; it is never lost.
//
// A signal that is blocked in every thread of the process would reach nobody. So while there are sets, the process has
// a thread more ("brigade-signals"), which only sleeps and has exactly their signals unblocked. Masks of other threads
// need no care.
#pragma once

#include <cstdint>
#include <expected>
#include <initializer_list>
#include <memory>
#include <system_error>

#include <brigade/detail/descriptor.hpp>
#include <brigade/detail/io_operation.hpp>
#include <brigade/errc.hpp>
#include <brigade/task.hpp>

namespace brigade {

class executor;

namespace detail {

struct signal_listener;

class next_signal_operation final : public io_operation {
public:
    next_signal_operation(descriptor_ref d, std::shared_ptr<signal_listener> listener) noexcept;
    next_signal_operation(next_signal_operation&& other) noexcept;
    ~next_signal_operation();
    [[nodiscard]] std::expected<int, std::error_code> await_resume() const noexcept;

private:
    outcome call(int fd) noexcept override;
    std::shared_ptr<signal_listener> listener_;
};

}  // namespace detail

class signal_set {
public:
    // Listens from here on, for the signals of these numbers. The second form is for workers; throws std::logic_error
    // elsewhere. Throws std::invalid_argument for what can not be listened for: SIGKILL and SIGSTOP, which the system
    // keeps to itself, SIGSEGV, SIGBUS, SIGFPE and SIGILL, after which a program can not go on, and numbers of no
    // signal; and std::system_error when the system refuses a descriptor or a thread.
    signal_set(executor& home, std::initializer_list<int> signals);
    signal_set(std::initializer_list<int> signals);
    signal_set(signal_set&& other) noexcept = default;
    signal_set& operator=(signal_set&& other) noexcept;
    // As close(). Must come before the end of the executor.
    ~signal_set() { close(); }

    // Waits for the next signal and gives its number; of several that have come, the lowest. An error is a stop
    // (operation_canceled), a close, or a second task that waits for the same set (errc::busy). A stop loses nothing:
    // the signal is given to who asks next.
    [[nodiscard]] detail::next_signal_operation next() noexcept;

    // Listens no longer; who waits gets errc::closed. Any thread. Does nothing the second time.
    void close() noexcept;

private:
    friend task<std::expected<int, std::error_code>> shutdown_signal();

    std::shared_ptr<detail::signal_listener> listener_;
    detail::descriptor descriptor_;
};

// Waits for SIGINT (Ctrl-C) or SIGTERM and gives its number: the time to end the service. It listens only while it is
// awaited, so a second Ctrl-C during a long end kills the process as ever. A signal that has come when it is stopped,
// by a deadline as well, is given all the same; between two calls of this one, a signal does what it did before, so
// who waits again and again has a signal_set. Errors and exceptions as in signal_set.
[[nodiscard]] task<std::expected<int, std::error_code>> shutdown_signal();

}  // namespace brigade
