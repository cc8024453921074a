// Models of the protocol that must not lose a wake-up: who sleeps, and who is woken.
#include <array>
#include <optional>

#include "tests/explore/parts_of_idle_models.hpp"

namespace explore {
namespace {

MODEL(idle_model, a_task_published_while_the_only_worker_goes_to_sleep_is_seen) {
    small_world w(1);
    const model_thread producer([&] { w.inject(); });
    require(w.work(0, 1) == 1, "IDLE1: one of them acts");
}

MODEL(idle_model, the_producer_sees_a_sleeper_or_the_sleeper_sees_the_task) {
    small_world w(1);
    std::optional<unsigned> picked;
    bool found = false;
    {
        const model_thread producer([&] { picked = w.pick_for_outsider(); });
        w.idlers.sleep(0, false);
        found = w.tasks.load(std::memory_order_relaxed) == 1;  // ordered by sleep()
    }
    require(picked.has_value() || found, "IDLE1");
}

MODEL(idle_model, a_worker_that_publishes_sees_the_sleeper_or_the_sleeper_sees_the_task) {
    small_world w(2);
    std::optional<unsigned> picked;
    bool found = false;
    {
        const model_thread worker([&] {
            w.tasks.store(1, std::memory_order_relaxed);  // ordered by pick(): worker 1 is awake
            picked = w.idlers.pick();
        });
        w.idlers.sleep(0, false);
        found = w.tasks.load(std::memory_order_relaxed) == 1;  // ordered by sleep()
    }
    require(picked.has_value() || found, "IDLE1");
}

MODEL(idle_model, two_workers_that_publish_and_sleep_at_once_leave_nothing) {
    small_world w(2);
    const auto worker = [&](unsigned me) {
        w.produce();
        require(w.work(me, 1) == 1, "IDLE5: the last one awake sees what the other has left");
    };
    const model_thread other([&] { worker(1); });
    worker(0);
}

MODEL(idle_model, who_is_woken_beside_the_last_one_awake_sees_it_asleep_or_is_seen) {
    small_world w(2);
    w.idlers.sleep(1, false);
    std::optional<unsigned> picked;
    bool found = false;
    {
        const model_thread woken([&] {
            require(w.idlers.pick_any() == 1, "who holds the seat comes last");
            static_cast<void>(w.idlers.stop_searching());
            w.tasks.store(1, std::memory_order_relaxed);  // ordered by pick(): worker 1 is awake
            picked = w.idlers.pick();
        });
        w.idlers.sleep_in_seat(0, false);
        found = w.tasks.load(std::memory_order_relaxed) == 1;  // ordered by sleep_in_seat()
    }
    require(picked.has_value() || found, "IDLE5");
}

MODEL(idle_model, who_holds_the_seat_gets_up_by_itself_or_is_picked) {
    small_world w(1);
    w.idlers.sleep_in_seat(0, false);
    std::optional<unsigned> picked;
    bool rejoined = false;
    {
        const model_thread producer([&] { picked = w.idlers.pick(); });
        rejoined = w.idlers.rejoin(0) != idle::rejoined::picked;
    }
    require(rejoined != picked.has_value(), "IDLE3: exactly one counts it as awake");
    require(w.idlers.start_searching() == rejoined, "and who picks it counts it as searching");
}

MODEL(idle_model, who_holds_the_seat_and_finds_a_task_picks_itself_unless_it_has_been_picked) {
    small_world w(1);
    w.idlers.sleep_in_seat(0, false);
    std::optional<unsigned> picked;
    bool by_itself = false;
    {
        const model_thread producer([&] { picked = w.idlers.pick(); });
        by_itself = w.idlers.pick_itself(0);
    }
    require(by_itself != picked.has_value(), "IDLE3: exactly one counts it as awake");
    require(w.idlers.stop_searching(), "and as searching");
}

MODEL_WITH(idle_model, tasks_of_a_worker_and_of_an_outsider_reach_two_workers, thorough(2, 6'000)) {
    small_world w(2);
    const model_thread other([&] {
        w.produce();
        w.work(1, 1);
    });
    const model_thread outsider([&] { w.inject(); });
    require(w.work(0, 1) == 1, "each takes one, and neither sleeps for ever");
}

MODEL(idle_model, two_producers_wake_one_sleeper_once) {
    small_world w(1);
    w.idlers.sleep(0, false);
    std::array<std::optional<unsigned>, 2> picked;
    {
        const model_thread first([&] { picked[0] = w.idlers.pick(); });
        picked[1] = w.idlers.pick();
    }
    require(picked[0].has_value() != picked[1].has_value(), "IDLE3: who is woken has been taken off the stack");
}

MODEL(idle_model, the_one_that_has_slept_least_is_woken) {
    small_world w(2);
    w.idlers.sleep(0, false);
    std::optional<unsigned> picked;
    {
        const model_thread other([&] { w.idlers.sleep(1, false); });
        picked = w.idlers.pick_any();
    }
    require(picked.has_value(), "one sleeps already");
    const std::optional<unsigned> rest = w.idlers.pick_any();
    require(rest.has_value() && *rest != *picked, "the other is still on the stack");
    require(!w.idlers.pick_any().has_value(), "and then nobody");
}

MODEL(idle_model, two_tasks_for_one_worker_that_sleeps_in_between) {
    small_world w(1);
    const model_thread producer([&] {
        w.inject();
        w.inject();
    });
    require(w.work(0, 2) == 2, "both");
}

MODEL(idle_model, two_producers_for_one_worker) {
    small_world w(1);
    const model_thread first([&] { w.inject(); });
    const model_thread second([&] { w.inject(); });
    require(w.work(0, 2) == 2, "both");
}

MODEL_WITH(idle_model, two_tasks_for_two_workers, thorough(2, 6'000)) {
    small_world w(2);
    const model_thread other([&] { w.work(1, 1); });
    const model_thread producer([&] {
        w.inject();
        w.inject();
    });
    require(w.work(0, 1) == 1, "each takes one, and neither sleeps for ever");
}

MODEL(idle_model, the_stop_wakes_a_worker_that_goes_to_sleep) {
    small_world w(1);
    const model_thread stopper([&] { w.stop(); });
    require(w.work(0, 1) == 0, "it ends without a task");
}

MODEL(idle_model, the_stop_wakes_both_workers) {
    small_world w(2);
    const model_thread other([&] { w.work(1, 1); });
    const model_thread stopper([&] { w.stop(); });
    w.work(0, 1);
}

MODEL_WITH(idle_model, the_stop_after_the_last_task_has_ended, thorough(2, 6'000)) {
    small_world w(2);
    sync::atomic<int> done{0};
    const auto worker = [&](unsigned me) {
        while (w.work(me, 1) == 1) {
            done.fetch_add(1, std::memory_order_release);  // pairs: the load below
        }
    };
    const model_thread first([&] { worker(0); });
    const model_thread second([&] { worker(1); });
    w.inject();
    w.inject();
    while (done.load(std::memory_order_acquire) != 2) {  // pairs: the addition above
        sync::yield_thread();
    }
    w.stop();
}

MODEL(idle_model, what_the_stopper_wrote_is_seen_by_the_worker_that_ends) {
    small_world w(1);
    int farewell = 0;
    const model_thread stopper([&] {
        farewell = 1;
        w.stop();
    });
    w.work(0, 1);
    require(farewell == 1, "ordered by the flag or by the token");
}

MODEL(idle_model, a_producer_and_a_stopper_wake_the_same_sleeper_once) {
    small_world w(1);
    w.idlers.sleep(0, false);
    std::array<std::optional<unsigned>, 2> picked;
    {
        const model_thread stopper([&] { picked[1] = w.idlers.pick_any(); });
        picked[0] = w.idlers.pick();
    }
    require(picked[0].has_value() != picked[1].has_value(), "IDLE3");
}

}  // namespace
}  // namespace explore
