// What a program must not do with fork, call and join: it does not compile, throws, or ends with a message.
#include <brigade/fork.hpp>

#include <coroutine>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/throws.hpp"

namespace {

using brigade::call;
using brigade::executor;
using brigade::fork;
using brigade::join;
using brigade::task;

template <class Result, class Child>
concept can_fork =
    requires(Result result, Child child) { fork(static_cast<Result>(result), std::forward<Child>(child)); };
template <class Result, class Child>
concept can_call =
    requires(Result result, Child child) { call(static_cast<Result>(result), std::forward<Child>(child)); };
template <class Child>
concept can_fork_alone = requires(Child child) { fork(std::forward<Child>(child)); };

static_assert(can_fork<long&, task<long>> && can_call<long&, task<long>>);
static_assert(can_fork<std::optional<long>&, task<long>>);
static_assert(can_fork<long*&, task<long&>>);
static_assert(can_fork_alone<task<>>);

// A task that is not given away.
static_assert(!can_fork<long&, task<long>&> && !can_call<long&, task<long>&>);
static_assert(!can_fork_alone<task<>&>);
// A place of another type, or none, or one that cannot be written.
static_assert(!can_fork<int&, task<long>> && !can_fork<long&, task<int>> && !can_call<int&, task<long>>);
static_assert(!can_fork<std::unique_ptr<int>&, task<int>>);
static_assert(!can_fork<const long&, task<long>> && !can_fork<long&&, task<long>>);
static_assert(!can_fork<long&, task<long&>> && !can_fork<long&, task<>>);
static_assert(!can_fork_alone<task<long>>);
// Something that is no task.
static_assert(!can_fork<int&, int> && !can_fork_alone<int>);

// A coroutine that is none of the runtime's.
struct foreign {
    struct promise_type {};
};
template <class Awaiter>
concept works_in_foreign_coroutine =
    requires(Awaiter awaiter, std::coroutine_handle<foreign::promise_type> handle) { awaiter.await_suspend(handle); };
static_assert(!works_in_foreign_coroutine<decltype(fork(std::declval<task<>>()))>);
static_assert(!works_in_foreign_coroutine<decltype(call(std::declval<task<>>()))>);
static_assert(!works_in_foreign_coroutine<decltype(join())>);

task<> nothing() {
    co_return;
}

task<int> wait_and_give(int n) {
    co_await brigade::yield();
    co_return n;
}

TEST(fork_misuse, an_empty_task_is_refused) {
    executor e({.workers = 1});
    e.block_on([]() -> task<> {
        constexpr const char* message = "brigade: fork or call of a task that is empty: moved from, or awaited before";
        const std::string forked =
            co_await test::message_of<std::logic_error>([]() -> task<> { co_await fork(task<>()); }());
        EXPECT_EQ(forked, message);
        const std::string called = co_await test::message_of<std::logic_error>([]() -> task<> {
            int n = 0;
            co_await call(n, task<int>());
        }());
        EXPECT_EQ(called, message);
    });
}

TEST(fork_misuse, an_awaitable_that_is_not_awaited_destroys_its_child) {
    int n = 0;
    static_cast<void>(fork(n, wait_and_give(1)));
    static_cast<void>(call(nothing()));
}

// In the child process of a death test.
void run(task<> (*body)()) {
    executor e({.workers = 1});
    e.block_on(body);
}

constexpr const char* ends =
    "brigade: a task ends with children that it has not joined, which may still write to its variables: co_await "
    "join\\(\\) "
    "after every fork\\(\\) and call\\(\\)\n";

TEST(fork_misuse_death, a_task_that_returns_without_a_join_ends_the_process) {
    EXPECT_DEATH(run([]() -> task<> {
                     int n = 0;
                     co_await fork(n, wait_and_give(1));
                 }),
                 ends);
}

TEST(fork_misuse_death, a_missing_join_is_noticed_although_the_children_have_ended) {
    EXPECT_DEATH(run([]() -> task<> { co_await fork(nothing()); }), ends);
    EXPECT_DEATH(run([]() -> task<> {
                     co_await fork(nothing());
                     co_await join();
                     co_await fork(nothing());
                 }),
                 ends);
}

TEST(fork_misuse_death, a_missing_join_is_noticed_after_a_call) {
    EXPECT_DEATH(run([]() -> task<> { co_await call(nothing()); }), ends);
}

TEST(fork_misuse_death, a_missing_join_is_noticed_in_a_child) {
    EXPECT_DEATH(run([]() -> task<> {
                     co_await fork([]() -> task<> { co_await fork(nothing()); }());
                     co_await join();
                 }),
                 ends);
}

TEST(fork_misuse_death, an_exception_between_fork_and_join_ends_the_process_and_is_named) {
    EXPECT_DEATH(run([]() -> task<> {
                     int n = 0;
                     co_await fork(n, wait_and_give(1));
                     throw std::runtime_error("what went wrong");
                 }),
                 "brigade: a task ends by an exception with children that it has not joined, .*; the exception says: "
                 "what went wrong");
}

}  // namespace
