// Models of the protocol that must not lose a wake-up: who searches, and who relies on it.
#include <array>
#include <optional>

#include "tests/explore/parts_of_idle_models.hpp"

namespace explore {
namespace {

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
        const model_thread outsider([&] { picked = w.pick_for_outsider(); });
        require(w.idlers.stop_searching(), "nobody else does");
        woken =
            !w.idlers.is_last_awake() || w.tasks.load(std::memory_order_relaxed) == 1;  // ordered by is_last_awake()
    }
    require(picked.has_value() || woken, "IDLE2");
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
        const model_thread producer([&] { by_producer = w.pick_for_outsider(); });
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
        const model_thread producer([&] { picked = w.pick_for_outsider(); });
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

MODEL_WITH(idle_model, a_worker_that_finds_two_tasks_leaves_one_to_a_sleeper, thorough(2, 6'000)) {
    small_world w(2);
    w.tasks.store(2, std::memory_order_relaxed);  // nobody else is there yet
    const model_thread other([&] { w.work(1, 1); });
    require(w.work(0, 1) == 1, "the last to search wakes another");
}

}  // namespace
}  // namespace explore
