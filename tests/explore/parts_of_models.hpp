// What the models of the runtime share.
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <utility>

#include <brigade/detail/promise.hpp>
#include <brigade/detail/spawn_state.hpp>
#include <brigade/executor.hpp>
#include <brigade/stop.hpp>
#include <brigade/task.hpp>

#include "executor/idle.hpp"
#include "executor/scheduler.hpp"
#include "executor/task_registry.hpp"
#include "tests/explore/model.hpp"

namespace explore {

// For models of whole executors: nothing fails without a reason and no limit passes before its time, so that the
// schedules are spent on the order of steps.
[[nodiscard]] inline settings orders_only(unsigned preemptions = 1, std::uint64_t schedules = 2'000) {
    settings s;
    s.preemptions = preemptions;
    s.exhaustive = schedules;
    s.bounds.spurious = 0;
    s.bounds.timeouts = 0;
    return s;
}

// All that the budget of schedules lets through, in models of a few steps.
[[nodiscard]] inline settings thorough(unsigned preemptions, std::uint64_t schedules) {
    settings s;
    s.preemptions = preemptions;
    s.exhaustive = schedules;
    return s;
}

// Exceptions that nobody received.
struct unhandled_errors {
    int count = 0;
    [[nodiscard]] brigade::detail::exception_handler handler() {
        return [this](const std::exception_ptr& /*error*/) { ++count; };
    }
};

struct failure final : std::runtime_error {
    failure() : std::runtime_error("a task of the model fails") {}
};

// What stands behind a join_handle, for a job that the model runs by hand. The registry's side and the handle's side
// each have a reference.
class hand_run_job final : public brigade::detail::spawn_state_with<int> {
public:
    static hand_run_job& start(brigade::detail::task_registry& registry) {
        auto* const job = new hand_run_job;
        if (!registry.add(*job)) {
            engine::the().fail("the registry is closed");
        }
        return *job;
    }
    void succeed(int value) {
        result().set_value(value);
        finish();
    }
    void fail() { fail_with(failure()); }
    template <class E>
    void fail_with(E error) {
        result().set_exception(std::make_exception_ptr(std::move(error)));
        finish();
    }
    // The end of the side that holds the handle, which takes the result.
    int join() {
        wait_blocking();
        const brigade::detail::spawn_reference last(this);
        return take_last();
    }

private:
    void destroy() noexcept override { delete this; }
    void drop_body() noexcept override {}
    [[nodiscard]] description describe() const noexcept override { return {.type_name = "job", .is_task = true}; }
};

// A job of which the model has the handle's reference.
struct registered_job {
    unhandled_errors errors;
    brigade::detail::task_registry registry{errors.handler()};
    hand_run_job& job = hand_run_job::start(registry);
};

// What executor::current() gives on the threads of a part that is modelled without an executor; nobody looks into it.
[[nodiscard]] inline brigade::executor& no_executor() noexcept {
    alignas(brigade::executor) static std::array<std::byte, sizeof(brigade::executor)> place{};
    return *reinterpret_cast<brigade::executor*>(place.data());
}

// Workers without an executor around them.
struct workers : brigade::detail::scheduler {
    explicit workers(unsigned count) : scheduler(no_executor(), count, "model", false) {}
};

// A coroutine that nobody waits for and that frees itself at its end. It is posted by hand.
struct stray {
    struct promise_type : brigade::detail::promise_base {
        stray get_return_object() noexcept { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
        [[nodiscard]] std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
    };
    std::coroutine_handle<promise_type> handle;
};

// An event that happens once, for one thread that waits for it. What happened before is seen by that thread.
class event {
public:
    void happen() noexcept { token_.unpark(); }
    void wait() noexcept { token_.wait(); }

private:
    brigade::detail::parker token_;
};

}  // namespace explore
