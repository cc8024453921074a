// Models of the auto-reset event: who gets the permit when sets, waits, stops and ends of tasks meet.
#include <array>
#include <coroutine>
#include <functional>
#include <memory>
#include <optional>

#include <brigade/auto_reset_event.hpp>
#include <brigade/executor.hpp>
#include <brigade/yield.hpp>

#include "executor/idle.hpp"
#include "tests/explore/parts_of_models.hpp"

namespace explore {
namespace {

using brigade::auto_reset_event;
using brigade::executor;
using brigade::join_handle;
using brigade::operation_cancelled;
using brigade::stop_source;
using brigade::task;
using brigade::detail::event_waiter;
using brigade::detail::parker;
using brigade::detail::scheduler;
using brigade::detail::waiter;
namespace sync = brigade::detail::sync;

// ----------------------------------------------------------------------------------------------- the word and the list

// A wait as a coroutine makes it, by hand: who resumes it counts, in plain memory, and wakes the thread that may be
// waiting for that.
class hand_run_wait {
public:
    explicit hand_run_wait(auto_reset_event& event, stop_source* stop = nullptr, scheduler* home = nullptr)
        : waiter_(std::in_place, event, &hand_run_wait::resume), stop_(stop), home_(home) {}

    // Whether it has suspended.
    bool arrive() {
        const auto how = waiter_->arrive({.handle = std::coroutine_handle<>::from_address(this), .home = home_}, stop_);
        suspended_ = how == event_waiter::arrival::waits;
        return suspended_;
    }
    // The waiter is gone once the task goes on. Gives whether it has got a permit.
    bool go_on() {
        if (suspended_) {
            token_.wait();
            require(resumed_ == 1, "EVT2: woken once");
        }
        const bool permitted = waiter_->finish();
        waiter_.reset();
        return permitted;
    }
    bool wait() {
        arrive();
        return go_on();
    }
    // It has found the permit there, and yields with it.
    void yield() { waiter_->keep_permit(); }
    // The task is destroyed where it waits.
    void destroy() { waiter_.reset(); }
    // After all threads have gone that could do so.
    [[nodiscard]] int times_resumed() const noexcept { return resumed_; }

private:
    static void resume(const waiter& w) noexcept {
        auto& self = *static_cast<hand_run_wait*>(w.handle.address());
        ++self.resumed_;
        self.token_.unpark();
    }

    std::optional<event_waiter> waiter_;
    stop_source* stop_;
    scheduler* home_;
    bool suspended_ = false;
    int resumed_ = 0;
    parker token_;
};

MODEL(auto_reset_event_model, a_set_against_a_wait) {
    auto_reset_event event;
    hand_run_wait w(event);
    int payload = 0;
    const model_thread setter([&] {
        payload = 1;
        event.set();
    });
    require(w.wait(), "EVT1: no wake-up is lost");
    require(payload == 1, "what was done before the set() is seen");
}

MODEL(auto_reset_event_model, who_goes_on_destroys_the_event) {
    auto event = std::make_unique<auto_reset_event>();
    hand_run_wait w(*event);
    const model_thread setter([&e = *event] { e.set(); });
    require(w.wait(), "EVT1");
    event.reset();  // EVT5
}

MODEL(auto_reset_event_model, the_last_of_several_who_go_on_destroys_the_event) {
    auto event = std::make_unique<auto_reset_event>();
    hand_run_wait first(*event);
    hand_run_wait second(*event);
    require(first.arrive() && second.arrive(), "there is no permit");
    const model_thread setter([&e = *event] {
        e.set();
        e.set();
    });
    require(first.go_on() && second.go_on(), "EVT1: one each");
    event.reset();  // EVT5
}

MODEL_WITH(auto_reset_event_model, two_sets_against_a_wait, thorough(2, 30'000)) {
    auto_reset_event event;
    hand_run_wait w(event);
    {
        const model_thread other([&] { event.set(); });
        const model_thread setter([&] { event.set(); });
        require(w.wait(), "EVT1");
    }
    const bool another = event.is_set();
    require(event.reset() == another && !event.is_set(), "EVT1: one permit at most");
}

MODEL(auto_reset_event_model, a_set_that_finds_the_permit_is_seen_by_who_takes_it) {
    auto_reset_event event;
    sync::atomic<int> second{0};
    int seen = 0;
    hand_run_wait w(event);
    {
        const model_thread setter([&] {
            event.set();
            second.store(1, std::memory_order_relaxed);
            event.set();
        });
        require(w.wait(), "EVT1");
        seen = second.load(std::memory_order_relaxed);
    }
    require(event.is_set() || seen == 1, "EVT1: the second set() left a permit, or what came before it is seen");
}

MODEL(auto_reset_event_model, who_sees_the_permit_sees_what_was_done_before_the_set) {
    auto_reset_event event;
    int payload = 0;
    const model_thread setter([&] {
        payload = 1;
        event.set();
    });
    if (event.is_set()) {
        require(payload == 1, "without taking it");
    }
}

MODEL(auto_reset_event_model, a_reset_against_a_set_and_a_wait) {
    auto_reset_event event;
    int payload = 0;
    bool taken = false;
    hand_run_wait w(event);
    {
        const model_thread setter([&] {
            payload = 1;
            event.set();
        });
        const model_thread resetter([&] {
            taken = event.reset();
            require(!taken || payload == 1, "a reset() that takes the permit sees what was done before");
        });
        w.arrive();
    }
    if (taken) {
        require(!event.is_set(), "EVT1: one permit");
        event.set();
    }
    require(w.go_on(), "EVT1");
}

MODEL(auto_reset_event_model, two_waits_on_two_threads_and_one_set) {
    auto_reset_event event;
    std::array<std::optional<hand_run_wait>, 2> waits;
    std::array<stop_source, 2> stops;
    waits[0].emplace(event, &stops[0]);
    waits[1].emplace(event, &stops[1]);
    {
        const model_thread other([&] { waits[1]->arrive(); });
        const model_thread setter([&] { event.set(); });
        waits[0]->arrive();
    }
    require(!event.is_set(), "EVT1: there is no permit while somebody waits");
    stops[0].request_stop();
    stops[1].request_stop();
    const bool one = waits[0]->go_on();
    const bool two = waits[1]->go_on();
    require(one != two, "EVT1: one of them has got it");
}

MODEL(auto_reset_event_model, the_second_waiter_comes_while_the_first_is_taken) {
    auto_reset_event event;
    hand_run_wait first(event);
    hand_run_wait second(event);
    require(first.arrive(), "there is no permit");
    {
        const model_thread setter([&] { event.set(); });
        second.arrive();
    }
    require(first.go_on(), "first come, first served");
    require(second.times_resumed() == 0, "and not the second");
    event.set();
    require(second.go_on(), "EVT1");
}

MODEL(auto_reset_event_model, two_sets_take_the_first_two_of_three) {
    auto_reset_event event;
    std::array<std::optional<hand_run_wait>, 3> waits;
    for (auto& w : waits) {
        require(w.emplace(event).arrive(), "there is no permit");
    }
    {
        const model_thread other([&] { event.set(); });
        event.set();
    }
    require(waits[0]->go_on() && waits[1]->go_on(), "first come, first served");
    require(waits[2]->times_resumed() == 0 && !event.is_set(), "EVT1");
    event.set();
    require(waits[2]->go_on(), "the list is whole");
}

MODEL(auto_reset_event_model, three_waits_on_three_threads_are_all_served) {
    auto_reset_event event;
    std::array<std::optional<hand_run_wait>, 3> waits;
    for (auto& w : waits) {
        w.emplace(event);
    }
    {
        const model_thread second([&] { require(waits[1]->arrive(), "there is no permit"); });
        const model_thread third([&] { require(waits[2]->arrive(), "there is no permit"); });
        require(waits[0]->arrive(), "there is no permit");
    }
    for (int i = 0; i < 3; ++i) {
        event.set();
    }
    for (auto& w : waits) {
        require(w->go_on(), "EVT1");
    }
}

// ------------------------------------------------------------------------------------------------------------- stops

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

// -------------------------------------------------------------------------------------------------------- destruction

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
MODEL(auto_reset_event_model, a_waiter_is_destroyed_against_a_set_from_elsewhere) {
    auto_reset_event event;
    auto home = std::make_unique<std::array<std::byte, sizeof(scheduler)>>();
    auto w = std::make_unique<hand_run_wait>(event, nullptr, reinterpret_cast<scheduler*>(home.get()));
    require(w->arrive(), "there is no permit");
    {
        const model_thread setter([&] { event.set(); });
        w->destroy();
        w.reset();  // EVT6: in the place of the scheduler that the setter posts to
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
    first.yield();
    const model_thread other([&] { require(second.wait(), "EVT6: the permit goes to the next"); });
    first.destroy();
}

// ---------------------------------------------------------------------------------------------------- on an executor

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
