// Models of what stands behind a join_handle: the end of a job, who waits for it, who frees it.
#include <array>
#include <memory>
#include <stdexcept>

#include "tests/explore/parts_of_models.hpp"

#include "executor/idle.hpp"
#include "executor/task_registry.hpp"

namespace explore {
namespace {

using brigade::detail::join_waiter;
using brigade::detail::parker;
using brigade::detail::spawn_reference;
using brigade::detail::task_registry;

// A waiter that is gone as soon as its owner goes on, as the frame of an awaiting coroutine is.
struct parked_waiter : join_waiter {
    explicit parked_waiter(parker& p) noexcept
        : join_waiter([](join_waiter& self) noexcept { static_cast<parked_waiter&>(self).wake_owner(); }), owner(p) {}
    void wake_owner() noexcept {
        parker& p = owner;  // *this may be gone once the owner has its token
        ++wakes;
        p.unpark();
    }
    parker& owner;
    int wakes = 0;
};

// And who is to wait for the job.
struct job_with_waiter : registered_job {
    parker p;
    std::unique_ptr<parked_waiter> w = std::make_unique<parked_waiter>(p);
};

// A scheduler of which no thread of a model is a worker; nobody looks into it.
brigade::detail::scheduler& elsewhere() noexcept {
    static char place;
    return *reinterpret_cast<brigade::detail::scheduler*>(&place);
}

// Waits for the job as an awaiting coroutine does; gives whether it was suspended, and frees the waiter.
bool wait_and_free(hand_run_job& job, parker& p) {
    const auto w = std::make_unique<parked_waiter>(p);
    if (!job.wait(*w)) {
        return false;
    }
    p.wait();
    require(w->wakes == 1, "JOIN1: woken once");
    job.release();  // JOIN3
    return true;
}

MODEL(spawn_state_model, the_end_of_the_job_against_the_drop_of_the_handle) {
    registered_job s;
    {
        const model_thread runner([&] { s.job.succeed(1); });
        const spawn_reference handle(&s.job);
    }
    require(s.errors.count == 0, "nothing has failed");
}

MODEL(spawn_state_model, a_waiter_that_is_destroyed_where_it_waits_lets_the_finisher_pass) {
    registered_job s;
    parker p;
    const model_thread runner([&] { s.job.succeed(1); });
    const spawn_reference handle(&s.job);
    const auto w = std::make_unique<parked_waiter>(p);
    w->home = &elsewhere();
    if (s.job.wait(*w)) {
        if (!s.job.stop_waiting(*w)) {
            s.job.let_finisher_pass();
        }
        w->wakes = -1;    // nobody touches it any more: JOIN1
        s.job.release();  // JOIN3
    }
}

MODEL(spawn_state_model, the_joining_thread_gets_the_value) {
    registered_job s;
    const model_thread runner([&] { s.job.succeed(42); });
    require(s.job.join() == 42, "the value");
}

MODEL(spawn_state_model, who_sees_that_it_has_finished_sees_the_value) {
    registered_job s;
    const model_thread runner([&] { s.job.succeed(42); });
    const spawn_reference handle(&s.job);
    if (s.job.finished()) {
        require(s.job.take_last() == 42, "JOIN3: the state is there and complete");
    }
}

MODEL(spawn_state_model, what_the_job_wrote_is_seen_by_who_joins) {
    registered_job s;
    int written = 0;
    const model_thread runner([&] {
        written = 3;
        s.job.succeed(0);
    });
    s.job.join();
    require(written == 3, "written before the end");
}

MODEL(spawn_state_model, a_suspended_waiter_is_woken_once_and_then_gone) {
    registered_job s;
    parker p;
    const model_thread runner([&] { s.job.succeed(7); });
    wait_and_free(s.job, p);
    const spawn_reference handle(&s.job);
    require(s.job.take_last() == 7, "the value");
}

MODEL(spawn_state_model, who_waits_keeps_the_state_when_the_handle_goes) {
    job_with_waiter s;
    require(s.job.wait(*s.w), "nothing has happened yet");
    const model_thread runner([&] { s.job.succeed(7); });
    const model_thread dropper([&] { s.job.release(); });
    s.p.wait();
    require(s.job.take_last() == 7, "JOIN3: the finisher has given its reference to the waiter");
    s.job.release();
}

MODEL(spawn_state_model, who_has_begun_to_wait_and_lets_the_handle_go_is_woken) {
    job_with_waiter s;
    const model_thread runner([&] { s.job.succeed(7); });
    const bool waits = s.job.wait(*s.w);
    if (waits) {
        s.job.release();  // the handle's
        s.p.wait();
    }
    require(s.job.take_last() == 7, "JOIN1: by the finisher, who finds no other reference");
    s.job.release();
}

MODEL(spawn_state_model, who_was_taken_out_by_a_stop_keeps_the_state_when_the_job_ends) {
    job_with_waiter s;
    require(s.job.wait(*s.w), "nothing has happened yet");
    s.job.release();  // the handle's
    {
        const model_thread runner([&] { s.job.succeed(7); });
        const model_thread stopper([&] {
            if (s.job.stop_waiting(*s.w)) {
                s.w->wake_owner();
            }
        });
        s.p.wait();
    }
    s.job.forget_stop();
    s.job.release();  // JOIN3: of the waiter, by whoever took it out
}

MODEL(spawn_state_model, the_end_against_a_stop_of_the_waiter) {
    job_with_waiter s;
    require(s.job.wait(*s.w), "nothing has happened yet");
    bool stopped = false;
    {
        const model_thread runner([&] { s.job.succeed(7); });
        const model_thread stopper([&] {
            stopped = s.job.stop_waiting(*s.w);
            if (stopped) {
                s.w->wake_owner();
            }
        });
        s.p.wait();
    }
    require(s.w->wakes == 1, "JOIN1: exactly one of them wakes");
    s.job.release();  // JOIN3: the waiter's
    const spawn_reference handle(&s.job);
    require(s.job.finished(), "the runner has ended");
}

MODEL(spawn_state_model, a_stop_that_comes_before_the_wait_is_left_as_a_mark) {
    registered_job s;
    parker p;
    parked_waiter w(p);
    bool took = false;
    bool waited = false;
    {
        const model_thread stopper([&] {
            took = s.job.stop_waiting(w);
            if (took) {
                w.wake_owner();
            }
        });
        waited = s.job.wait(w);
        if (waited) {
            p.wait();
        }
    }
    require(took == waited, "either the stop takes the waiter, or the waiter finds the mark");
    if (took) {
        s.job.release();  // JOIN3
    } else {
        s.job.forget_stop();
    }
    s.job.succeed(1);
    require(s.job.join() == 1, "the handle can be awaited again");
}

MODEL(spawn_state_model, who_takes_a_waiter_for_a_stop_may_free_it) {
    registered_job s;
    struct frame : join_waiter {
        frame() noexcept : join_waiter([](join_waiter& self) noexcept { delete static_cast<frame*>(&self); }) {}
        int suspended_at = 0;
    };
    auto* const awaiting = new frame;
    {
        const model_thread stopper([&] {
            if (s.job.stop_waiting(*awaiting)) {
                require(awaiting->suspended_at == 1, "JOIN2: the awaiting side is done with it");
                delete awaiting;
                s.job.release();  // JOIN3
            }
        });
        awaiting->suspended_at = 1;
        if (!s.job.wait(*awaiting)) {
            delete awaiting;  // the stop came first
        }
    }
    s.job.forget_stop();
    s.job.succeed(1);
    require(s.job.join() == 1, "the job has gone on");
}

MODEL(spawn_state_model, who_takes_a_waiter_at_the_end_may_free_it) {
    registered_job s;
    struct frame : join_waiter {
        explicit frame(bool& w) noexcept
            : join_waiter([](join_waiter& self) noexcept {
                  auto* const me = static_cast<frame*>(&self);
                  me->woken = true;
                  delete me;
              }),
              woken(w) {}
        bool& woken;
    };
    bool woken = false;
    bool waited = false;
    {
        const model_thread runner([&] { s.job.succeed(1); });
        auto* const awaiting = new frame(woken);
        waited = s.job.wait(*awaiting);
        if (!waited) {
            delete awaiting;
        }
    }
    require(woken == waited, "JOIN1");
    if (waited) {
        s.job.release();  // JOIN3
    }
    require(s.job.join() == 1, "the value");
}

MODEL(spawn_state_model, the_end_against_a_stop_against_the_wait) {
    job_with_waiter s;
    bool took = false;
    {
        const model_thread runner([&] { s.job.succeed(9); });
        model_thread stopper([&] {
            took = s.job.stop_waiting(*s.w);
            if (took) {
                s.w->wake_owner();
            }
        });
        if (s.job.wait(*s.w)) {
            s.p.wait();
            require(s.w->wakes == 1, "JOIN1");
            s.job.release();  // JOIN3
        } else {
            stopper.join();  // as the awaiter detaches from its stop source
            require(!took, "JOIN1: nobody has taken a waiter that was never there");
        }
    }
    s.job.forget_stop();
    const spawn_reference handle(&s.job);
    require(s.job.finished() && s.job.take_last() == 9, "a stop of the waiter does not touch the job");
}

MODEL(spawn_state_model, after_a_stop_the_end_wakes_a_second_wait) {
    registered_job s;
    parker p;
    {
        const model_thread runner([&] { s.job.succeed(5); });
        const auto first = std::make_unique<parked_waiter>(p);
        if (s.job.wait(*first)) {
            if (!s.job.stop_waiting(*first)) {
                p.wait();  // the end was faster
            }
            s.job.release();  // JOIN3
        }
    }
    require(s.job.join() == 5, "the second wait");
}

MODEL(spawn_state_model, of_two_that_wait_one_is_refused_unless_it_is_over) {
    registered_job s;
    std::array<bool, 2> waited{};
    std::array<bool, 2> refused{};
    const auto try_to_wait = [&](std::size_t me) {
        parker p;
        try {
            waited[me] = wait_and_free(s.job, p);
        } catch (const std::logic_error&) {
            refused[me] = true;
        }
    };
    {
        const model_thread runner([&] { s.job.succeed(1); });
        const model_thread other([&] { try_to_wait(1); });
        try_to_wait(0);
    }
    require(!(refused[0] && refused[1]) && !(waited[0] && waited[1]), "at most one waits");
    require((!refused[0] || waited[1]) && (!refused[1] || waited[0]), "refused only while the other waits");
    const spawn_reference handle(&s.job);
}

MODEL(spawn_state_model, a_stop_by_the_handle_against_the_end) {
    registered_job s;
    const model_thread runner([&] { s.job.succeed(2); });
    s.job.own_stop().request_stop();
    require(s.job.join() == 2, "a job that does not look goes on");
}

MODEL(spawn_state_model, three_references_and_the_last_one_frees) {
    registered_job s;
    s.job.retain();
    const model_thread runner([&] { s.job.succeed(1); });
    const model_thread other([&] {
        s.job.own_stop().request_stop();
        s.job.release();
    });
    s.job.release();
}

MODEL(spawn_state_model, the_stack_of_a_joining_thread_is_used_again_at_once) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& first = hand_run_job::start(registry);
    hand_run_job& second = hand_run_job::start(registry);
    const model_thread runner([&] { first.succeed(1); });
    const model_thread other([&] { second.succeed(2); });
    // Both waits have their word at the same place.
    require(first.join() + second.join() == 3, "each wake-up reaches its own wait");
}

}  // namespace
}  // namespace explore
