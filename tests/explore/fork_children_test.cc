// Models of children that are destroyed with their parent, wherever the two are when the workers leave; and of the list
// that such children stand in (FORK6 to FORK8).
#include <coroutine>
#include <memory>
#include <utility>

#include <brigade/fork.hpp>
#include <brigade/task.hpp>
#include <brigade/when_all.hpp>
#include <brigade/yield.hpp>

#include "tests/explore/parts_of_models.hpp"

#include "executor/scheduler.hpp"

namespace explore {
namespace {

using brigade::call;
using brigade::fork;
using brigade::join;
using brigade::task;
using brigade::when_all;
using brigade::yield;
using brigade::detail::scheduler;

// A child's local that refers to a local of the parent, up to its end. The parent's is memory of its own, so that the
// explorer sees whether it is still there.
using lent = std::unique_ptr<const int>;
class borrowed {
public:
    explicit borrowed(const lent& from) noexcept : value_(*from) {}
    borrowed(const borrowed&) = delete;
    borrowed& operator=(const borrowed&) = delete;
    ~borrowed() { require(value_ == 1, "the parent's local is there"); }

private:
    const int& value_;
};
lent to_lend() {
    return std::make_unique<int>(1);
}

// Waits for nothing that would ever come.
struct never {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> /*self*/) const noexcept {}
    void await_resume() const noexcept {}
};

// Waits until somebody of the same executor lets it go on.
class gate {
public:
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> self) noexcept {
        waiting_ = self;
        closed_.happen();
    }
    void await_resume() const noexcept {}
    void open() noexcept {
        closed_.wait();
        brigade::detail::current_scheduler()->post(waiting_);
    }

private:
    std::coroutine_handle<> waiting_;
    event closed_;
};

task<> wait_for_ever(const lent& of_parent) {
    const borrowed local(of_parent);
    co_await never();
}
task<> yield_once(const lent& of_parent) {
    const borrowed local(of_parent);
    co_await yield();
}
task<> end_at_once(const lent& of_parent) {
    const borrowed local(of_parent);
    co_return;
}
task<> fail_after_yield(const lent& of_parent) {
    co_await yield_once(of_parent);
    throw brigade::operation_cancelled();  // with no executor there is no handler for anything else
}

// Runs `body` on `count` workers until `enough` has happened or, without that, up to any moment; then the workers
// leave, and what is suspended is destroyed. The explorer looks for what is left or destroyed twice.
template <class Body>
void cut_short(unsigned count, const Body& body, event* enough = nullptr) {
    workers w(count);
    task<> whole = body();
    const brigade::detail::frame<task<>::promise_type> frame = std::move(whole).release();
    frame.promise().continuation.set_awaiting(std::noop_coroutine());
    w.post(frame.handle());
    if (enough != nullptr) {
        enough->wait();
    }
    w.request_end(scheduler::phase::leaving);
    w.join_threads();
}

task<> fork_two_that_wait() {
    const lent local = to_lend();
    co_await fork(wait_for_ever(local));
    co_await fork(wait_for_ever(local));
    co_await join();
}

MODEL_WITH(fork_children_model, two_that_wait_for_ever, orders_only(1, 4'000)) {
    cut_short(1, fork_two_that_wait);
}

MODEL_WITH(fork_children_model, two_that_wait_for_ever_beside_a_thief, orders_only(1, 4'000)) {
    cut_short(2, fork_two_that_wait);
}

MODEL_WITH(fork_children_model, two_that_wait_for_ever_beside_two_thieves, orders_only(0, 2'000)) {
    cut_short(3, fork_two_that_wait);
}

MODEL_WITH(fork_children_model, two_that_yield_stand_in_queues_or_have_ended, orders_only(1, 4'000)) {
    cut_short(2, []() -> task<> {
        const lent local = to_lend();
        co_await fork(yield_once(local));
        co_await fork(yield_once(local));
        co_await join();
    });
}

MODEL_WITH(fork_children_model, one_that_waits_beside_one_that_ends, orders_only(1, 4'000)) {
    cut_short(2, []() -> task<> {
        const lent local = to_lend();
        co_await fork(wait_for_ever(local));
        co_await fork(end_at_once(local));
        co_await join();
    });
}

MODEL_WITH(fork_children_model, one_that_fails_beside_one_that_waits, orders_only(1, 4'000)) {
    cut_short(2, []() -> task<> {
        const lent local = to_lend();
        co_await fork(fail_after_yield(local));
        co_await fork(wait_for_ever(local));
        co_await join();
    });
}

MODEL_WITH(fork_children_model, the_parent_waits_for_something_else, orders_only(1, 4'000)) {
    cut_short(2, []() -> task<> {
        const lent local = to_lend();
        co_await fork(yield_once(local));
        co_await never();
    });
}

MODEL_WITH(fork_children_model, the_parent_awaits_a_task_that_waits, orders_only()) {
    cut_short(1, []() -> task<> {
        const lent local = to_lend();
        co_await fork(wait_for_ever(local));
        co_await wait_for_ever(local);
    });
}

MODEL_WITH(fork_children_model, a_called_one_that_waits, orders_only()) {
    event called;
    cut_short(
        1,
        [&]() -> task<> {
            const lent local = to_lend();
            co_await fork(end_at_once(local));
            called.happen();
            co_await call(wait_for_ever(local));
            co_await join();
        },
        &called);
}

MODEL_WITH(fork_children_model, a_called_one_that_waits_beside_a_forked_one, orders_only(1, 4'000)) {
    cut_short(2, []() -> task<> {
        const lent local = to_lend();
        co_await fork(yield_once(local));
        co_await call(wait_for_ever(local));
        co_await join();
    });
}

task<> nested(int depth, const lent& of_parent) {
    const borrowed upper(of_parent);
    const lent local = to_lend();
    if (depth == 0) {
        co_await never();
    } else {
        co_await fork(nested(depth - 1, local));
        co_await call(nested(depth - 1, local));
        co_await join();
    }
}

MODEL_WITH(fork_children_model, children_of_children, orders_only(1, 4'000)) {
    cut_short(2, []() -> task<> {
        const lent local = to_lend();
        co_await nested(2, local);
    });
}

MODEL_WITH(fork_children_model, a_when_all_of_tasks_that_fork, orders_only(1, 4'000)) {
    cut_short(2, []() -> task<> { co_await when_all(fork_two_that_wait(), fork_two_that_wait()); });
}

// WRK3: a sibling is ready most of the time.
MODEL_WITH(fork_children_model, others_are_due_and_the_child_is_put_off, orders_only()) {
    cut_short(1, []() -> task<> {
        const lent local = to_lend();
        const auto yield_often = []() -> task<> {
            for (int i = 0; i < 5; ++i) {
                co_await yield();
            }
        };
        co_await fork(yield_often());
        co_await fork(end_at_once(local));
        co_await fork(wait_for_ever(local));
        co_await join();
    });
}

MODEL_WITH(fork_children_model, one_that_was_never_begun, orders_only()) {
    cut_short(1, []() -> task<> {
        const lent local = to_lend();
        static_cast<void>(fork(end_at_once(local)));
        static_cast<void>(call(end_at_once(local)));
        co_return;
    });
}

// A waits until its sibling B lets it go on; then B waits, too. So when A ends, it takes back the continuation of B's
// fork (FORK2), and the parent has to learn that B has not ended.
task<> let_go_and_wait(gate& first, gate& second) {
    first.open();
    co_await second;
}
task<> let_go_and_yield(gate& g) {
    g.open();
    co_await yield();
}
task<> wait_at(gate& g) {
    co_await g;
}

MODEL_WITH(fork_children_model, a_sibling_takes_back_and_the_other_waits_for_ever, orders_only()) {
    event over;
    cut_short(
        1,
        [&]() -> task<> {
            gate a;
            gate b;
            co_await fork(wait_at(a));
            co_await fork(let_go_and_wait(a, b));
            over.happen();
            co_await join();
        },
        &over);
}

MODEL_WITH(fork_children_model, a_sibling_takes_back_and_the_other_ends_after_it, orders_only()) {
    event over;
    cut_short(
        1,
        [&]() -> task<> {
            gate a;
            gate b;
            co_await fork(wait_at(a));
            co_await fork(let_go_and_wait(a, b));
            b.open();
            co_await join();
            over.happen();
        },
        &over);
}

// As above, but the other one yields, so that a thief may run it to its end in the gap of FORK7.
MODEL_WITH(fork_children_model, a_sibling_takes_back_while_the_other_ends_elsewhere, orders_only(2, 6'000)) {
    event over;
    cut_short(
        2,
        [&]() -> task<> {
            const lent local = to_lend();
            gate a;
            co_await fork(wait_at(a));
            co_await fork(let_go_and_yield(a));
            co_await join();
            over.happen();
        },
        &over);
}

// As above, with a neighbour in the list that may leave it at the same time.
MODEL_WITH(fork_children_model, a_sibling_takes_back_while_a_neighbour_ends_elsewhere, orders_only(2, 6'000)) {
    event over;
    cut_short(
        2,
        [&]() -> task<> {
            const lent local = to_lend();
            gate a;
            co_await fork(yield_once(local));
            co_await fork(wait_at(a));
            co_await fork(let_go_and_yield(a));
            co_await join();
            over.happen();
        },
        &over);
}

// Neighbours in the list end on several workers.
MODEL_WITH(fork_children_model, three_that_yield_leave_the_list_in_any_order, orders_only(1, 4'000)) {
    event over;
    cut_short(
        2,
        [&]() -> task<> {
            const lent local = to_lend();
            co_await fork(yield_once(local));
            co_await fork(yield_once(local));
            co_await fork(yield_once(local));
            co_await join();
            over.happen();
        },
        &over);
}

}  // namespace
}  // namespace explore
