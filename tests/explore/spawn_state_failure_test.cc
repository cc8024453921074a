// Models of what becomes of a job's exception (JOIN4).
#include <chrono>
#include <optional>

#include "tests/explore/parts_of_models.hpp"

#include "executor/task_registry.hpp"

namespace explore {
namespace {

using brigade::operation_cancelled;
using brigade::detail::spawn_reference;
using brigade::detail::task_registry;

MODEL(spawn_state_failure_model, a_failure_that_nobody_takes_is_reported_once) {
    registered_job s;
    {
        const model_thread runner([&] { s.job.fail(); });
        const spawn_reference handle(&s.job);
    }
    require(s.errors.count == 1, "JOIN4: by whoever leaves last");
}

MODEL(spawn_state_failure_model, a_failure_that_is_taken_is_not_reported) {
    registered_job s;
    bool caught = false;
    {
        const model_thread runner([&] { s.job.fail(); });
        try {
            s.job.join();
        } catch (const failure&) {
            caught = true;
        }
    }
    require(caught, "it is rethrown");
    require(s.errors.count == 0, "JOIN4");
}

MODEL(spawn_state_failure_model, a_cancellation_without_a_stop_is_reported) {
    registered_job s;
    {
        const model_thread runner([&] { s.job.fail_with(operation_cancelled()); });
        const spawn_reference handle(&s.job);
    }
    require(s.errors.count == 1, "JOIN4: nobody has asked it to stop");
}

MODEL(spawn_state_failure_model, the_cancellation_of_a_job_that_saw_its_stop_is_not_reported) {
    registered_job s;
    bool cancelled = false;
    {
        const model_thread runner([&] {
            cancelled = s.job.own_stop().stop_requested();
            if (cancelled) {
                s.job.fail_with(operation_cancelled());
            } else {
                s.job.succeed(0);
            }
        });
        const spawn_reference handle(&s.job);
        s.job.own_stop().request_stop();
    }
    require(s.errors.count == 0, "JOIN4: that is how it should end");
}

MODEL(spawn_state_failure_model, the_cancellation_of_a_job_while_the_registry_stops_is_not_reported) {
    registered_job s;
    hand_run_job& joined = hand_run_job::start(s.registry);
    {
        // The one that is joined is stopped first; the one that joins it fails by that before its own stop has come.
        const model_thread runner([&] {
            if (joined.own_stop().stop_requested()) {
                s.job.fail_with(operation_cancelled());
            } else {
                s.job.succeed(0);
            }
        });
        const spawn_reference handle(&s.job);
        s.registry.request_stop();
    }
    joined.succeed(0);
    joined.join();
    require(s.errors.count == 0, "JOIN4: the end of the executor has begun");
}

MODEL(spawn_state_failure_model, a_failure_is_reported_after_the_registry_is_gone) {
    unhandled_errors errors;
    std::optional<task_registry> registry(std::in_place, errors.handler());
    hand_run_job& job = hand_run_job::start(*registry);
    std::optional<spawn_reference> handle(std::in_place, &job);
    const model_thread runner([&] { job.fail(); });
    while (!registry->wait_until_empty(std::chrono::milliseconds(1'000))) {
    }
    registry.reset();
    handle.reset();
}

}  // namespace
}  // namespace explore
