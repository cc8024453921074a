// Models of workers: in which order a worker runs what it has, and how others come to know of it. There is no executor
// around them; the tasks are coroutines that are posted by hand.
#include <array>
#include <string>

#include <brigade/detail/promise.hpp>
#include <brigade/detail/waiter.hpp>
#include <brigade/yield.hpp>

#include "tests/explore/parts_of_models.hpp"

#include "executor/scheduler.hpp"
#include "executor/worker.hpp"

namespace explore {
namespace {

using brigade::executor_counters;
using brigade::yield;
using brigade::detail::scheduler;
using brigade::detail::worker;
namespace sync = brigade::detail::sync;

// A task that writes its name behind those that ran before it. On one worker only, or under an order of its own.
stray sign(std::string& order, char name) {
    order += name;
    co_return;
}
stray tell(event& happened) {
    happened.happen();
    co_return;
}
stray sign_and_tell(std::string& order, char name, event& happened) {
    order += name;
    happened.happen();
    co_return;
}

// ------------------------------------------------------------------------------------------------ waking and ending

MODEL_WITH(worker_model, workers_that_get_nothing_to_do_end, orders_only(2)) {
    const workers w(1);
}

MODEL_WITH(worker_model, two_workers_that_get_nothing_to_do_end, orders_only(1, 3'000)) {
    const workers w(2);
}

MODEL_WITH(worker_model, a_task_from_outside_runs, orders_only(2)) {
    event done;
    workers w(1);
    w.post(tell(done).handle);
    done.wait();
}

MODEL_WITH(worker_model, a_task_from_outside_sees_what_was_written_before_it_was_posted, orders_only(1)) {
    event done;
    int payload = 0;
    int seen = 0;
    workers w(2);
    const auto task = [&]() -> stray {
        seen = payload;
        done.happen();
        co_return;
    };
    payload = 1;
    w.post(task().handle);
    done.wait();
    require(seen == 1, "the payload");
}

MODEL_WITH(worker_model, two_threads_post_to_one_worker, orders_only(1)) {
    event first_done;
    event second_done;
    workers w(1);
    const model_thread other([&] {
        w.post(tell(second_done).handle);
        second_done.wait();
    });
    w.post(tell(first_done).handle);
    first_done.wait();
}

MODEL_WITH(worker_model, a_poster_is_on_its_way_out_while_the_workers_go, orders_only(2)) {
    event done;
    auto w = std::make_unique<workers>(1);
    const model_thread poster([&] { w->post(tell(done).handle); });
    done.wait();
    w.reset();  // the poster may still be inside post()
}

MODEL_WITH(worker_model, a_poster_is_on_its_way_out_while_two_workers_go, orders_only(1)) {
    event done;
    auto w = std::make_unique<workers>(2);
    const model_thread poster([&] { w->post(tell(done).handle); });
    done.wait();
    w.reset();
}

MODEL_WITH(worker_model, a_worker_sleeps_between_two_tasks, orders_only(2)) {
    event first;
    event second;
    workers w(1);
    w.post(tell(first).handle);
    first.wait();
    w.post(tell(second).handle);
    second.wait();
}

MODEL_WITH(worker_model, counters_are_read_while_a_worker_runs, orders_only(1)) {
    event done;
    workers w(1);
    w.post(tell(done).handle);
    const executor_counters early = w.counters();
    done.wait();
    const executor_counters late = w.counters();
    require(early.resumed <= late.resumed && late.resumed == 1, "they only grow");
    require(late.injected == 1 && late.stolen == 0, "it came from outside");
}

// ------------------------------------------------------------------------------------------------------------ order

MODEL_WITH(worker_model, ready_tasks_run_in_the_order_in_which_they_came, orders_only(1)) {
    std::string order;
    event done;
    workers w(1);
    const auto task = [&]() -> stray {
        w.post(sign(order, 'a').handle);
        w.post(sign(order, 'b').handle);
        w.post(sign_and_tell(order, 'c', done).handle);
        co_return;
    };
    w.post(task().handle);
    done.wait();
    require(order == "abc", "first in, first out");
}

MODEL_WITH(worker_model, the_one_that_is_next_overtakes_the_ready_ones, orders_only(1)) {
    std::string order;
    event done;
    workers w(1);
    const auto task = [&]() -> stray {
        w.post(sign_and_tell(order, 'r', done).handle);
        w.post_next(sign(order, 'n').handle);
        co_return;
    };
    w.post(task().handle);
    done.wait();
    require(order == "nr", "next first");
}

MODEL_WITH(worker_model, of_two_that_are_next_the_first_becomes_ready, orders_only(1)) {
    std::string order;
    event done;
    workers w(1);
    const auto task = [&]() -> stray {
        w.post(sign(order, 'r').handle);
        w.post_next(sign_and_tell(order, 'a', done).handle);
        w.post_next(sign(order, 'b').handle);
        co_return;
    };
    w.post(task().handle);
    done.wait();
    require(order == "bra", "nothing is lost in the slot");
}

stray wake_each_other(workers& w, std::string& order, int more, event& done) {
    order += 'n';
    if (more > 0) {
        w.post_next(wake_each_other(w, order, more - 1, done).handle);
    } else {
        done.happen();
    }
    co_return;
}

MODEL_WITH(worker_model, tasks_that_wake_each_other_do_not_keep_the_rest_out, orders_only(1)) {
    std::string order;
    event done;
    workers w(1);
    const auto task = [&]() -> stray {
        w.post_next(wake_each_other(w, order, 5, done).handle);
        w.post(sign(order, 'r').handle);
        co_return;
    };
    w.post(task().handle);
    done.wait();
    require(order.substr(0, 4) == "nnnr", "three in a row at most");
}

MODEL_WITH(worker_model, a_task_that_yields_goes_behind_the_others, orders_only(1)) {
    std::string order;
    event done;
    workers w(1);
    const auto task = [&]() -> stray {
        w.post(sign(order, 'a').handle);
        co_await yield();
        order += 'y';
        done.happen();
    };
    w.post(task().handle);
    done.wait();
    require(order == "ay", "what was ready runs first");
}

MODEL_WITH(worker_model, a_task_from_outside_gets_its_turn_beside_a_task_that_only_yields, orders_only(1)) {
    sync::atomic<bool> came{false};
    event done;
    workers w(1);
    const auto task = [&]() -> stray {
        while (!came.load(std::memory_order_relaxed)) {  // one worker runs both
            sync::yield_thread();
            co_await yield();
        }
        done.happen();
    };
    const auto visitor = [&]() -> stray {
        came.store(true, std::memory_order_relaxed);
        co_return;
    };
    w.post(task().handle);
    w.post(visitor().handle);
    done.wait();
}

MODEL_WITH(worker_model, what_is_put_into_the_transfer_slot_runs_at_once, orders_only(1)) {
    std::string order;
    event done;
    workers w(1);
    const auto task = [&]() -> stray {
        w.post(sign_and_tell(order, 'r', done).handle);
        w.post_next(sign(order, 'n').handle);
        brigade::detail::set_transfer(sign(order, 't').handle);
        co_return;
    };
    w.post(task().handle);
    done.wait();
    require(order == "tnr", "ahead of everything");
}

MODEL_WITH(worker_model, a_full_transfer_slot_loses_nothing, orders_only(1)) {
    std::string order;
    event done;
    workers w(1);
    const auto task = [&]() -> stray {
        brigade::detail::set_transfer(sign_and_tell(order, 'a', done).handle);
        brigade::detail::set_transfer(sign(order, 'b').handle);
        co_return;
    };
    w.post(task().handle);
    done.wait();
    require(order == "ba", "the one before becomes ready");
}

// --------------------------------------------------------------------------------------------------------- stealing

// The first task keeps its worker until all that it posted has run elsewhere.
MODEL_WITH(worker_model, a_ready_task_is_stolen_from_a_worker_that_computes, orders_only(1)) {
    event done;
    event stolen;
    int payload = 0;
    int seen = 0;
    workers w(2);
    const auto thief = [&]() -> stray {
        seen = payload;
        stolen.happen();
        co_return;
    };
    const auto task = [&]() -> stray {
        payload = 1;
        w.post(thief().handle);
        stolen.wait();  // WRK1
        done.happen();
        co_return;
    };
    w.post(task().handle);
    done.wait();
    require(seen == 1, "with all that was written before");
}

MODEL_WITH(worker_model, a_thief_takes_half_and_comes_back_for_the_rest, orders_only(1)) {
    event done;
    std::array<event, 3> stolen;
    workers w(2);
    const auto task = [&]() -> stray {
        for (event& e : stolen) {
            w.post(tell(e).handle);
        }
        for (event& e : stolen) {
            e.wait();
        }
        done.happen();
        co_return;
    };
    w.post(task().handle);
    done.wait();
}

MODEL_WITH(worker_model, a_batch_from_outside_is_shared_with_who_sleeps, orders_only(1)) {
    event done;
    event reached;
    workers w(2);
    // Whoever runs the first of them waits for the second, which may be in the same batch.
    const auto first = [&]() -> stray {
        reached.wait();  // WRK1
        done.happen();
        co_return;
    };
    w.post(first().handle);
    w.post(tell(reached).handle);
    done.wait();
}

MODEL_WITH(worker_model, a_stolen_task_that_waits_for_one_that_was_stolen_with_it, orders_only(1)) {
    event done;
    std::array<event, 2> stolen;
    event last;
    workers w(3);
    const auto middle = [&]() -> stray {
        last.wait();  // WRK1: a thief of two tells somebody of the second
        stolen[0].happen();
        co_return;
    };
    const auto task = [&]() -> stray {
        w.post(middle().handle);
        w.post(tell(last).handle);
        stolen[0].wait();
        done.happen();
        co_return;
    };
    w.post(task().handle);
    done.wait();
}

// ---------------------------------------------------------------------------------------------------- two schedulers

MODEL_WITH(worker_model, a_task_goes_to_another_scheduler_and_an_answer_comes_back, orders_only(1)) {
    event done;
    int payload = 0;
    workers here(1);
    workers there(1);
    const auto answer = [&]() -> stray {
        require(payload == 2, "there and back");
        done.happen();
        co_return;
    };
    const auto question = [&]() -> stray {
        ++payload;
        here.post(answer().handle);
        co_return;
    };
    const auto task = [&]() -> stray {
        ++payload;
        there.post(question().handle);
        co_return;
    };
    here.post(task().handle);
    done.wait();
}

MODEL_WITH(worker_model, a_scheduler_goes_while_a_worker_of_another_still_posts_to_it, orders_only(1)) {
    event done;
    workers here(1);
    auto there = std::make_unique<workers>(1);
    const auto task = [&]() -> stray {
        there->post(tell(done).handle);
        co_return;
    };
    here.post(task().handle);
    done.wait();
    there.reset();
}

MODEL_WITH(worker_model, a_worker_of_another_scheduler_counts_as_outside, orders_only(1)) {
    event done;
    workers here(1);
    workers there(1);
    const auto task = [&]() -> stray {
        there.post_next(tell(done).handle);
        co_return;
    };
    here.post(task().handle);
    done.wait();
    require(there.counters().injected == 1, "it was injected, not put into the slot of a worker of this one");
}

}  // namespace
}  // namespace explore
