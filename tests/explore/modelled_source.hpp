// An event source for models: what happens is counted, and each count goes to a task that waits.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <brigade/detail/promise.hpp>
#include <brigade/detail/sync.hpp>
#include <brigade/detail/waiter.hpp>
#include <brigade/executor.hpp>

#include "executor/event_source.hpp"
#include "executor/executor_parts.hpp"

namespace explore {

namespace sync = brigade::detail::sync;

class modelled_source final : public brigade::detail::event_source {
public:
    // The executor's; made when it is asked for first.
    [[nodiscard]] static modelled_source& of(brigade::executor& ex) {
        return static_cast<modelled_source&>(brigade::detail::executor_access::events(
            ex, []() -> std::unique_ptr<event_source> { return std::make_unique<modelled_source>(); }));
    }

    modelled_source() : thread_([this] { seat().watch(*this); }) {}
    void end(bool /*leaves_some*/) noexcept override {
        seat().close(*this);
        thread_.join();
    }

    bool wait(std::chrono::nanoseconds limit) noexcept override {
        if (limit == no_limit) {
            sync::futex_wait(signals_, 0);
        } else if (limit != std::chrono::nanoseconds(0)) {
            sync::futex_wait_for(signals_, 0, limit);
        }
        // Plain: the explorer reports it when two threads do this with nothing in between (SEAT1).
        found_ = signals_.exchange(0, std::memory_order_acquire) / one_event;  // pairs: happen(), interrupt()
        return found_ != 0;
    }
    bool deliver() noexcept override {
        bool woken = false;
        for (; found_ != 0; --found_) {
            sync::lock lock(mutex_);
            if (waiting_.empty()) {
                ++unclaimed_;
                continue;
            }
            const brigade::detail::waiter w = waiting_.back();
            waiting_.pop_back();
            lock.unlock();
            if (by_hand_ && brigade::detail::current_scheduler() != nullptr) {
                w.handle.resume();
            } else {
                w.post();
            }
            woken = true;
        }
        return woken;
    }
    void interrupt() noexcept override {
        signals_.fetch_or(interrupted, std::memory_order_release);  // pairs: wait()
        sync::futex_wake(signals_);
    }

    // Workers resume those who wait themselves, as somebody's stop callback may. Before the first event.
    void resume_by_hand() noexcept { by_hand_ = true; }

    // Any thread.
    void happen() noexcept {
        signals_.fetch_add(one_event, std::memory_order_release);  // pairs: wait()
        sync::futex_wake(signals_);
    }

    // `co_await source.next()`: one event.
    [[nodiscard]] auto next() noexcept { return awaiter{*this, {}}; }

private:
    struct awaiter {
        modelled_source& source;
        brigade::detail::waiter self;

        [[nodiscard]] bool await_ready() const noexcept { return false; }
        template <brigade::detail::runtime_promise P>
        bool await_suspend(std::coroutine_handle<P> handle) {
            self.suspend(handle);
            const sync::lock lock(source.mutex_);
            if (source.unclaimed_ != 0) {
                --source.unclaimed_;
                return false;
            }
            source.waiting_.push_back(self);
            return true;
        }
        void await_resume() const noexcept {}
    };

    using sync_word = brigade::detail::sync::atomic<std::uint32_t>;
    static constexpr std::uint32_t interrupted = 1;
    static constexpr std::uint32_t one_event = 2;

    sync_word signals_{0};
    std::uint32_t found_ = 0;
    bool by_hand_ = false;
    sync::mutex mutex_;
    std::vector<brigade::detail::waiter> waiting_;
    unsigned unclaimed_ = 0;
    sync::thread thread_;
};

}  // namespace explore
