#include <brigade/task.hpp>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <brigade/executor.hpp>
#include <brigade/fork.hpp>

#include "tests/support/throws.hpp"

namespace {

using brigade::task;

struct no_default {
    explicit no_default(int n) : number(n) {}
    int number;
};

struct throws_when_moved {
    throws_when_moved() = default;
    throws_when_moved(throws_when_moved&& /*other*/) { throw std::runtime_error("moved"); }
};

task<int> give(int n) {
    co_return n;
}

task<> set(bool& flag) {
    flag = true;
    co_return;
}

task<int> fail(std::string what) {
    throw std::runtime_error(what);
    co_return 0;
}

class task_test : public testing::Test {
protected:
    brigade::executor executor_{{.workers = 1}};
};

TEST_F(task_test, does_not_run_before_it_is_awaited) {
    executor_.block_on([]() -> task<> {
        bool ran = false;
        task<> lazy = set(ran);
        EXPECT_FALSE(ran);
        co_await std::move(lazy);
        EXPECT_TRUE(ran);
    });
}

TEST_F(task_test, does_not_run_when_it_is_dropped) {
    bool ran = false;
    {
        const task<> dropped = set(ran);
    }
    EXPECT_FALSE(ran);
}

TEST_F(task_test, gives_its_value) {
    EXPECT_EQ(executor_.block_on(give(42)), 42);
}

TEST_F(task_test, gives_values_through_several_levels) {
    const int sum = executor_.block_on([]() -> task<int> {
        const auto twice = [](int n) -> task<int> { co_return 2 * co_await give(n); };
        const int a = co_await twice(3);
        const int b = co_await twice(a);
        co_return a + b;
    });
    EXPECT_EQ(sum, 6 + 12);
}

TEST_F(task_test, gives_references) {
    int number = 1;
    const auto lend = [](int& n) -> task<int&> { co_return n; };
    int& lent = executor_.block_on(lend, std::ref(number));
    EXPECT_EQ(&lent, &number);

    executor_.block_on([&]() -> task<> {
        (co_await lend(number)) = 7;
        const auto lend_constant = [](const int& n) -> task<const int&> { co_return n; };
        const int& constant = co_await lend_constant(number);
        EXPECT_EQ(&constant, &number);
    });
    EXPECT_EQ(number, 7);
}

TEST_F(task_test, gives_move_only_results) {
    const auto make = [](int n) -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(n); };
    const std::unique_ptr<int> made = executor_.block_on([&]() -> task<std::unique_ptr<int>> {
        std::unique_ptr<int> inner = co_await make(5);
        *inner += 1;
        co_return inner;
    });
    EXPECT_EQ(*made, 6);
}

TEST_F(task_test, gives_results_that_have_no_default) {
    const auto make = []() -> task<no_default> { co_return no_default(3); };
    EXPECT_EQ(executor_.block_on(make).number, 3);
}

TEST_F(task_test, converts_what_is_returned) {
    const auto text = []() -> task<std::string> { co_return "text"; };
    EXPECT_EQ(executor_.block_on(text), "text");
}

TEST_F(task_test, passes_exceptions_through_every_level) {
    executor_.block_on([]() -> task<> {
        const auto middle = []() -> task<int> { co_return co_await fail("from below") + 1; };
        const std::string message = co_await test::message_of<std::runtime_error>(middle());
        EXPECT_EQ(message, "from below");
    });
    EXPECT_THROW(executor_.block_on(fail("to a thread")), std::runtime_error);
}

TEST_F(task_test, passes_exceptions_of_any_type) {
    const auto throws_int = []() -> task<> {
        throw 42;
        co_return;
    };
    EXPECT_THROW(executor_.block_on(throws_int), int);
}

TEST_F(task_test, passes_an_exception_from_moving_the_result) {
    const auto make = []() -> task<throws_when_moved> { co_return throws_when_moved(); };
    EXPECT_THROW(executor_.block_on(make), std::runtime_error);
}

TEST_F(task_test, can_go_on_after_a_child_threw) {
    const int given = executor_.block_on([]() -> task<int> {
        for (int i = 0; i < 3; ++i) {
            const bool threw = co_await test::throws<std::runtime_error>(fail("again"));
            EXPECT_TRUE(threw);
        }
        co_return co_await give(1);
    });
    EXPECT_EQ(given, 1);
}

TEST_F(task_test, says_whether_it_holds_a_coroutine) {
    task<int> t = give(1);
    EXPECT_TRUE(static_cast<bool>(t));
    task<int> moved = std::move(t);
    EXPECT_TRUE(static_cast<bool>(moved));
    EXPECT_FALSE(static_cast<bool>(t));  // NOLINT: being moved from is the question
    EXPECT_FALSE(static_cast<bool>(task<int>()));
}

constexpr const char* empty_message = "brigade: co_await of a task that is empty: moved from, or awaited before";

TEST_F(task_test, throws_logic_error_when_awaited_empty) {
    const std::string message = executor_.block_on(
        []() -> task<std::string> { co_return co_await test::message_of<std::logic_error>(task<int>()); });
    EXPECT_EQ(message, empty_message);
}

TEST_F(task_test, throws_logic_error_when_awaited_after_being_moved_from) {
    const std::string message = executor_.block_on([]() -> task<std::string> {
        task<int> first = give(1);
        const task<int> second = std::move(first);
        co_return co_await test::message_of<std::logic_error>(std::move(first));  // NOLINT: the misuse that is tested
    });
    EXPECT_EQ(message, empty_message);
}

TEST_F(task_test, throws_logic_error_when_awaited_twice) {
    const std::string message = executor_.block_on([]() -> task<std::string> {
        task<int> once = give(1);
        const int given = co_await std::move(once);
        EXPECT_EQ(given, 1);
        const auto again = [](task<int>& t) -> task<int> { co_return co_await std::move(t); };
        co_return co_await test::message_of<std::logic_error>(again(once));
    });
    EXPECT_EQ(message, empty_message);
}

TEST_F(task_test, throws_logic_error_when_spawned_empty) {
    EXPECT_THROW(executor_.block_on(task<int>()), std::logic_error);
}

TEST_F(task_test, can_be_assigned) {
    const int given = executor_.block_on([]() -> task<int> {
        task<int> t = give(1);
        t = give(2);
        co_return co_await std::move(t);
    });
    EXPECT_EQ(given, 2);
}

TEST_F(task_test, gives_the_last_result_when_a_local_throws_on_the_way_out) {
    struct throws_at_its_end {
        ~throws_at_its_end() noexcept(false) { throw std::runtime_error("at its end"); }
    };
    std::weak_ptr<int> first;
    const auto returns_twice = [&first]() -> task<std::shared_ptr<int>> {
        try {
            const throws_at_its_end local;
            auto result = std::make_shared<int>(1);
            first = result;
            co_return result;
        } catch (const std::runtime_error&) {
        }
        co_return std::make_shared<int>(2);
    };
    const std::shared_ptr<int> given = executor_.block_on(returns_twice);
    EXPECT_EQ(*given, 2);
    EXPECT_TRUE(first.expired());
}

struct hides_its_address {
    int number;
    hides_its_address* operator&() = delete;  // NOLINT(google-runtime-operator)
};

TEST_F(task_test, takes_no_address_by_the_operator) {
    const int given = executor_.block_on([]() -> task<int> {
        const auto give_hidden = [](int n) -> task<hides_its_address> { co_return hides_its_address{n}; };
        hides_its_address forked{};
        co_await brigade::fork(forked, give_hidden(1));
        co_await brigade::join();
        const hides_its_address awaited = co_await give_hidden(2);
        co_return forked.number + awaited.number;
    });
    EXPECT_EQ(given, 3);
}

TEST_F(task_test, may_be_awaited_far_from_where_it_was_made) {
    std::unique_ptr<task<int>> made = std::make_unique<task<int>>(give(9));
    const int given = executor_.block_on([&]() -> task<int> {
        task<int> inner = std::move(*made);
        made.reset();
        co_return co_await std::move(inner);
    });
    EXPECT_EQ(given, 9);
}

// What does not compile: a task that gives an rvalue reference, a second await without a move, a copy.
template <class T>
concept can_be_given = requires { typename task<T>; };
static_assert(can_be_given<void> && can_be_given<int> && can_be_given<const std::unique_ptr<int>> &&
              can_be_given<int&> && can_be_given<const int&>);
static_assert(!can_be_given<int&&> && !can_be_given<const int&&> && !can_be_given<int()>);
static_assert(!std::is_copy_constructible_v<task<int>>);
static_assert(!std::is_copy_assignable_v<task<int>>);
static_assert(std::is_nothrow_move_constructible_v<task<int>>);
static_assert(std::is_nothrow_move_assignable_v<task<int>>);
template <class T>
concept awaitable_as_lvalue = requires(T& t) { t.operator co_await(); };
static_assert(!awaitable_as_lvalue<task<int>>);

}  // namespace
