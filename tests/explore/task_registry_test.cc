// Models of the list of what is alive: joining, leaving, and the end of an executor that waits for it.
#include <array>
#include <chrono>
#include <memory>
#include <optional>

#include "tests/explore/parts_of_models.hpp"

#include "executor/task_registry.hpp"

namespace explore {
namespace {

using brigade::detail::spawn_reference;
using brigade::detail::stop_hook;
using brigade::detail::task_registry;
namespace sync = brigade::detail::sync;

constexpr std::chrono::milliseconds some_time{1'000};

void drain(task_registry& registry) {
    while (!registry.wait_until_empty(some_time)) {
    }
}

// A job without anybody who would join it.
hand_run_job& start_detached(task_registry& registry) {
    hand_run_job& job = hand_run_job::start(registry);
    job.release();
    return job;
}

MODEL(registry_model, the_registry_goes_as_soon_as_the_last_has_left) {
    unhandled_errors errors;
    auto registry = std::make_unique<task_registry>(errors.handler());
    hand_run_job& job = start_detached(*registry);
    const model_thread runner([&] { job.succeed(1); });
    drain(*registry);
    registry.reset();  // REG1: remove() was the last that it heard
}

MODEL(registry_model, two_that_leave_from_different_shards) {
    unhandled_errors errors;
    auto registry = std::make_unique<task_registry>(errors.handler());
    const auto live_and_end = [&](sync::atomic<int>& added) {
        hand_run_job& job = start_detached(*registry);
        added.fetch_add(1, std::memory_order_release);  // pairs: the load below
        job.succeed(1);
    };
    sync::atomic<int> added{0};
    const model_thread first([&] { live_and_end(added); });
    const model_thread second([&] { live_and_end(added); });
    while (added.load(std::memory_order_acquire) != 2) {  // pairs: the addition above
        sync::yield_thread();
    }
    drain(*registry);
    registry.reset();
}

MODEL(registry_model, a_task_that_starts_another_is_not_mistaken_for_the_last) {
    unhandled_errors errors;
    auto registry = std::make_unique<task_registry>(errors.handler());
    hand_run_job& parent = start_detached(*registry);
    bool child_ended = false;
    const model_thread runner([&] {
        hand_run_job& child = start_detached(*registry);  // into the shard of this thread
        parent.succeed(1);
        child_ended = true;
        child.succeed(1);
    });
    drain(*registry);
    require(child_ended, "REG1: empty means that the child has left, too");
    registry.reset();
}

MODEL(registry_model, a_chain_of_three_over_two_threads) {
    unhandled_errors errors;
    auto registry = std::make_unique<task_registry>(errors.handler());
    hand_run_job& parent = start_detached(*registry);
    const model_thread runner([&] {
        hand_run_job& child = start_detached(*registry);
        parent.succeed(1);
        const model_thread grandchild([&] {
            hand_run_job& last = start_detached(*registry);
            child.succeed(1);
            last.succeed(1);
        });
    });
    drain(*registry);
    registry.reset();
}

MODEL(registry_model, what_a_task_wrote_is_seen_by_who_waited_for_it) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    int written = 0;
    hand_run_job& job = start_detached(registry);
    const model_thread runner([&] {
        written = 1;
        job.succeed(1);
    });
    drain(registry);
    require(written == 1, "written before it left");
}

MODEL(registry_model, a_newcomer_is_asked_to_stop_whatever_comes_first) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job* job = nullptr;
    {
        const model_thread stopper([&] { registry.request_stop(); });
        job = &hand_run_job::start(registry);
    }
    require(job->own_stop().stop_requested(), "seen by the request, or by itself");
    job->succeed(0);
    job->join();
}

MODEL(registry_model, a_task_that_leaves_while_it_is_asked_to_stop) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = start_detached(registry);
    const model_thread runner([&] { job.succeed(1); });
    registry.request_stop();
}

MODEL(registry_model, a_task_that_leaves_while_its_neighbour_is_asked_to_stop) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& first = start_detached(registry);
    hand_run_job& second = start_detached(registry);
    {
        const model_thread runner([&] { first.succeed(1); });
        registry.request_stop();
    }
    require(second.own_stop().stop_requested(), "who stays is asked");
    second.succeed(1);
}

MODEL(registry_model, two_requests_ask_each_task_once) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = hand_run_job::start(registry);
    int runs = 0;
    {
        const brigade::stop_callback callback(brigade::stop_token(job.own_stop()), [&] { ++runs; });
        {
            const model_thread other([&] { registry.request_stop(); });
            registry.request_stop();
        }
        require(runs == 1, "once");
    }
    job.succeed(0);
    job.join();
}

MODEL(registry_model, a_stop_callback_that_starts_a_task) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = start_detached(registry);
    hand_run_job* started = nullptr;
    {
        const brigade::stop_callback callback(brigade::stop_token(job.own_stop()),
                                              [&] { started = &hand_run_job::start(registry); });
        registry.request_stop();
    }
    require(started->own_stop().stop_requested(), "it is stopped like those that were there");
    {
        const model_thread runner([&] { job.succeed(0); });
        started->succeed(0);
        started->join();
    }
}

MODEL(registry_model, who_sees_that_it_stops_sees_what_was_written_before) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    int reason = 0;
    const model_thread stopper([&] {
        reason = 1;
        registry.request_stop();
    });
    if (registry.stopping()) {
        require(reason == 1, "the reason");
    }
}

MODEL(registry_model, three_neighbours_leave_in_any_order) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    std::array<hand_run_job*, 3> jobs{};
    for (auto& job : jobs) {
        job = &start_detached(registry);
    }
    {
        const model_thread first([&] { jobs[0]->succeed(0); });
        const model_thread second([&] { jobs[1]->succeed(0); });
        jobs[2]->succeed(0);
    }
    require(registry.describe(3).empty(), "the list is empty");
}

MODEL(registry_model, a_description_while_tasks_come_and_go) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = start_detached(registry);
    std::size_t lines = 0;
    {
        const model_thread runner([&] {
            hand_run_job& other = start_detached(registry);
            job.succeed(0);
            other.succeed(0);
        });
        lines = registry.describe(4).size();
    }
    require(lines <= 2, "not more than there were");
}

MODEL(registry_model, a_limit_that_passes_is_told_and_the_next_wait_ends) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = start_detached(registry);
    bool may_end = false;
    if (!registry.wait_until_empty(std::chrono::milliseconds(1))) {
        may_end = true;
    }
    require(may_end, "the task is alive");
    const model_thread runner([&] { job.succeed(0); });
    drain(registry);
}

settings without_time_limits() {
    settings s;
    s.bounds.timeouts = 0;  // a limit passes only when nothing else can happen
    return s;
}

MODEL_WITH(registry_model, who_waits_for_the_last_is_told_when_it_leaves, without_time_limits()) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = start_detached(registry);
    const model_thread runner([&] { job.succeed(0); });
    const auto begin = sync::clock::now();
    require(registry.wait_until_empty(some_time) && sync::clock::now() == begin, "REG2: not by its limit");
}

MODEL_WITH(registry_model, who_waits_for_two_is_told_when_the_second_leaves, without_time_limits()) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& first = start_detached(registry);
    hand_run_job& second = start_detached(registry);
    const model_thread runner([&] { first.succeed(0); });
    const model_thread other([&] { second.succeed(0); });
    const auto begin = sync::clock::now();
    require(registry.wait_until_empty(some_time) && sync::clock::now() == begin, "REG2: not by its limit");
}

MODEL(registry_model, a_task_that_comes_while_the_registry_is_drained) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& visitor = start_detached(registry);
    const model_thread runner([&] {
        const bool was_stopped = visitor.own_stop().stop_requested();
        hand_run_job& child = start_detached(registry);
        require(!was_stopped || child.own_stop().stop_requested(), "who is stopped starts what is stopped");
        visitor.succeed(0);
        child.succeed(0);
    });
    registry.request_stop();
    drain(registry);
}

}  // namespace
}  // namespace explore
