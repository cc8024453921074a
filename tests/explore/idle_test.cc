// Models of the protocol that must not lose a wake-up: a few lines stand for each worker.
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "tests/explore/parts_of_models.hpp"

#include "executor/idle.hpp"

namespace explore {
namespace {

using brigade::detail::idle;
using brigade::detail::parker;
namespace sync = brigade::detail::sync;

// Workers as idle.hpp sees them. Tasks are numbers in a counter, so that nothing but the protocol orders anything.
struct small_world {
    explicit small_world(unsigned workers) : idlers(workers), parkers(std::make_unique<parker[]>(workers)) {}

    void wake_one() {
        if (const std::optional<unsigned> sleeper = idlers.pick()) {
            parkers[*sleeper].unpark();
        }
    }
    // By a worker.
    void produce() {
        tasks.fetch_add(1, std::memory_order_relaxed);  // P1; P2 orders it
        wake_one();
    }
    // By any other thread, as scheduler::inject().
    void inject() {
        tasks.fetch_add(1, std::memory_order_relaxed);  // P1; the fence orders it
        sync::full_fence();                             // pairs: the fence of idle::sleep()
        wake_one();
    }
    [[nodiscard]] bool take() {
        int seen = tasks.load(std::memory_order_relaxed);
        while (seen > 0) {
            if (tasks.compare_exchange_weak(seen, seen - 1, std::memory_order_relaxed)) {
                return true;
            }
        }
        return false;
    }
    void stop() {
        stopping.store(true, std::memory_order_release);  // pairs: the load in work()
        while (wake_any()) {
        }
    }
    bool wake_any() {
        const std::optional<unsigned> sleeper = idlers.pick_any();
        if (sleeper) {
            parkers[*sleeper].unpark();
        }
        return sleeper.has_value();
    }
    // As worker::stop_searching().
    void stop_searching(bool& searching) {
        if (std::exchange(searching, false) && idlers.stop_searching() &&
            (!idlers.is_last_awake() || tasks.load(std::memory_order_relaxed) > 0)) {
            wake_one();
        }
    }
    // As worker::sleep().
    void go_to_sleep(unsigned me, bool searching) {
        idlers.sleep(me, searching);
        if (tasks.load(std::memory_order_relaxed) > 0) {
            wake_one();
        }
        if (stopping.load(std::memory_order_acquire)) {  // pairs: the store in stop()
            wake_any();
        }
        parkers[me].wait();
    }
    // Takes tasks until it has `enough`, or the stop. As worker::find_work().
    int work(unsigned me, int enough) {
        int done = 0;
        bool searching = false;
        while (done < enough) {
            if (!searching) {
                searching = idlers.start_searching();
            }
            if (take()) {
                stop_searching(searching);
                ++done;
            } else if (stopping.load(std::memory_order_acquire)) {  // pairs: the store in stop()
                break;
            } else {
                go_to_sleep(me, searching);
                searching = true;
            }
        }
        stop_searching(searching);
        return done;
    }

    idle idlers;
    std::unique_ptr<parker[]> parkers;
    sync::atomic<int> tasks{0};
    sync::atomic<bool> stopping{false};
};

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
        const model_thread producer([&] {
            w.tasks.store(1, std::memory_order_relaxed);
            sync::full_fence();  // pairs: the fence of idle::sleep()
            picked = w.idlers.pick();
        });
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
        rejoined = w.idlers.rejoin(0);
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

MODEL(idle_model, who_holds_the_seat_leaves_what_it_finds_to_who_searches) {
    small_world w(2);
    require(w.idlers.start_searching(), "nobody else does");
    w.idlers.sleep_in_seat(1, false);
    bool last = false;
    bool by_itself = false;
    {
        const model_thread searcher([&] { last = w.idlers.stop_searching(); });
        by_itself = w.idlers.pick_itself(1);
    }
    require(last && (by_itself || w.idlers.pick() == 1), "IDLE2: the last to search wakes it");
}

MODEL(idle_model, the_last_one_awake_that_ends_its_search_sees_the_task_of_who_relied_on_it) {
    small_world w(2);
    w.idlers.sleep(1, false);
    require(w.idlers.start_searching(), "nobody else does");
    std::optional<unsigned> picked;
    bool woken = true;
    {
        const model_thread outsider([&] {
            w.tasks.store(1, std::memory_order_relaxed);
            sync::full_fence();  // pairs: the fence of idle::is_last_awake()
            picked = w.idlers.pick();
        });
        require(w.idlers.stop_searching(), "nobody else does");
        woken =
            !w.idlers.is_last_awake() || w.tasks.load(std::memory_order_relaxed) == 1;  // ordered by is_last_awake()
    }
    require(picked.has_value() || woken, "IDLE2");
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

MODEL(idle_model, two_producers_wake_at_most_one_of_two_while_that_one_searches) {
    small_world w(2);
    w.idlers.sleep(0, false);
    w.idlers.sleep(1, false);
    std::array<std::optional<unsigned>, 2> picked;
    {
        const model_thread first([&] { picked[0] = w.idlers.pick(); });
        picked[1] = w.idlers.pick();
    }
    require(picked[0].has_value() != picked[1].has_value(), "the one that is woken searches for both");
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

MODEL(idle_model, at_most_half_search) {
    small_world w(2);
    std::array<bool, 2> searching{};
    {
        const model_thread other([&] { searching[1] = w.idlers.start_searching(); });
        searching[0] = w.idlers.start_searching();
    }
    require(searching[0] != searching[1], "one of two");
}

MODEL(idle_model, at_most_half_of_three_search_rounded_up) {
    small_world w(3);
    std::array<bool, 3> searching{};
    {
        const model_thread first([&] { searching[1] = w.idlers.start_searching(); });
        const model_thread second([&] { searching[2] = w.idlers.start_searching(); });
        searching[0] = w.idlers.start_searching();
    }
    require(searching[0] + searching[1] + searching[2] == 2, "two of three");
}

MODEL(idle_model, one_of_two_that_stop_searching_is_the_last) {
    small_world w(4);
    require(w.idlers.start_searching() && w.idlers.start_searching(), "two of four may");
    std::array<bool, 2> last{};
    {
        const model_thread other([&] { last[1] = w.idlers.stop_searching(); });
        last[0] = w.idlers.stop_searching();
    }
    require(last[0] != last[1], "IDLE2: one of them wakes another");
}

MODEL(idle_model, a_producer_wakes_nobody_while_somebody_searches) {
    small_world w(2);
    w.idlers.sleep(1, false);
    require(w.idlers.start_searching(), "nobody else does");
    bool last = false;
    std::optional<unsigned> by_producer;
    std::optional<unsigned> by_searcher;
    {
        const model_thread producer([&] {
            w.tasks.fetch_add(1, std::memory_order_relaxed);
            sync::full_fence();  // pairs: the fence of idle::sleep()
            by_producer = w.idlers.pick();
        });
        last = w.idlers.stop_searching();
        by_searcher = last ? w.idlers.pick() : std::nullopt;
    }
    require(last, "it was the only one");
    require(by_producer.has_value() != by_searcher.has_value(), "IDLE2: one of them wakes the sleeper");
}

MODEL(idle_model, a_searcher_that_goes_to_sleep_sees_the_task_of_who_relied_on_it) {
    small_world w(2);
    w.idlers.sleep(1, false);
    require(w.idlers.start_searching(), "nobody else does");
    std::optional<unsigned> picked;
    bool found = false;
    {
        const model_thread producer([&] {
            w.tasks.store(1, std::memory_order_relaxed);
            sync::full_fence();  // pairs: the fence of idle::sleep()
            picked = w.idlers.pick();
        });
        w.idlers.sleep(0, true);
        found = w.tasks.load(std::memory_order_relaxed) == 1;  // ordered by sleep()
    }
    require(picked.has_value() || found, "IDLE2");
}

MODEL(idle_model, who_robs_two_leaves_the_second_to_the_other_searcher) {
    small_world w(3);
    require(w.idlers.start_searching() && w.idlers.start_searching(), "two of three may");
    sync::atomic<int> second{0};  // the second task, in the queue of the worker that has robbed both
    const model_thread robber([&] {
        second.store(1, std::memory_order_relaxed);  // ordered by stop_searching()
        if (w.idlers.stop_searching()) {
            w.wake_one();
        }
        // It computes now, for as long as it likes: somebody else must find the second task.
    });
    if (second.load(std::memory_order_relaxed) == 0) {
        w.idlers.sleep(1, true);
        if (second.load(std::memory_order_relaxed) != 0) {  // ordered by sleep()
            w.wake_one();
        }
        w.parkers[1].wait();  // IDLE2
    }
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

MODEL_WITH(idle_model, a_worker_that_finds_two_tasks_leaves_one_to_a_sleeper, thorough(2, 6'000)) {
    small_world w(2);
    w.tasks.store(2, std::memory_order_relaxed);  // nobody else is there yet
    const model_thread other([&] { w.work(1, 1); });
    require(w.work(0, 1) == 1, "the last to search wakes another");
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
