// Models of a computation that does not fork and makes way for tasks that are due (WRK3).
#include <string>

#include <brigade/yield.hpp>

#include "tests/explore/parts_of_models.hpp"

#include "executor/scheduler.hpp"

namespace explore {
namespace {

using brigade::detail::make_way_awaiter;

// Keeps its worker until the computation has gone on.
stray wait_for(event& gone_on, event& done) {
    gone_on.wait();
    done.happen();
    co_return;
}

stray compute(event& gone_on) {
    co_await make_way_awaiter();
    gone_on.happen();
}

MODEL_WITH(make_way_model, on_one_worker_the_task_that_is_due_runs_first, orders_only(1)) {
    std::string order;
    event done;
    workers w(1);
    const auto due = [&]() -> stray {
        order += 'd';
        co_return;
    };
    const auto computation = [&]() -> stray {
        w.post(due().handle);
        co_await make_way_awaiter();
        order += 'c';
        done.happen();
    };
    w.post(computation().handle);
    done.wait();
    require(order == "dc", "it is due at once, by the patience of the models");
}

MODEL_WITH(make_way_model, another_worker_goes_on_with_the_computation, orders_only(2, 6'000)) {
    event gone_on;
    event done;
    workers w(2);
    const auto computation = [&]() -> stray {
        w.post(wait_for(gone_on, done).handle);
        co_await make_way_awaiter();
        gone_on.happen();  // WRK1: this worker may be the other's
    };
    w.post(computation().handle);
    done.wait();
}

MODEL_WITH(make_way_model, for_a_task_from_outside_as_well, orders_only(2, 6'000)) {
    event gone_on;
    event done;
    workers w(2);
    w.post(compute(gone_on).handle);
    w.post(wait_for(gone_on, done).handle);
    done.wait();
}

MODEL_WITH(make_way_model, what_the_computation_wrote_before_is_there_after, orders_only(1, 4'000)) {
    event gone_on;
    event done;
    int payload = 0;
    int seen = 0;
    workers w(2);
    const auto computation = [&]() -> stray {
        w.post(wait_for(gone_on, done).handle);
        payload = 1;
        co_await make_way_awaiter();
        seen = payload;
        gone_on.happen();
    };
    w.post(computation().handle);
    done.wait();
    require(seen == 1, "by the deque");
}

}  // namespace
}  // namespace explore
