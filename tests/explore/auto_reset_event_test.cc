// Models of the auto-reset event: who gets the permit when sets and waits meet.
#include <array>
#include <memory>
#include <optional>

#include "tests/explore/parts_of_event_models.hpp"

namespace explore {
namespace {

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

MODEL(auto_reset_event_model, who_arrives_beside_one_that_is_let_go_touches_nothing_after_that) {
    auto event = std::make_unique<auto_reset_event>();
    hand_run_wait first(*event);
    hand_run_wait second(*event);
    require(first.arrive(), "there is no permit");
    const model_thread arriving([&] { second.arrive_and_leave(); });
    const model_thread setter([&] {
        event->set();
        event->set();
    });
    require(first.go_on() && second.go_on_elsewhere(), "EVT1: one for each");
    event.reset();  // EVT5
}

MODEL(auto_reset_event_model, who_is_stopped_as_it_arrives_goes_on_elsewhere) {
    auto_reset_event event;
    stop_source stop;
    hand_run_wait w(event, &stop);
    const model_thread arriving([&] { w.arrive_and_leave(); });
    stop.request_stop();
    if (w.times_resumed() == 1) {  // and has not been stopped before it began
        require(!w.go_on_elsewhere(), "EVT2: without a permit");
    }
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

}  // namespace
}  // namespace explore
