// One fd's entry in the reactor: who waits for it to become readable or writable, and when the fd may be closed.
//
// An operation tries its system call first. Only when that says EAGAIN does it wait, and only the first wait puts the
// fd into epoll: once, edge-triggered, for both directions. A short-lived socket may never get there.
//
// Readiness is a tick per direction. An event raises the tick and wakes the waiter, if there is one. An operation notes
// the tick, makes its system call, and waits only while the tick is still the one it noted:
//
//   note tick -> system call -> EAGAIN -> wait: same tick    -> suspend; the next event wakes
//                                               newer tick   -> an event came in between: call again
//
//   REG1  An event is never lost: it either raises the tick before the wait compares it, or finds the waiter. Both
//         happen under `mutex_`.
//   REG2  A waiter is taken out of its side by exactly one of event, close, and stop, under `mutex_`, and that one
//         posts it. After that nobody touches it. Event and close post under the lock, so who destroys the operation
//         where it waits, and takes the lock for that, finds the poster gone: it may belong to another executor, and
//         the scheduler that it posts to may be about to end.
//   REG3  The fd is open as long as the owner or an operation holds a reference. close() makes further operations fail,
//         wakes the waiting ones, and ends the connection; the number is given back to the system when the last
//         operation has left, so that no operation works on a stranger's fd.
//   REG4  A slot is never freed, and its generation changes with each fd. An event that names an older generation is
//         dropped: it belongs to an fd that is gone.
//   REG5  At most one operation for each direction at a time. A second one is refused (errc::busy).
#pragma once

#include <array>
#include <coroutine>
#include <cstdint>
#include <expected>
#include <system_error>
#include <utility>

#include <brigade/detail/promise.hpp>
#include <brigade/detail/socket.hpp>
#include <brigade/detail/sync.hpp>
#include <brigade/detail/waiter.hpp>
#include <brigade/errc.hpp>
#include <brigade/stop.hpp>

namespace brigade::detail {

class reactor;
class readiness_awaiter;

enum class direction : std::uint8_t { read, write };

class registration {
public:
    // Called by the reactor when the slot is made. `index` is the slot's place in the table.
    void settle(reactor& home, std::uint32_t index) noexcept;

    // Takes a non-blocking fd, with one reference, the owner's. Gives the generation, by which all others name the fd.
    [[nodiscard]] std::uint32_t open(int fd) noexcept;
    // See REG3. Any thread; does nothing when that generation is closed already.
    void close(std::uint32_t generation) noexcept;

    // An operation begins: refused when closed or busy. Holds a reference until end().
    [[nodiscard]] std::error_code begin(std::uint32_t generation, direction d) noexcept;
    void end(direction d) noexcept;
    // A reference for a call that does not wait. False when closed.
    [[nodiscard]] bool retain(std::uint32_t generation) noexcept;
    void release() noexcept;

    // For those who hold a reference.
    [[nodiscard]] std::uint32_t tick(direction d) noexcept;
    [[nodiscard]] bool is_closed() noexcept;
    [[nodiscard]] int fd() const noexcept { return fd_; }
    // As epoll knows the slot: generation and index.
    [[nodiscard]] std::uint64_t key() const noexcept { return std::uint64_t{generation_} << 32 | index_; }

    // The reactor: epoll said `events` of generation `generation`. Posts the waiters; whether there were
    // any.
    bool deliver(std::uint32_t events, std::uint32_t generation) noexcept;

private:
    friend class readiness_awaiter;

    struct side {
        std::uint32_t tick = 0;
        readiness_awaiter* waiting = nullptr;
        bool busy = false;
    };
    [[nodiscard]] bool is_open(std::uint32_t generation) const noexcept {
        return generation == generation_ && !closed_;
    }
    [[nodiscard]] side& at(direction d) noexcept { return sides_[static_cast<std::size_t>(d)]; }

    reactor* reactor_ = nullptr;
    std::uint32_t index_ = 0;
    std::uint32_t generation_ = 0;
    int fd_ = -1;
    sync::atomic<std::uint32_t> references_{0};

    sync::mutex mutex_;  // for all below
    std::array<side, 2> sides_;
    bool armed_ = false;
    bool closed_ = true;
};

// Waits until an event has raised the direction's tick beyond `seen`. Gives the error that ended the wait otherwise:
// errc::closed, operation_canceled, or what epoll_ctl said.
class readiness_awaiter {
public:
    readiness_awaiter(registration& r, direction d, std::uint32_t seen) noexcept
        : registration_(r), direction_(d), seen_(seen), on_stop_(*this) {}
    readiness_awaiter(const readiness_awaiter&) = delete;
    readiness_awaiter& operator=(const readiness_awaiter&) = delete;
    // Withdraws when the task is destroyed while it waits.
    ~readiness_awaiter();

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <runtime_promise P>
    bool await_suspend(std::coroutine_handle<P> self) {
        return suspend(self, self.promise().stop);
    }
    [[nodiscard]] std::error_code await_resume() noexcept {
        suspended_ = false;
        on_stop_.detach();
        return outcome_;
    }

private:
    friend class registration;

    struct stop_reaction : stop_hook {
        explicit stop_reaction(readiness_awaiter& a) noexcept : stop_hook(&readiness_awaiter::stop), awaiter(a) {}
        readiness_awaiter& awaiter;
    };

    bool suspend(std::coroutine_handle<> self, stop_source* source);
    static void stop(stop_hook& hook) noexcept;

    registration& registration_;
    const direction direction_;
    const std::uint32_t seen_;
    waiter waiter_;
    std::error_code outcome_;
    bool suspended_ = false;  // from suspend() until the task goes on
    stop_reaction on_stop_;
};

// One operation's stay at a registration, from begin() to end().
class operation {
public:
    [[nodiscard]] static std::expected<operation, std::error_code> begin(socket_ref s, direction d) noexcept;
    operation(operation&& other) noexcept
        : registration_(std::exchange(other.registration_, nullptr)), direction_(other.direction_) {}
    operation& operator=(operation&&) = delete;
    ~operation() {
        if (registration_ != nullptr) {
            registration_->end(direction_);
        }
    }

    [[nodiscard]] int fd() const noexcept { return registration_->fd(); }
    // Whether close() has come. Then what a system call says of the connection's end is close()'s own doing (REG3).
    [[nodiscard]] bool closed() const noexcept { return registration_->is_closed(); }
    // What a system call that failed with `failure` is to be reported as.
    [[nodiscard]] std::error_code error_of(int failure) const noexcept {
        return closed() ? make_error_code(errc::closed) : std::error_code(failure, std::system_category());
    }
    // Before each system call.
    void note_tick() noexcept { seen_ = registration_->tick(direction_); }
    // After EAGAIN.
    [[nodiscard]] readiness_awaiter ready() const noexcept { return {*registration_, direction_, seen_}; }

private:
    operation(registration& r, direction d) noexcept : registration_(&r), direction_(d) {}

    registration* registration_;
    direction direction_;
    std::uint32_t seen_ = 0;
};

}  // namespace brigade::detail
