// Models of the poller's seat: who waits for events, and that none is lost on the way from one to the next.
#include <brigade/executor.hpp>
#include <brigade/fork.hpp>
#include <brigade/yield.hpp>

#include "tests/explore/modelled_source.hpp"
#include "tests/explore/parts_of_models.hpp"

namespace explore {
namespace {

using brigade::executor;
using brigade::task;

// A source that nobody waits in; `polled` is touched by the holder of the seat alone.
class counted_polls final : public brigade::detail::event_source {
public:
    void end(bool /*leaves_some*/) noexcept override {}
    bool wait(std::chrono::nanoseconds /*limit*/) noexcept override {
        ++polled;
        if (event* const e = told_.exchange(nullptr, std::memory_order_relaxed)) {
            e->happen();
        }
        sync::futex_wait(signals_, 0);
        return (signals_.exchange(0, std::memory_order_acquire) & 2) != 0;  // pairs: signal()
    }
    bool deliver() noexcept override {
        ++polled;
        if (event* const e = told_of_delivery_.exchange(nullptr, std::memory_order_relaxed)) {
            e->happen();
        }
        return wakes_somebody;
    }
    void interrupt() noexcept override { signal(1); }
    void happen() noexcept { signal(2); }
    void tell_of_delivery(event& e) noexcept { told_of_delivery_.store(&e, std::memory_order_relaxed); }
    void tell_of_next_wait(event& e) noexcept { told_.store(&e, std::memory_order_relaxed); }
    int polled = 0;
    bool wakes_somebody = true;

private:
    void signal(std::uint32_t what) noexcept {
        signals_.fetch_or(what, std::memory_order_release);  // pairs: wait()
        sync::futex_wake(signals_);
    }
    sync::atomic<std::uint32_t> signals_{0};
    sync::atomic<event*> told_{nullptr};
    sync::atomic<event*> told_of_delivery_{nullptr};
};

// Sits down, when an event has made the watchdog leave.
void sit_down(counted_polls& source) {
    while (!source.seat().try_take()) {
        source.happen();
        sync::yield_thread();
    }
    ++source.polled;
}
void sit(counted_polls& source) {
    sit_down(source);
    source.seat().leave(true);
}

[[nodiscard]] settings with_timeouts(unsigned preemptions, std::uint64_t schedules, unsigned timeouts = 2) {
    settings s = orders_only(preemptions, schedules);
    s.bounds.timeouts = timeouts;
    return s;
}

MODEL_WITH(poller_seat_model, the_watchdog_ends_while_it_polls, thorough(3, 6'000)) {
    counted_polls source;
    const model_thread watchdog([&] { source.seat().watch(source); });
    source.seat().close(source);
}

MODEL_WITH(poller_seat_model, the_watchdog_leaves_the_seat_to_a_worker_that_asked, thorough(2, 6'000)) {
    counted_polls source;
    const model_thread watchdog([&] { source.seat().watch(source); });
    if (!source.seat().try_take()) {
        source.happen();
        sit(source);
    }
    source.seat().close(source);
}

MODEL_WITH(poller_seat_model, two_workers_and_the_watchdog_sit_one_at_a_time, thorough(3, 6'000)) {
    counted_polls source;
    const model_thread watchdog([&] { source.seat().watch(source); });
    require(!source.seat().try_take(), "the watchdog holds it from the beginning");
    source.happen();
    const auto sit_if_free = [&] {
        if (source.seat().try_take()) {
            ++source.polled;
            source.seat().leave(true);
        }
    };
    {
        const model_thread other(sit_if_free);
        sit_if_free();
    }
    source.seat().close(source);
}

MODEL_WITH(poller_seat_model, the_watchdog_stays_when_what_came_woke_nobody, thorough(2, 6'000)) {
    counted_polls source;
    source.wakes_somebody = false;
    event next_wait;
    const model_thread watchdog([&] { source.seat().watch(source); });
    require(!source.seat().try_take(), "asks for it, and sleeps elsewhere");
    source.tell_of_next_wait(next_wait);
    source.happen();
    next_wait.wait();
    require(!source.seat().try_take(), "SEAT4: no worker would come");
    source.seat().close(source);
}

MODEL_WITH(poller_seat_model, the_watchdog_stays_when_who_was_woken_asks_again, thorough(2, 6'000)) {
    counted_polls source;
    event woken;
    source.tell_of_delivery(woken);
    event next_wait;
    const model_thread watchdog([&] { source.seat().watch(source); });
    require(!source.seat().try_take(), "asks for it, and sleeps elsewhere");
    source.happen();
    woken.wait();
    if (!source.seat().try_take()) {
        // Asleep again, before the watchdog has looked: it must not leave now.
        source.tell_of_next_wait(next_wait);
        source.happen();
        next_wait.wait();
    } else {
        ++source.polled;
        source.seat().leave(true);
    }
    source.seat().close(source);
}

MODEL_WITH(poller_seat_model, the_watchdog_takes_the_seat_when_nobody_comes, with_timeouts(2, 6'000)) {
    event second_sitting;
    counted_polls source;
    const model_thread watchdog([&] { source.seat().watch(source); });
    sit(source);
    source.tell_of_next_wait(second_sitting);
    source.happen();  // for a watchdog that waits already
    second_sitting.wait();
    source.seat().close(source);
}

MODEL_WITH(poller_seat_model, the_watchdog_sleeps_until_the_worker_leaves, with_timeouts(2, 6'000, 4)) {
    event after_worker;
    counted_polls source;
    const model_thread watchdog([&] { source.seat().watch(source); });
    sit_down(source);
    source.tell_of_next_wait(after_worker);
    source.seat().leave(true);
    after_worker.wait();  // SEAT2
    source.seat().close(source);
}

// ------------------------------------------------------------------------------------------------- in an executor

task<> wait_for_one(executor& ex) {
    co_await modelled_source::of(ex).next();
}

MODEL_WITH(poller_seat_model, an_event_reaches_the_task_of_the_only_worker, orders_only(2, 4'000)) {
    executor ex({.workers = 1});
    modelled_source& source = modelled_source::of(ex);
    const model_thread outside([&] { source.happen(); });
    ex.block_on(wait_for_one, std::ref(ex));
}

MODEL_WITH(poller_seat_model, an_event_reaches_its_task_on_two_workers, orders_only(2, 4'000)) {
    executor ex({.workers = 2});
    modelled_source& source = modelled_source::of(ex);
    const model_thread outside([&] { source.happen(); });
    ex.block_on(wait_for_one, std::ref(ex));
}

MODEL_WITH(poller_seat_model, events_reach_a_task_that_waits_again_and_again, orders_only(1, 4'000)) {
    executor ex({.workers = 1});
    modelled_source& source = modelled_source::of(ex);
    const model_thread outside([&] {
        source.happen();
        source.happen();
    });
    ex.block_on([&]() -> task<> {
        co_await source.next();
        co_await source.next();
    });
}

MODEL_WITH(poller_seat_model, a_task_from_outside_interrupts_the_worker_that_polls, orders_only(2, 4'000)) {
    executor ex({.workers = 1});
    modelled_source& source = modelled_source::of(ex);
    auto waiting = ex.spawn(wait_for_one, std::ref(ex));
    ex.block_on([]() -> task<> { co_return; });
    source.happen();
    ex.block_on([&]() -> task<> { co_await std::move(waiting); });
}

MODEL_WITH(poller_seat_model, two_events_for_two_tasks_on_two_workers, orders_only(1, 4'000)) {
    executor ex({.workers = 2});
    modelled_source& source = modelled_source::of(ex);
    auto first = ex.spawn(wait_for_one, std::ref(ex));
    const model_thread outside([&] {
        source.happen();
        source.happen();
    });
    ex.block_on(wait_for_one, std::ref(ex));
    ex.block_on([&]() -> task<> { co_await std::move(first); });
}

// The one that has got the first event computes until the second has been heard of: SEAT2.
MODEL_WITH(poller_seat_model, events_are_heard_while_who_polled_computes, with_timeouts(1, 4'000)) {
    executor ex({.workers = 2});
    modelled_source& source = modelled_source::of(ex);
    event second;
    auto computing = ex.spawn([&]() -> task<> {
        co_await source.next();
        second.wait();
    });
    source.happen();
    auto waiting = ex.spawn([&]() -> task<> {
        co_await source.next();
        second.happen();
    });
    source.happen();
    ex.block_on([&]() -> task<> {
        co_await std::move(computing);
        co_await std::move(waiting);
    });
}

// Nobody's time runs out, so once the watchdog has left the seat it does not come back.
MODEL_WITH(poller_seat_model, a_worker_that_never_rests_hears_of_events_itself, orders_only(1, 4'000)) {
    executor ex({.workers = 1});
    modelled_source& source = modelled_source::of(ex);
    bool second = false;
    const model_thread outside([&] {
        source.happen();
        source.happen();
    });
    ex.block_on([&]() -> task<> {
        co_await source.next();
        auto waiting = brigade::spawn([&]() -> task<> {
            co_await source.next();
            second = true;
        });
        while (!second) {
            sync::yield_thread();
            co_await brigade::yield();  // WRK7
        }
        co_await std::move(waiting);
    });
}

MODEL_WITH(poller_seat_model, who_is_resumed_by_hand_in_the_seat_hands_over_to_its_parent, orders_only(2, 4'000)) {
    executor ex({.workers = 1});
    modelled_source& source = modelled_source::of(ex);
    source.resume_by_hand();
    const model_thread outside([&] { source.happen(); });
    ex.block_on([&]() -> task<> {
        co_await brigade::call(wait_for_one(ex));
        co_await brigade::join();
    });
}

MODEL_WITH(poller_seat_model, the_executor_ends_while_a_worker_polls, orders_only(2, 4'000)) {
    executor ex({.workers = 2});
    static_cast<void>(modelled_source::of(ex));
}

}  // namespace
}  // namespace explore
