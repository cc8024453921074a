// join_handle<T>: the caller's end of a spawned task or blocking job.
#pragma once

#include <coroutine>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include <brigade/detail/promise.hpp>
#include <brigade/detail/spawn_state.hpp>
#include <brigade/detail/waiter.hpp>

namespace brigade {

class executor;

namespace detail {

// Keeps the reference of a handle.
class spawn_reference {
public:
    spawn_reference() = default;
    explicit spawn_reference(spawn_state* state) noexcept : state_(state) {}
    spawn_reference(spawn_reference&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    spawn_reference& operator=(spawn_reference&& other) noexcept {
        spawn_reference old(std::move(*this));
        state_ = std::exchange(other.state_, nullptr);
        return *this;
    }
    ~spawn_reference() {
        if (state_ != nullptr) {
            state_->release();
        }
    }
    [[nodiscard]] spawn_state* get() const noexcept { return state_; }
    // Whether it is one to this state; then nobody gives it up any more.
    [[nodiscard]] bool take_if(const spawn_state& state) noexcept {
        const bool is = state_ == &state;
        state_ = is ? nullptr : state_;
        return is;
    }

private:
    spawn_state* state_ = nullptr;
};

// Gives up several references at the end of the scope.
class references_at_exit {
public:
    references_at_exit(spawn_state& state, std::uint32_t count) noexcept : state_(state), count_(count) {}
    references_at_exit(const references_at_exit&) = delete;
    references_at_exit& operator=(const references_at_exit&) = delete;
    ~references_at_exit() { state_.release(count_); }

private:
    spawn_state& state_;
    std::uint32_t count_;
};

// The part of the await that does not depend on the result's type.
class join_awaiter_base : private join_waiter {
public:
    explicit join_awaiter_base(spawn_state* state) noexcept
        : join_waiter(&join_awaiter_base::wake_from_finish), state_(state), on_stop_(*this) {}
    join_awaiter_base(const join_awaiter_base&) = delete;
    join_awaiter_base& operator=(const join_awaiter_base&) = delete;
    // Withdraws when the task is destroyed while it waits.
    ~join_awaiter_base() {
        if (suspended_) {
            withdraw();
        }
    }

    [[nodiscard]] bool await_ready() const {
        if (state_ == nullptr) {
            throw std::logic_error(
                "brigade: co_await of a join_handle that is empty: moved from, detached, or awaited");
        }
        return state_->finished();
    }
    template <runtime_promise P>
    bool await_suspend(std::coroutine_handle<P> parent) {
        return suspend(parent, parent.promise().stop);
    }

protected:
    // Ends the await, whose result is there. Gives how many references the await has itself (JOIN3). Throws
    // operation_cancelled when a stop ended the wait.
    [[nodiscard]] std::uint32_t resumed();
    [[nodiscard]] spawn_state* state() const noexcept { return state_; }

private:
    struct stop_reaction : stop_hook {
        explicit stop_reaction(join_awaiter_base& a) noexcept : stop_hook(&join_awaiter_base::stop_wait), awaiter(a) {}
        join_awaiter_base& awaiter;
    };

    bool suspend(std::coroutine_handle<> parent, stop_source* stop);
    void withdraw() noexcept;
    static void wake_from_finish(join_waiter& self) noexcept;
    static void stop_wait(stop_hook& hook) noexcept;

    spawn_state* state_;
    stop_reaction on_stop_;
    bool suspended_ = false;  // from suspend() until the task goes on
};

}  // namespace detail

// Move-only; one task at a time may await it. Dropping it detaches the task: then an exception that it ends with goes
// to executor_options::unhandled_exception, except operation_cancelled after it was asked to stop. The handle itself
// has no lock: what other threads call on it must not race the end of an await of the same handle, which empties it.
template <class T = void>
class [[nodiscard]] join_handle {
public:
    join_handle() = default;

    // Waits for the task to finish and gives its result, once: the handle is empty afterwards. Rethrows what the task
    // threw. When the *awaiting* task is asked to stop, throws operation_cancelled at once, and the spawned task goes
    // on, and the handle stays valid. Throws std::logic_error on an empty handle, and when another task awaits it.
    auto operator co_await() noexcept { return awaiter(*this); }

    // Lets the task go on without anyone to receive its result.
    void detach() noexcept { reference_ = {}; }
    // Asks the task to stop; it ends when it has noticed. A blocking job is not interrupted. Any thread.
    void request_stop() {
        if (*this) {
            reference_.get()->own_stop().request_stop();
        }
    }
    // Whether the result is there. Any thread.
    [[nodiscard]] bool done() const noexcept { return *this && reference_.get()->finished(); }
    // False when moved from, detached, or awaited to the end.
    explicit operator bool() const noexcept { return reference_.get() != nullptr; }

private:
    friend class executor;

    class awaiter : public detail::join_awaiter_base {
    public:
        explicit awaiter(join_handle& joined) noexcept : join_awaiter_base(joined.state()), handle_(joined) {}
        T await_resume() {
            const std::uint32_t own = resumed();
            auto& state = static_cast<detail::spawn_state_with<T>&>(*this->state());
            // Both at once, which costs nothing when there are no others. The handle may hold another by now.
            const detail::references_at_exit drop(state, own + (handle_.reference_.take_if(state) ? 1 : 0));
            return state.take_last();
        }

    private:
        join_handle& handle_;
    };

    explicit join_handle(detail::spawn_state_with<T>* state) noexcept : reference_(state) {}
    [[nodiscard]] detail::spawn_state* state() const noexcept { return reference_.get(); }

    detail::spawn_reference reference_;
};

}  // namespace brigade
