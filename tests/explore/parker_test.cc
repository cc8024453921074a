// Models of where one worker sleeps.
#include <array>

#include "tests/explore/parts_of_models.hpp"

#include "executor/idle.hpp"

namespace explore {
namespace {

using brigade::detail::parker;
namespace sync = brigade::detail::sync;

MODEL(parker_model, a_token_before_the_wait_is_kept) {
    parker p;
    p.unpark();
    p.wait();
}

MODEL(parker_model, the_wait_ends_whenever_the_token_comes) {
    parker p;
    const model_thread waker([&] { p.unpark(); });
    p.wait();
}

// [model]
MODEL(parker_model, who_is_woken_sees_what_the_waker_wrote) {
    parker p;
    int payload = 0;
    const model_thread waker([&] {
        payload = 1;
        p.unpark();
    });
    p.wait();
    require(payload == 1, "written before the wake-up");
}
// [/model]

MODEL(parker_model, who_looks_without_waiting_sees_it_as_well) {
    parker p;
    int payload = 0;
    const model_thread waker([&] {
        payload = 1;
        p.unpark();
    });
    while (!p.try_wait()) {
        sync::yield_thread();
    }
    require(payload == 1, "written before the wake-up");
}

MODEL(parker_model, each_of_two_waits_needs_a_token_of_its_own) {
    parker p;
    sync::atomic<int> rounds{0};
    {
        const model_thread waker([&] {
            p.unpark();
            // pairs: the store below; as the owner enters the stack under the lock under which it is taken off.
            while (rounds.load(std::memory_order_acquire) == 0) {
                sync::yield_thread();
            }
            p.unpark();
        });
        p.wait();
        rounds.store(1, std::memory_order_release);  // pairs: the load above
        p.wait();
    }
}

MODEL_WITH(parker_model, a_wait_outlasts_returns_without_a_reason, [] {
    settings s;
    s.bounds.spurious = 3;
    return s;
}()) {
    parker p;
    bool woken = false;
    const model_thread waker([&] {
        woken = true;
        p.unpark();
    });
    p.wait();
    require(woken, "only the token ends the wait");
}

MODEL(parker_model, two_parked_threads_are_woken_one_by_one) {
    std::array<parker, 2> parkers;
    int payload = 0;
    const model_thread other([&] {
        parkers[1].wait();
        require(payload == 1, "handed on");
        parkers[0].unpark();
    });
    payload = 1;
    parkers[1].unpark();
    parkers[0].wait();
}

MODEL(parker_model, a_token_before_the_poll_keeps_the_owner_from_it) {
    parker p;
    require(!p.unpark(), "nobody to interrupt");
    require(!p.begin_polling(), "it would not be interrupted");
    p.wait();
}

MODEL(parker_model, a_token_after_the_poll_is_for_the_wait) {
    parker p;
    require(p.begin_polling(), "no token");
    require(!p.end_polling(), "none has come");
    require(!p.unpark(), "nobody to interrupt");
    p.wait();
}

MODEL(parker_model, who_polls_is_interrupted_or_does_not_begin_or_finds_the_token_afterwards) {
    parker p;
    bool interrupted = false;
    bool began = false;
    bool token = false;
    {
        const model_thread waker([&] { interrupted = p.unpark(); });
        began = p.begin_polling();
        token = began && p.end_polling();
        p.wait();  // whatever the case
    }
    require(!interrupted || (began && token), "only who has begun is interrupted, and then the token is there");
    require(began || !interrupted, "who has not begun need not be");
}

MODEL(parker_model, who_interrupts_finds_where_the_owner_polls) {
    parker p;
    int place = 0;
    {
        const model_thread owner([&] {
            place = 1;
            if (p.begin_polling()) {
                static_cast<void>(p.end_polling());
            }
            p.wait();
        });
        if (p.unpark()) {
            require(place == 1, "written before the poll began");
        }
    }
}

}  // namespace
}  // namespace explore
