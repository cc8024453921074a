// What stands between a server and the templates that know its connections' type.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <memory>
#include <utility>

#include <brigade/detail/descriptor.hpp>
#include <brigade/detail/promise.hpp>
#include <brigade/detail/sync.hpp>
#include <brigade/stop.hpp>
#include <brigade/task.hpp>

namespace brigade::detail {

class server_core;
class supervised;

// A connection's place in its server; given back at the end of the scope. Keeps the server's core.
class admission {
public:
    admission(std::shared_ptr<server_core> core, supervised& connection) noexcept
        : core_(std::move(core)), connection_(&connection) {}
    admission(admission&& other) noexcept = default;
    admission& operator=(admission&&) = delete;
    ~admission() {
        if (core_ != nullptr) {
            leave();
        }
    }

    void message_done(bool next_has_begun) noexcept;
    void set_message_deadline(sync::clock::time_point t) noexcept;
    [[nodiscard]] bool draining() const noexcept;
    // Stopped when all connections are to end at once.
    [[nodiscard]] stop_source& hard_stop() noexcept;

private:
    void leave() noexcept;

    std::shared_ptr<server_core> core_;
    supervised* connection_;
};

struct admitted {
    admission place;
    descriptor socket;  // goes first
};

// A listener and a handler, of whatever types.
class service {
public:
    service() = default;
    service(const service&) = delete;
    service& operator=(const service&) = delete;
    virtual ~service() = default;

    [[nodiscard]] virtual descriptor_ref listener() const noexcept = 0;
    // Of its connections.
    [[nodiscard]] virtual file_kind kind() const noexcept = 0;
    // Any thread.
    virtual void close_listener() noexcept = 0;
    // Outlives the task, which holds the core by `client`.
    [[nodiscard]] virtual task<> serve(admitted client) = 0;
};

// Passes a stop on, as long as it lives.
class stop_relay : private stop_hook {
public:
    stop_relay(stop_source& from, stop_source& to)
        : stop_hook([](stop_hook& self) noexcept { static_cast<stop_relay&>(self).to_.request_stop(); }), to_(to) {
        if (!attach(&from)) {
            to_.request_stop();
        }
    }
    // Before what it refers to.
    ~stop_relay() { detach(); }

private:
    stop_source& to_;
};

// `co_await own_stop_source()`: that of the task, which is a spawned one.
class own_stop_source {
public:
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <runtime_promise P>
    bool await_suspend(std::coroutine_handle<P> self) noexcept {
        source_ = self.promise().stop;
        return false;  // does not suspend
    }
    [[nodiscard]] stop_source& await_resume() const noexcept { return *source_; }

private:
    stop_source* source_ = nullptr;
};

}  // namespace brigade::detail
