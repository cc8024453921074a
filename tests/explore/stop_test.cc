// Models of stop requests: callbacks that come, run and go while a stop is requested.
#include <array>
#include <memory>
#include <optional>

#include "tests/explore/parts_of_models.hpp"

namespace explore {
namespace {

using brigade::stop_callback;
using brigade::stop_source;
using brigade::stop_token;
using brigade::detail::stop_hook;
namespace sync = brigade::detail::sync;

// A hook that counts its runs; the count is plain memory.
struct counting_hook : stop_hook {
    counting_hook() noexcept : stop_hook([](stop_hook& self) noexcept { ++static_cast<counting_hook&>(self).runs; }) {}
    ~counting_hook() { detach(); }  // before runs goes
    int runs = 0;
};

MODEL(stop_model, a_callback_that_comes_with_the_stop_runs_once) {
    stop_source source;
    int runs = 0;
    {
        std::optional<model_thread> stopper;
        stopper.emplace([&] { source.request_stop(); });
        const stop_callback callback(stop_token(source), [&] { ++runs; });
        stopper.reset();
        require(runs == 1, "STOP1: by the request or by its constructor");
    }
}

MODEL(stop_model, an_attach_that_succeeds_is_followed_by_the_run) {
    stop_source source;
    counting_hook hook;
    bool attached = false;
    {
        const model_thread stopper([&] { source.request_stop(); });
        attached = hook.attach(&source);
    }
    require(hook.runs == (attached ? 1 : 0), "STOP1, STOP3");
}

MODEL(stop_model, a_callback_that_is_destroyed_is_not_touched_again) {
    stop_source source;
    const model_thread stopper([&] { source.request_stop(); });
    auto hook = std::make_unique<counting_hook>();
    if (hook->attach(&source)) {
        hook.reset();  // STOP2
    }
}

MODEL(stop_model, a_detach_waits_for_the_run_to_end) {
    stop_source source;
    counting_hook hook;
    require(hook.attach(&source), "before the stop");
    const model_thread stopper([&] { source.request_stop(); });
    hook.detach();
    const int runs = hook.runs;
    require(runs <= 1, "STOP1");
    require(hook.runs == runs, "STOP2: no run after the detach");
}

MODEL(stop_model, what_a_callback_wrote_is_seen_after_its_destruction) {
    stop_source source;
    int written = 0;
    auto callback = std::make_unique<stop_callback<std::function<void()>>>(stop_token(source),
                                                                           std::function<void()>([&] { ++written; }));
    const model_thread stopper([&] { source.request_stop(); });
    callback.reset();
    require(written <= 1, "no data race");
}

MODEL(stop_model, one_of_two_requests_is_the_first) {
    stop_source source;
    counting_hook hook;
    require(hook.attach(&source), "before the stop");
    std::array<bool, 2> first{};
    {
        const model_thread other([&] { first[1] = source.request_stop(); });
        first[0] = source.request_stop();
    }
    require(first[0] != first[1], "one of them");
    require(hook.runs == 1, "STOP1");
}

MODEL(stop_model, two_callbacks_run_on_one_request) {
    stop_source source;
    std::array<counting_hook, 2> hooks;
    {
        const model_thread stopper([&] { source.request_stop(); });
        const bool one = hooks[0].attach(&source);
        const bool two = hooks[1].attach(&source);
        require(one || !two, "there is no way back");
        hooks[0].detach();
        hooks[1].detach();
    }
    require(hooks[0].runs <= 1 && hooks[1].runs <= 1, "STOP1");
}

MODEL(stop_model, two_threads_attach_while_a_third_stops) {
    stop_source source;
    std::array<counting_hook, 2> hooks;
    std::array<bool, 2> attached{};
    {
        const model_thread stopper([&] { source.request_stop(); });
        const model_thread other([&] { attached[1] = hooks[1].attach(&source); });
        attached[0] = hooks[0].attach(&source);
    }
    require(hooks[0].runs == (attached[0] ? 1 : 0) && hooks[1].runs == (attached[1] ? 1 : 0), "STOP1, STOP3");
}

MODEL(stop_model, a_callback_that_leaves_the_middle_of_the_list) {
    stop_source source;
    counting_hook oldest;
    std::optional<counting_hook> middle(std::in_place);
    counting_hook newest;
    require(oldest.attach(&source) && middle->attach(&source) && newest.attach(&source), "before the stop");
    {
        const model_thread stopper([&] { source.request_stop(); });
        middle.reset();
    }
    require(oldest.runs == 1 && newest.runs == 1, "the others run");
}

MODEL(stop_model, two_neighbours_leave_the_list_at_once) {
    stop_source source;
    std::array<std::optional<counting_hook>, 3> hooks;
    for (auto& hook : hooks) {
        require(hook.emplace().attach(&source), "before the stop");
    }
    {
        const model_thread other([&] { hooks[1].reset(); });
        hooks[2].reset();
    }
    source.request_stop();
    require(hooks[0]->runs == 1, "the list is whole");
}

MODEL(stop_model, a_callback_destroys_itself_while_another_thread_requests_too) {
    stop_source source;
    struct self_destroying : stop_hook {
        self_destroying() noexcept
            : stop_hook([](stop_hook& self) noexcept { delete static_cast<self_destroying*>(&self); }) {}
    };
    auto* const hook = new self_destroying;
    require(hook->attach(&source), "before the stop");
    const model_thread other([&] { source.request_stop(); });
    source.request_stop();
}

MODEL(stop_model, a_callback_destroys_the_next_one) {
    stop_source source;
    std::optional<counting_hook> victim(std::in_place);
    require(victim->attach(&source), "before the stop");
    struct destroyer : stop_hook {
        explicit destroyer(std::optional<counting_hook>& v) noexcept
            : stop_hook([](stop_hook& self) noexcept { static_cast<destroyer&>(self).target.reset(); }), target(v) {}
        std::optional<counting_hook>& target;
    } hook(victim);
    require(hook.attach(&source), "before the stop");
    {
        const model_thread stopper([&] { source.request_stop(); });
        hook.detach();
    }
}

MODEL(stop_model, a_callback_that_requests_the_stop_again_is_told_that_it_was_not_the_first) {
    stop_source source;
    bool again = false;
    bool here = false;
    bool there = false;
    {
        const stop_callback callback(stop_token(source), [&] { again = source.request_stop(); });
        const model_thread stopper([&] { there = source.request_stop(); });
        here = source.request_stop();
    }
    require(here != there && !again, "and there is no deadlock");
}

MODEL(stop_model, who_sees_the_stop_sees_what_was_written_before_it) {
    stop_source source;
    int reason = 0;
    const model_thread stopper([&] {
        reason = 1;
        source.request_stop();
    });
    if (stop_token(source).stop_requested()) {
        require(reason == 1, "the reason");
    }
}

MODEL(stop_model, who_comes_too_late_to_attach_sees_what_was_written_before_the_stop) {
    stop_source source;
    int reason = 0;
    const model_thread stopper([&] {
        reason = 1;
        source.request_stop();
    });
    counting_hook hook;
    if (!hook.attach(&source)) {
        require(reason == 1, "STOP3: the reason");
    }
    hook.detach();
}

MODEL(stop_model, a_callback_sees_what_was_written_before_it_was_attached) {
    stop_source source;
    std::unique_ptr<int> payload;
    int seen = 0;
    {
        const model_thread stopper([&] { source.request_stop(); });
        payload = std::make_unique<int>(4);
        const stop_callback callback(stop_token(source), [&] { seen += *payload; });
    }
    require(seen == 0 || seen == 4, "complete or not at all");
}

MODEL(stop_model, an_inner_source_hands_the_stop_on_and_goes) {
    stop_source outer;
    const model_thread stopper([&] { outer.request_stop(); });
    {
        stop_source inner;
        const stop_callback inherit(stop_token(outer), [&] { inner.request_stop(); });
        counting_hook hook;
        const bool attached = hook.attach(&inner);
        require(attached || inner.stop_requested(), "refused only after the stop");
        hook.detach();
        require(hook.runs == 0 || outer.stop_requested(), "stopped only by the outer one");
    }
}

MODEL(stop_model, a_hook_goes_from_one_source_to_another) {
    stop_source first;
    stop_source second;
    counting_hook hook;
    require(hook.attach(&first), "before the stop");
    bool attached = false;
    {
        const model_thread stopper([&] {
            first.request_stop();
            second.request_stop();
        });
        hook.detach();
        hook.runs = 0;
        attached = hook.attach(&second);
    }
    require(hook.runs == (attached ? 1 : 0), "once it has left the first it hears of the second alone");
}

MODEL(stop_model, two_requesters_and_a_callback_that_goes) {
    stop_source source;
    const model_thread first([&] { source.request_stop(); });
    const model_thread second([&] { source.request_stop(); });
    auto hook = std::make_unique<counting_hook>();
    if (hook->attach(&source)) {
        hook.reset();
    }
}

}  // namespace
}  // namespace explore
