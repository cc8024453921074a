#include <brigade/parallel_invoke.hpp>

#include <atomic>
#include <functional>
#include <latch>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/counted.hpp"
#include "tests/support/latch.hpp"
#include "tests/support/throws.hpp"

namespace {

using brigade::executor;
using brigade::multiple_errors;
using brigade::operation_cancelled;
using brigade::parallel_invoke;
using brigade::task;

class parallel_invoke_test : public testing::TestWithParam<unsigned> {
protected:
    executor executor_{{.workers = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(workers, parallel_invoke_test, testing::Values(1U, 2U, 4U));

TEST_P(parallel_invoke_test, gives_what_functions_and_tasks_give_in_their_order) {
    executor_.block_on([]() -> task<> {
        int lent = 1;
        const auto results =
            co_await parallel_invoke([] { return 1; }, [] {},
                                     []() -> task<std::string> {
                                         co_await brigade::yield();
                                         co_return "two";
                                     },
                                     []() -> task<> { co_return; }, [] { return std::make_unique<int>(3); },
                                     [&lent]() -> int& { return lent; }, [&lent]() -> task<int&> { co_return lent; });
        static_assert(
            std::is_same_v<decltype(results), const std::tuple<int, std::monostate, std::string, std::monostate,
                                                               std::unique_ptr<int>, int&, int&>>);
        EXPECT_EQ(std::get<0>(results), 1);
        EXPECT_EQ(std::get<2>(results), "two");
        EXPECT_EQ(*std::get<4>(results), 3);
        EXPECT_EQ(&std::get<5>(results), &lent);
        EXPECT_EQ(&std::get<6>(results), &lent);
    });
}

TEST_P(parallel_invoke_test, takes_none_and_one) {
    executor_.block_on([]() -> task<> {
        const std::tuple<> none = co_await parallel_invoke();
        static_cast<void>(none);
        const std::tuple<int> one = co_await parallel_invoke([] { return 1; });
        EXPECT_EQ(std::get<0>(one), 1);
    });
}

TEST_P(parallel_invoke_test, keeps_functions_until_their_tasks_have_ended_and_may_change_them) {
    test::tally tally;
    task<std::tuple<int>> kept = parallel_invoke([own = test::counted(tally), calls = 0]() mutable -> task<int> {
        co_await brigade::yield();
        co_return ++calls;
    });
    EXPECT_GT(tally.alive(), 0);
    EXPECT_EQ(std::get<0>(executor_.block_on(std::move(kept))), 1);
    EXPECT_EQ(tally.alive(), 0);
}

TEST_P(parallel_invoke_test, tasks_that_wait_for_each_other_overlap) {
    executor_.block_on([]() -> task<> {
        test::latch all(3);
        const auto meet = [&all]() -> task<> {
            all.count_down();
            co_await all.wait_in_task();
        };
        co_await parallel_invoke(meet, meet, meet);
    });
}

TEST(parallel_invoke, plain_functions_run_on_several_workers) {
    executor two({.workers = 2});
    for (int i = 0; i < 50; ++i) {
        std::latch both(2);
        const auto meet = [&both] { both.arrive_and_wait(); };
        two.block_on([&] { return parallel_invoke(meet, meet); });
    }
}

TEST_P(parallel_invoke_test, throws_one_exception_as_it_is_and_several_together) {
    executor_.block_on([]() -> task<> {
        const auto fail = [] { throw std::runtime_error("plain"); };
        const std::string one = co_await test::message_of<std::runtime_error>(parallel_invoke([] {}, fail));
        EXPECT_EQ(one, "plain");
        test::latch all(2);
        const auto fail_later = [&all]() -> task<int> {
            all.count_down();
            co_await all.wait_in_task();
            throw std::runtime_error("task");
        };
        const std::string both =
            co_await test::message_of<multiple_errors>(parallel_invoke(fail_later, [] { return 1; }, fail_later));
        EXPECT_EQ(both, "brigade: 2 tasks failed");
    });
}

TEST(parallel_invoke, begins_no_function_after_an_exception_or_a_stop) {
    executor one({.workers = 1});
    const auto never_called = [] { ADD_FAILURE() << "called"; };
    EXPECT_TRUE(one.block_on([&]() -> task<bool> {
        const auto fail = [] { throw std::runtime_error("first"); };
        co_return co_await test::throws<std::runtime_error>(parallel_invoke(fail, never_called));
    }));
    brigade::join_handle<> handle;
    test::latch ready;
    handle = one.spawn([&]() -> task<> {
        co_await ready.wait_in_task();
        co_await parallel_invoke([&] { handle.request_stop(); }, never_called);
    });
    ready.count_down();
    EXPECT_TRUE(one.block_on(
        [&] { return test::throws<operation_cancelled>(test::awaiting([&]() -> auto& { return handle; })); }));
}

}  // namespace
