// What the models of the runtime share.
#pragma once

#include <cstdint>
#include <exception>
#include <stdexcept>
#include <utility>

#include <brigade/detail/spawn_state.hpp>
#include <brigade/executor.hpp>
#include <brigade/stop.hpp>
#include <brigade/task.hpp>

#include "executor/task_registry.hpp"
#include "tests/explore/model.hpp"

namespace explore {

// For models of whole executors: nothing fails without a reason and no limit passes before its time, so that the
// schedules are spent on the order of steps.
[[nodiscard]] inline settings orders_only(unsigned preemptions = 1, std::uint64_t schedules = 3'000) {
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
        registry.add(*job, "job");
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
};

}  // namespace explore
