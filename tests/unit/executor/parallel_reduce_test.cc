#include <brigade/parallel_reduce.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/latch.hpp"
#include "tests/support/throws.hpp"

namespace {

using brigade::executor;
using brigade::operation_cancelled;
using brigade::parallel_reduce;
using brigade::task;

class parallel_reduce_test : public testing::TestWithParam<unsigned> {
protected:
    executor executor_{{.workers = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(workers, parallel_reduce_test, testing::Values(1U, 2U, 4U));

TEST_P(parallel_reduce_test, gives_the_sum) {
    executor_.block_on([]() -> task<> {
        for (const int n : {0, 1, 2, 3, 1000, 1'000'000}) {
            const std::int64_t sum = co_await parallel_reduce(std::views::iota(0, n), std::int64_t{5});
            EXPECT_EQ(sum, 5 + std::int64_t{n} * (n - 1) / 2);
        }
        const std::vector<short> shorts(100, 2);
        const int product = co_await parallel_reduce(shorts.begin(), shorts.begin() + 10, 1, std::multiplies());
        EXPECT_EQ(product, 1024);
    });
}

// 2 x 2 matrices modulo a prime: associative, and hardly ever commutative.
struct matrix {
    std::uint64_t a, b, c, d;
    bool operator==(const matrix&) const = default;
};
matrix operator*(const matrix& x, const matrix& y) {
    constexpr std::uint64_t p = 998'244'353;
    return {(x.a * y.a + x.b * y.c) % p, (x.a * y.b + x.b * y.d) % p, (x.c * y.a + x.d * y.c) % p,
            (x.c * y.b + x.d * y.d) % p};
}

TEST_P(parallel_reduce_test, keeps_the_order_of_the_operands) {
    executor_.block_on([]() -> task<> {
        const auto of = [](std::uint64_t i) { return matrix{i, 1, 2, i + 3}; };
        const auto numbers = std::views::iota(std::uint64_t{1}, std::uint64_t{200'001});
        matrix expected{1, 1, 0, 1};
        for (const std::uint64_t i : numbers) {
            expected = expected * of(i);
        }
        const matrix product = co_await parallel_reduce(numbers, matrix{1, 1, 0, 1}, std::multiplies(), of);
        EXPECT_EQ(product, expected);
    });
}

TEST_P(parallel_reduce_test, waits_for_tasks_that_give_the_elements) {
    executor_.block_on([]() -> task<> {
        constexpr int n = 200;
        test::latch all(n);
        const auto digits = [&all](int i) -> task<std::string> {
            all.count_down();
            co_await all.wait_in_task();  // all at the same time
            co_return std::to_string(i);
        };
        const std::string text =
            co_await parallel_reduce(std::views::iota(0, n), std::string("from "), std::plus(), digits);
        std::string expected = "from ";
        for (int i = 0; i < n; ++i) {
            expected += std::to_string(i);
        }
        EXPECT_EQ(text, expected);
    });
}

TEST_P(parallel_reduce_test, moves_results_that_cannot_be_copied_nor_made_without_a_value) {
    struct sum {
        explicit sum(int v) : value(std::make_unique<int>(v)) {}
        std::unique_ptr<int> value;
    };
    executor_.block_on([]() -> task<> {
        const auto add = [](sum a, sum b) {
            *a.value += *b.value;
            return a;
        };
        const sum total = co_await parallel_reduce(std::vector<int>(10'000, 1), sum(0), add);
        EXPECT_EQ(*total.value, 10'000);
    });
}

TEST_P(parallel_reduce_test, applies_the_operation_once_less_than_there_are_operands) {
    executor_.block_on([]() -> task<> {
        std::atomic<int> operations = 0;
        co_await parallel_reduce(std::views::iota(0, 5000), 0, [&operations](int a, int b) {
            ++operations;
            return a ^ b;
        });
        EXPECT_EQ(operations, 5000);
    });
}

TEST_P(parallel_reduce_test, exceptions_come_out_of_operation_and_transformation) {
    executor_.block_on([]() -> task<> {
        const auto numbers = std::views::iota(0, 1000);
        const auto fail = [](int) -> int { throw std::runtime_error("transformation"); };
        const auto fail_later = [](int i) -> task<int> {
            co_await brigade::yield();
            if (i == 500) {
                throw std::runtime_error("task");
            }
            co_return i;
        };
        const auto bad_plus = [](int a, int b) -> int {
            if (a > 990) {
                throw std::runtime_error("operation");
            }
            return a + b;
        };
        EXPECT_EQ(co_await test::message_of<std::runtime_error>(
                      parallel_reduce(std::views::iota(0, 1), 0, std::plus(), fail)),
                  "transformation");
        EXPECT_EQ(co_await test::message_of<std::runtime_error>(parallel_reduce(numbers, 0, std::plus(), fail_later)),
                  "task");
        EXPECT_TRUE(co_await test::throws<std::exception>(parallel_reduce(numbers, 0, bad_plus)));
        EXPECT_EQ(
            co_await test::message_of<std::runtime_error>(parallel_reduce(std::views::iota(0, 1), 1000, bad_plus)),
            "operation");
    });
}

TEST_P(parallel_reduce_test, a_stop_in_the_middle_ends_it) {
    test::latch begun(GetParam());
    test::latch stopped;
    brigade::join_handle<int> sum = executor_.spawn([&]() -> task<int> {
        co_return co_await parallel_reduce(std::views::iota(0, 1000), 0, std::plus(), [&](int i) {
            begun.count_down();
            stopped.wait();
            return i;
        });
    });
    begun.wait();
    sum.request_stop();
    stopped.count_down();
    EXPECT_TRUE(executor_.block_on(
        [&] { return test::throws<operation_cancelled>(test::awaiting([&]() -> auto& { return sum; })); }));
}

}  // namespace
