// Models of the sleeper that stands by: on which a worker relies for the only task that is ready there (IDLE7).
#include <array>
#include <optional>

#include "tests/explore/parts_of_idle_models.hpp"

namespace explore {
namespace {

using rejoined = idle::rejoined;

// Worker 0 is awake in all of them. The only task of a worker is a flag of its own.
struct lone_task {
    // As worker::push_ready(). Whether it has been left to who stands by.
    bool publish(small_world& w) {
        there.store(true, std::memory_order_relaxed);  // P1; P2 orders it
        left_to_standby = w.idlers.rely_on_standby();
        return left_to_standby;
    }
    // As has_visible_work(), behind a fence of the sleeper.
    [[nodiscard]] bool is_seen() const { return there.load(std::memory_order_relaxed); }

    sync::atomic<bool> there{false};
    bool left_to_standby = false;
};

MODEL(standby_model, who_goes_to_sleep_beside_others_stands_by_one_at_a_time) {
    small_world w(3);
    std::array<bool, 2> stands_by{};
    {
        const model_thread other([&] { stands_by[1] = w.idlers.sleep(2, false); });
        stands_by[0] = w.idlers.sleep(1, false);
    }
    require(stands_by[0] != stands_by[1], "IDLE7: one of them");
    require(!w.idlers.sleep(0, false), "nor the last one: nobody could rely on it");
}

MODEL(standby_model, a_task_left_to_who_stands_by_is_seen_in_the_end) {
    small_world w(2);
    lone_task task;
    require(w.idlers.sleep(1, false), "it stands by");
    bool seen = false;
    bool goes_on = false;
    {
        const model_thread producer([&] { task.publish(w); });
        goes_on = w.idlers.go_on_standing_by(1);
        seen = goes_on && task.is_seen();
    }
    require(task.left_to_standby == goes_on && seen == goes_on, "IDLE7: who reads that it stands by has marked it");
}

MODEL(standby_model, two_tasks_left_to_who_stands_by_are_both_seen) {
    small_world w(3);
    lone_task first;
    lone_task second;
    require(w.idlers.sleep(1, false), "it stands by");
    require(first.publish(w), "the first marks it as relied on");
    bool goes_on = false;
    bool seen = false;
    {
        const model_thread producer([&] { second.publish(w); });  // the mark is there, or has just been taken
        goes_on = w.idlers.go_on_standing_by(1);
        seen = second.is_seen();
    }
    require(goes_on && first.is_seen(), "IDLE7: the first");
    require(seen || w.idlers.go_on_standing_by(1), "IDLE7: the second, in this look or in the next");
}

MODEL(standby_model, who_stands_by_for_nobody_stops_it_and_whoever_comes_then_wakes_it) {
    small_world w(2);
    lone_task task;
    require(w.idlers.sleep_in_seat(1, false), "it stands by");
    require(!w.idlers.go_on_standing_by(1), "nobody has relied on it");
    bool relied = true;
    {
        const model_thread producer([&] { relied = task.publish(w); });
        require(!w.idlers.go_on_standing_by(1), "nor does anybody now");
    }
    require(!relied && w.idlers.pick() == 1, "the producer wakes it");
}

MODEL(standby_model, who_is_woken_by_events_ends_a_search_if_it_has_been_relied_on) {
    small_world w(3);
    lone_task task;
    require(w.idlers.sleep_in_seat(1, false) && !w.idlers.sleep(2, false), "the first one stands by");
    rejoined how = rejoined::picked;
    {
        const model_thread producer([&] { task.publish(w); });
        how = w.idlers.rejoin(1);
    }
    require(how != rejoined::picked, "nobody has picked it");
    require(task.left_to_standby == (how == rejoined::searching), "IDLE7");
    if (how == rejoined::searching) {
        require(w.idlers.stop_searching() && !w.idlers.is_last_awake() && w.idlers.pick() == 2, "IDLE2: wakes another");
    }
}

// Who stood by finds another task, and leaves the lone one to a third worker, or sleeps and sees it.
MODEL(standby_model, who_is_picked_while_it_stands_by_searches_for_who_relied_on_it) {
    small_world w(2);
    lone_task task;
    require(w.idlers.sleep(1, false), "it stands by");
    bool seen = false;
    {
        const model_thread producer([&] { task.publish(w); });
        if (w.idlers.pick_any()) {
            w.idlers.sleep(1, true);  // it has found nothing
            seen = task.is_seen();
        }
    }
    require(seen || !task.left_to_standby || w.idlers.go_on_standing_by(1), "IDLE2, IDLE7");
}

MODEL(standby_model, the_mark_of_one_time_does_not_outlive_it) {
    small_world w(2);
    lone_task task;
    require(w.idlers.sleep_in_seat(1, false) && task.publish(w), "it stands by, and is relied on");
    require(w.idlers.rejoin(1) == rejoined::searching && w.idlers.stop_searching(), "it gets up");
    require(w.idlers.sleep_in_seat(1, false), "and stands by anew");
    require(!w.idlers.go_on_standing_by(1), "for nobody");
}

}  // namespace
}  // namespace explore
