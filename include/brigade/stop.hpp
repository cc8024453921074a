// Stop requests: how a task learns that its result is no longer wanted.
//
// The names and meanings are those of std::stop_source, std::stop_token and std::stop_callback, with one difference:
// the state lives inside the source and is not shared, so a source neither allocates nor counts references, and must
// outlive its tokens and callbacks. A task inherits the source of whoever awaits it; every spawned task has one.
//
// Protocol. `requested_` goes from false to true once. Callbacks hang in a list under `lock_`. The request takes the
// whole list over, takes the callbacks off one by one, and runs each with the lock released, on the requesting thread.
// A wait of the runtime hangs a callback into the list and takes it off again, nearly always alone: so the lock is a
// spinlock, and what only a request needs stands on the stack of the thread that requests.
//   STOP1  A callback runs at most once: who takes it off the list runs it, or nobody.
//   STOP2  After detach() the callback neither runs nor will run, except when detach() is called by the callback.
//   STOP3  A callback attached after the request is not queued: attach() says so and the caller acts on it.
#pragma once

#include <concepts>
#include <exception>
#include <utility>

#include <brigade/detail/sync.hpp>

namespace brigade {

class stop_source;

// Thrown by an await that ended because the awaiting task was asked to stop, where there is no error value to say it.
struct operation_cancelled final : std::exception {
    [[nodiscard]] const char* what() const noexcept override {
        return "brigade: operation cancelled by a stop request";
    }
};

namespace detail {

[[nodiscard]] bool is_cancellation(const std::exception_ptr& error) noexcept;

// A place in a stop_source's list. The function runs on the thread that requests the stop.
class stop_hook {
public:
    using function = void (*)(stop_hook&) noexcept;

    explicit stop_hook(function run) noexcept : run_(run) {}
    stop_hook(const stop_hook&) = delete;
    stop_hook& operator=(const stop_hook&) = delete;
    ~stop_hook() { detach(); }

    // Returns false, and stays detached, when the stop has been requested already. A null source never stops.
    [[nodiscard]] bool attach(stop_source* source);
    // Waits for a run of this hook on another thread to end.
    void detach() noexcept {
        if (source_ != nullptr) {
            take_off();
        }
    }

private:
    friend class brigade::stop_source;

    void take_off() noexcept;

    // With the source's lock.
    void link(stop_hook*& first) noexcept;
    void unlink() noexcept;

    function run_;
    stop_source* source_ = nullptr;
    stop_hook* next_ = nullptr;
    stop_hook** link_ = nullptr;  // what points to this, in a list
};

}  // namespace detail

// Where a stop is requested. Neither copied nor moved.
class stop_source {
public:
    stop_source() = default;
    stop_source(const stop_source&) = delete;
    stop_source& operator=(const stop_source&) = delete;

    // Any thread. Runs the callbacks on this thread. Returns whether this call was the first.
    bool request_stop();
    [[nodiscard]] bool stop_requested() const noexcept {
        // pairs: the release store in request_stop(); what the requester wrote before it is visible.
        return requested_.load(std::memory_order_acquire);
    }

private:
    friend class detail::stop_hook;

    // A request that runs callbacks.
    struct request {
        detail::stop_hook* first;  // of those that have not run
        detail::stop_hook* running;
        unsigned thread;  // by sync::this_thread_number()
    };

    detail::sync::spinlock lock_;
    detail::sync::atomic<bool> requested_{false};
    union {
        detail::stop_hook* first = nullptr;  // until it is requested
        request* in_progress;                // from then on; null when all have run
    };
};

// Asks whether a stop was requested. A default token never is. Must not outlive its source.
class stop_token {
public:
    stop_token() = default;
    explicit stop_token(stop_source& source) noexcept : source_(&source) {}
    explicit stop_token(stop_source* source) noexcept : source_(source) {}

    [[nodiscard]] bool stop_requested() const noexcept { return source_ != nullptr && source_->stop_requested(); }
    [[nodiscard]] bool stop_possible() const noexcept { return source_ != nullptr; }

private:
    template <std::invocable>
    friend class stop_callback;

    stop_source* source_ = nullptr;
};

// Runs `callback` when the stop is requested: on the requesting thread, or in this constructor when it already was.
// The destructor waits for a run on another thread to end. An exception from the callback terminates.
template <std::invocable F>
class stop_callback : private detail::stop_hook {
public:
    template <class C>
        requires std::constructible_from<F, C>
    stop_callback(stop_token token, C&& callback)
        : stop_hook([](stop_hook& self) noexcept { static_cast<stop_callback&>(self).callback_(); }),
          callback_(std::forward<C>(callback)) {
        if (!attach(token.source_)) {
            [this]() noexcept { callback_(); }();
        }
    }
    // Before callback_ is destroyed, so that a run in progress has ended.
    ~stop_callback() { detach(); }

private:
    F callback_;
};

template <class F>
stop_callback(stop_token, F) -> stop_callback<F>;

}  // namespace brigade
