// Models of the auto-reset event: waits that end by a stop, or with their task; and tasks of an executor that wait.
#include <array>
#include <memory>
#include <optional>

#include <brigade/executor.hpp>
#include <brigade/yield.hpp>

#include "executor/executor_parts.hpp"
#include "tests/explore/parts_of_event_models.hpp"

namespace explore {
namespace {

using brigade::executor;
using brigade::join_handle;
using brigade::operation_cancelled;
using brigade::task;

MODEL(auto_reset_event_model, a_stop_against_a_wait) {
    auto_reset_event event;
    stop_source stop;
    int reason = 0;
    hand_run_wait w(event, &stop);
    const model_thread stopper([&] {
        reason = 1;
        stop.request_stop();
    });
    require(!w.wait(), "whether it comes before, meanwhile or after");
    require(reason == 1, "what was done before the stop is seen");
}

MODEL_WITH(auto_reset_event_model, a_set_against_a_stop, thorough(3, 30'000)) {
    auto_reset_event event;
    stop_source stop;
    hand_run_wait w(event, &stop);
    require(w.arrive(), "there is no permit");
    bool permitted = false;
    {
        const model_thread stopper([&] { stop.request_stop(); });
        const model_thread setter([&] { event.set(); });
        permitted = w.go_on();
    }
    require(permitted != event.is_set(), "EVT1: the task has got the permit, or it stays");
}

MODEL_WITH(auto_reset_event_model, a_set_against_a_stop_against_a_wait, thorough(2, 30'000)) {
    auto_reset_event event;
    stop_source stop;
    hand_run_wait w(event, &stop);
    bool permitted = false;
    {
        const model_thread stopper([&] { stop.request_stop(); });
        const model_thread setter([&] { event.set(); });
        permitted = w.wait();
    }
    require(permitted != event.is_set(), "EVT1: the task has got the permit, or it stays");
}

MODEL_WITH(auto_reset_event_model, a_stopped_task_leaves_the_permit_to_the_next, thorough(3, 30'000)) {
    auto_reset_event event;
    stop_source stop;
    hand_run_wait first(event, &stop);
    hand_run_wait second(event);
    require(first.arrive() && second.arrive(), "there is no permit");
    bool permitted = false;
    {
        const model_thread stopper([&] { stop.request_stop(); });
        const model_thread setter([&] { event.set(); });
        permitted = first.go_on();
    }
    require(!event.is_set(), "EVT1");
    if (permitted) {
        require(second.times_resumed() == 0, "EVT1: one permit");
        event.set();
    }
    require(second.go_on(), "EVT1: it goes to the next");
}

MODEL(auto_reset_event_model, the_second_waiter_comes_while_the_first_is_stopped) {
    auto_reset_event event;
    stop_source stop;
    hand_run_wait first(event, &stop);
    hand_run_wait second(event);
    require(first.arrive(), "there is no permit");
    {
        const model_thread stopper([&] { stop.request_stop(); });
        require(second.arrive(), "there is no permit");
        require(!first.go_on(), "stopped");
    }
    event.set();
    require(second.go_on(), "EVT3");
}

MODEL(auto_reset_event_model, two_neighbours_leave_the_list_at_once) {
    auto_reset_event event;
    std::array<stop_source, 4> stops;
    std::array<std::optional<hand_run_wait>, 4> waits;
    for (std::size_t i = 0; i < waits.size(); ++i) {
        require(waits[i].emplace(event, &stops[i]).arrive(), "there is no permit");
    }
    {
        const model_thread stopper([&] { stops[1].request_stop(); });
        stops[2].request_stop();
        require(!waits[1]->go_on() && !waits[2]->go_on(), "stopped");
    }
    event.set();
    require(waits[0]->go_on() && waits[3]->times_resumed() == 0, "the first is still the first");
    event.set();
    require(waits[3]->go_on(), "the list is whole");
}

MODEL_WITH(auto_reset_event_model, the_only_two_waiters_are_stopped_and_set_at_once, thorough(2, 30'000)) {
    auto_reset_event event;
    std::array<stop_source, 2> stops;
    hand_run_wait first(event, &stops[0]);
    hand_run_wait second(event, &stops[1]);
    require(first.arrive() && second.arrive(), "there is no permit");
    std::array<bool, 2> permitted{};
    {
        const model_thread stopper([&] {
            stops[0].request_stop();
            stops[1].request_stop();
        });
        const model_thread setter([&] { event.set(); });
        permitted[0] = first.go_on();
        permitted[1] = second.go_on();
    }
    require(permitted[0] + permitted[1] + event.is_set() == 1, "EVT1: one permit, and it is not lost");
}

MODEL(auto_reset_event_model, a_waiter_is_destroyed_against_a_set) {
    auto_reset_event event;
    hand_run_wait w(event);
    require(w.arrive(), "there is no permit");
    {
        const model_thread setter([&] { event.set(); });
        w.destroy();
    }
    require(event.is_set(), "EVT6: the permit stays");
}

// What stands for a scheduler is not looked into: only who wakes compares it with its own.
MODEL_WITH(auto_reset_event_model, a_waiter_is_destroyed_against_a_set_from_elsewhere, orders_only()) {
    auto_reset_event event;
    auto home = std::make_unique<executor>(brigade::executor_options{.workers = 1});
    hand_run_wait w(event, nullptr, &brigade::detail::executor_access::scheduler(*home));
    require(w.arrive(), "there is no permit");
    {
        const model_thread setter([&] { event.set(); });
        w.destroy();
        home.reset();  // EVT6: the setter may still be about to post
    }
    require(event.is_set(), "EVT6: the permit stays");
}

MODEL(auto_reset_event_model, a_waiter_is_destroyed_against_a_set_and_the_next_waits) {
    auto_reset_event event;
    hand_run_wait first(event);
    hand_run_wait second(event);
    require(first.arrive() && second.arrive(), "there is no permit");
    {
        const model_thread setter([&] { event.set(); });
        first.destroy();
    }
    require(second.go_on(), "EVT6: the permit goes to the next");
    require(!event.is_set(), "EVT1: and to nobody else");
}

MODEL(auto_reset_event_model, a_waiter_is_destroyed_against_a_stop) {
    auto_reset_event event;
    stop_source stop;
    hand_run_wait w(event, &stop);
    require(w.arrive(), "there is no permit");
    {
        const model_thread stopper([&] { stop.request_stop(); });
        w.destroy();
    }
    require(!event.is_set(), "EVT1");
    require(w.times_resumed() <= 1, "EVT2");
}

MODEL(auto_reset_event_model, a_waiter_is_destroyed_against_a_set_and_a_stop) {
    auto_reset_event event;
    stop_source stop;
    hand_run_wait w(event, &stop);
    require(w.arrive(), "there is no permit");
    {
        const model_thread stopper([&] { stop.request_stop(); });
        const model_thread setter([&] { event.set(); });
        w.destroy();
    }
    require(event.is_set(), "EVT1: the permit stays");
}

MODEL(auto_reset_event_model, a_task_that_yields_with_the_permit_is_destroyed) {
    auto_reset_event event(true);
    hand_run_wait first(event);
    hand_run_wait second(event);
    require(!first.arrive() && !event.is_set(), "it has taken the permit");
    const model_thread other([&] { require(second.wait(), "EVT6: the permit goes to the next"); });
    first.destroy();
}

MODEL_WITH(auto_reset_event_model, two_tasks_wake_each_other_on_two_workers, orders_only()) {
    executor ex({.workers = 2});
    auto_reset_event there;
    auto_reset_event back;
    int trips = 0;
    const auto answer = [&]() -> task<> {
        co_await there;
        ++trips;
        back.set();
    };
    const auto body = [&]() -> task<> {
        join_handle<> other = ex.spawn(answer);
        there.set();
        co_await back;
        require(trips == 1, "what was done before the set() is seen");
        co_await other;
    };
    ex.block_on(body);
}

MODEL_WITH(auto_reset_event_model, a_thread_outside_sets_what_a_task_waits_for, orders_only()) {
    executor ex({.workers = 1});
    auto_reset_event event;
    int payload = 0;
    const model_thread setter([&] {
        payload = 1;
        event.set();
    });
    const auto body = [&]() -> task<> {
        co_await event;
        require(payload == 1, "what was done before the set() is seen");
    };
    ex.block_on(body);
}

MODEL_WITH(auto_reset_event_model, a_task_that_waits_is_stopped, orders_only()) {
    executor ex({.workers = 1});
    auto_reset_event event;
    bool cancelled = false;
    const auto body = [&]() -> task<> {
        try {
            co_await event;
        } catch (const operation_cancelled&) {
            cancelled = true;
        }
    };
    join_handle<> handle = ex.spawn(body);
    handle.request_stop();
    while (!handle.done()) {
        sync::yield_thread();
    }
    require(cancelled, "nobody sets it");
}

}  // namespace
}  // namespace explore
