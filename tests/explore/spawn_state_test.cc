// Models of what stands behind a join_handle: the end of a job, who waits for it, who frees it.
#include <array>
#include <memory>
#include <optional>
#include <stdexcept>

#include "tests/explore/parts_of_models.hpp"

#include "executor/idle.hpp"
#include "executor/task_registry.hpp"

namespace explore {
namespace {

using brigade::operation_cancelled;
using brigade::detail::join_waiter;
using brigade::detail::parker;
using brigade::detail::spawn_reference;
using brigade::detail::task_registry;
namespace sync = brigade::detail::sync;

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
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = hand_run_job::start(registry);
    {
        const model_thread runner([&] { job.succeed(1); });
        const spawn_reference handle(&job);
    }
    require(errors.count == 0, "nothing has failed");
}

MODEL(spawn_state_model, a_waiter_that_is_destroyed_where_it_waits_lets_the_finisher_pass) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = hand_run_job::start(registry);
    parker p;
    const model_thread runner([&] { job.succeed(1); });
    const spawn_reference handle(&job);
    const auto w = std::make_unique<parked_waiter>(p);
    w->home = &elsewhere();
    if (job.wait(*w)) {
        if (!job.stop_waiting(*w)) {
            job.let_finisher_pass();
        }
        w->wakes = -1;  // nobody touches it any more: JOIN1
        job.release();  // JOIN3
    }
}

MODEL(spawn_state_model, the_joining_thread_gets_the_value) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = hand_run_job::start(registry);
    const model_thread runner([&] { job.succeed(42); });
    require(job.join() == 42, "the value");
}

MODEL(spawn_state_model, who_sees_that_it_has_finished_sees_the_value) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = hand_run_job::start(registry);
    const model_thread runner([&] { job.succeed(42); });
    const spawn_reference handle(&job);
    if (job.finished()) {
        require(job.take_last() == 42, "JOIN3: the state is there and complete");
    }
}

MODEL(spawn_state_model, what_the_job_wrote_is_seen_by_who_joins) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    int written = 0;
    hand_run_job& job = hand_run_job::start(registry);
    const model_thread runner([&] {
        written = 3;
        job.succeed(0);
    });
    job.join();
    require(written == 3, "written before the end");
}

MODEL(spawn_state_model, a_suspended_waiter_is_woken_once_and_then_gone) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = hand_run_job::start(registry);
    parker p;
    const model_thread runner([&] { job.succeed(7); });
    wait_and_free(job, p);
    const spawn_reference handle(&job);
    require(job.take_last() == 7, "the value");
}

MODEL(spawn_state_model, who_waits_keeps_the_state_when_the_handle_goes) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = hand_run_job::start(registry);
    parker p;
    const auto w = std::make_unique<parked_waiter>(p);
    require(job.wait(*w), "nothing has happened yet");
    const model_thread runner([&] { job.succeed(7); });
    const model_thread dropper([&] { job.release(); });
    p.wait();
    require(job.take_last() == 7, "JOIN3: the finisher has given its reference to the waiter");
    job.release();
}

MODEL(spawn_state_model, who_has_begun_to_wait_and_lets_the_handle_go_is_woken) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = hand_run_job::start(registry);
    parker p;
    const auto w = std::make_unique<parked_waiter>(p);
    const model_thread runner([&] { job.succeed(7); });
    const bool waits = job.wait(*w);
    if (waits) {
        job.release();  // the handle's
        p.wait();
    }
    require(job.take_last() == 7, "JOIN1: by the finisher, who finds no other reference");
    job.release();
}

MODEL(spawn_state_model, who_was_taken_out_by_a_stop_keeps_the_state_when_the_job_ends) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = hand_run_job::start(registry);
    parker p;
    const auto w = std::make_unique<parked_waiter>(p);
    require(job.wait(*w), "nothing has happened yet");
    job.release();  // the handle's
    {
        const model_thread runner([&] { job.succeed(7); });
        const model_thread stopper([&] {
            if (job.stop_waiting(*w)) {
                w->wake_owner();
            }
        });
        p.wait();
    }
    job.forget_stop();
    job.release();  // JOIN3: of the waiter, by whoever took it out
}

MODEL(spawn_state_model, the_end_against_a_stop_of_the_waiter) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = hand_run_job::start(registry);
    parker p;
    const auto w = std::make_unique<parked_waiter>(p);
    require(job.wait(*w), "nothing has happened yet");
    bool stopped = false;
    {
        const model_thread runner([&] { job.succeed(7); });
        const model_thread stopper([&] {
            stopped = job.stop_waiting(*w);
            if (stopped) {
                w->wake_owner();
            }
        });
        p.wait();
    }
    require(w->wakes == 1, "JOIN1: exactly one of them wakes");
    job.release();  // JOIN3: the waiter's
    const spawn_reference handle(&job);
    require(job.finished(), "the runner has ended");
}

MODEL(spawn_state_model, a_stop_that_comes_before_the_wait_is_left_as_a_mark) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = hand_run_job::start(registry);
    parker p;
    parked_waiter w(p);
    bool took = false;
    bool waited = false;
    {
        const model_thread stopper([&] {
            took = job.stop_waiting(w);
            if (took) {
                w.wake_owner();
            }
        });
        waited = job.wait(w);
        if (waited) {
            p.wait();
        }
    }
    require(took == waited, "either the stop takes the waiter, or the waiter finds the mark");
    if (took) {
        job.release();  // JOIN3
    } else {
        job.forget_stop();
    }
    job.succeed(1);
    require(job.join() == 1, "the handle can be awaited again");
}

MODEL(spawn_state_model, who_takes_a_waiter_for_a_stop_may_free_it) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = hand_run_job::start(registry);
    struct frame : join_waiter {
        frame() noexcept : join_waiter([](join_waiter& self) noexcept { delete static_cast<frame*>(&self); }) {}
        int suspended_at = 0;
    };
    auto* const awaiting = new frame;
    {
        const model_thread stopper([&] {
            if (job.stop_waiting(*awaiting)) {
                require(awaiting->suspended_at == 1, "JOIN2: the awaiting side is done with it");
                delete awaiting;
                job.release();  // JOIN3
            }
        });
        awaiting->suspended_at = 1;
        if (!job.wait(*awaiting)) {
            delete awaiting;  // the stop came first
        }
    }
    job.forget_stop();
    job.succeed(1);
    require(job.join() == 1, "the job has gone on");
}

MODEL(spawn_state_model, who_takes_a_waiter_at_the_end_may_free_it) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = hand_run_job::start(registry);
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
        const model_thread runner([&] { job.succeed(1); });
        auto* const awaiting = new frame(woken);
        waited = job.wait(*awaiting);
        if (!waited) {
            delete awaiting;
        }
    }
    require(woken == waited, "JOIN1");
    if (waited) {
        job.release();  // JOIN3
    }
    require(job.join() == 1, "the value");
}

MODEL(spawn_state_model, the_end_against_a_stop_against_the_wait) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = hand_run_job::start(registry);
    parker p;
    const auto w = std::make_unique<parked_waiter>(p);
    bool took = false;
    {
        const model_thread runner([&] { job.succeed(9); });
        model_thread stopper([&] {
            took = job.stop_waiting(*w);
            if (took) {
                w->wake_owner();
            }
        });
        if (job.wait(*w)) {
            p.wait();
            require(w->wakes == 1, "JOIN1");
            job.release();  // JOIN3
        } else {
            stopper.join();  // as the awaiter detaches from its stop source
            require(!took, "JOIN1: nobody has taken a waiter that was never there");
        }
    }
    job.forget_stop();
    const spawn_reference handle(&job);
    require(job.finished() && job.take_last() == 9, "a stop of the waiter does not touch the job");
}

MODEL(spawn_state_model, after_a_stop_the_end_wakes_a_second_wait) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = hand_run_job::start(registry);
    parker p;
    {
        const model_thread runner([&] { job.succeed(5); });
        const auto first = std::make_unique<parked_waiter>(p);
        if (job.wait(*first)) {
            if (!job.stop_waiting(*first)) {
                p.wait();  // the end was faster
            }
            job.release();  // JOIN3
        }
    }
    require(job.join() == 5, "the second wait");
}

MODEL(spawn_state_model, of_two_that_wait_one_is_refused_unless_it_is_over) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = hand_run_job::start(registry);
    std::array<bool, 2> waited{};
    std::array<bool, 2> refused{};
    const auto try_to_wait = [&](std::size_t me) {
        parker p;
        try {
            waited[me] = wait_and_free(job, p);
        } catch (const std::logic_error&) {
            refused[me] = true;
        }
    };
    {
        const model_thread runner([&] { job.succeed(1); });
        const model_thread other([&] { try_to_wait(1); });
        try_to_wait(0);
    }
    require(!(refused[0] && refused[1]) && !(waited[0] && waited[1]), "at most one waits");
    require((!refused[0] || waited[1]) && (!refused[1] || waited[0]), "refused only while the other waits");
    const spawn_reference handle(&job);
}

MODEL(spawn_state_model, a_failure_that_nobody_takes_is_reported_once) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = hand_run_job::start(registry);
    {
        const model_thread runner([&] { job.fail(); });
        const spawn_reference handle(&job);
    }
    require(errors.count == 1, "JOIN4: by whoever leaves last");
}

MODEL(spawn_state_model, a_failure_that_is_taken_is_not_reported) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = hand_run_job::start(registry);
    bool caught = false;
    {
        const model_thread runner([&] { job.fail(); });
        try {
            job.join();
        } catch (const failure&) {
            caught = true;
        }
    }
    require(caught, "it is rethrown");
    require(errors.count == 0, "JOIN4");
}

MODEL(spawn_state_model, a_cancellation_without_a_stop_is_reported) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = hand_run_job::start(registry);
    {
        const model_thread runner([&] { job.fail_with(operation_cancelled()); });
        const spawn_reference handle(&job);
    }
    require(errors.count == 1, "JOIN4: nobody has asked it to stop");
}

MODEL(spawn_state_model, the_cancellation_of_a_job_that_saw_its_stop_is_not_reported) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = hand_run_job::start(registry);
    bool cancelled = false;
    {
        const model_thread runner([&] {
            cancelled = job.own_stop().stop_requested();
            if (cancelled) {
                job.fail_with(operation_cancelled());
            } else {
                job.succeed(0);
            }
        });
        const spawn_reference handle(&job);
        job.own_stop().request_stop();
    }
    require(errors.count == 0, "JOIN4: that is how it should end");
}

MODEL(spawn_state_model, the_cancellation_of_a_job_while_the_registry_stops_is_not_reported) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = hand_run_job::start(registry);
    hand_run_job& joined = hand_run_job::start(registry);
    {
        // The one that is joined is stopped first; the one that joins it fails by that before its own stop has come.
        const model_thread runner([&] {
            if (joined.own_stop().stop_requested()) {
                job.fail_with(operation_cancelled());
            } else {
                job.succeed(0);
            }
        });
        const spawn_reference handle(&job);
        registry.request_stop();
    }
    joined.succeed(0);
    joined.join();
    require(errors.count == 0, "JOIN4: the end of the executor has begun");
}

MODEL(spawn_state_model, a_stop_by_the_handle_against_the_end) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = hand_run_job::start(registry);
    const model_thread runner([&] { job.succeed(2); });
    job.own_stop().request_stop();
    require(job.join() == 2, "a job that does not look goes on");
}

MODEL(spawn_state_model, three_references_and_the_last_one_frees) {
    unhandled_errors errors;
    task_registry registry(errors.handler());
    hand_run_job& job = hand_run_job::start(registry);
    job.retain();
    const model_thread runner([&] { job.succeed(1); });
    const model_thread other([&] {
        job.own_stop().request_stop();
        job.release();
    });
    job.release();
}

MODEL(spawn_state_model, a_failure_is_reported_after_the_registry_is_gone) {
    unhandled_errors errors;
    std::optional<task_registry> registry(std::in_place, errors.handler());
    hand_run_job& job = hand_run_job::start(*registry);
    std::optional<spawn_reference> handle(std::in_place, &job);
    const model_thread runner([&] { job.fail(); });
    while (!registry->wait_until_empty(std::chrono::milliseconds(1'000))) {
    }
    registry.reset();
    handle.reset();
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
