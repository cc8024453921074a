#include <brigade/parallel_transform.hpp>

#include <cstddef>
#include <memory>
#include <ranges>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/latch.hpp"
#include "tests/support/throws.hpp"

namespace {

using brigade::executor;
using brigade::parallel_transform;
using brigade::task;

template <class... Args>
concept can_transform = requires(Args... args) { parallel_transform(std::forward<Args>(args)...); };
using negate = decltype([](int x) { return -x; });
using negating_task = decltype([](int x) -> task<int> { co_return -x; });
using ints = std::vector<int>;

static_assert(can_transform<ints&, ints&, negate> && can_transform<ints&, ints::iterator, negating_task>);
static_assert(can_transform<ints&, std::span<int>, negate> && can_transform<int*, int*, int*, negate>);
// The output would be gone; would not take the results; has elements that share their bytes.
static_assert(!can_transform<ints&, ints, negate>);
static_assert(!can_transform<ints&, std::vector<std::unique_ptr<int>>&, negate>);
static_assert(!can_transform<ints&, std::vector<bool>&, negate>);
static_assert(!can_transform<ints&, std::vector<bool>::iterator, negate>);

class parallel_transform_test : public testing::TestWithParam<unsigned> {
protected:
    executor executor_{{.workers = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(workers, parallel_transform_test, testing::Values(1U, 2U, 4U));

TEST_P(parallel_transform_test, assigns_to_the_element_with_the_same_index) {
    executor_.block_on([]() -> task<> {
        for (const std::size_t n : {0U, 1U, 2U, 1000U, 100'000U}) {
            const auto squared = [](std::size_t i) { return i * i; };
            std::vector<std::size_t> out(n + 1, 7);
            co_await parallel_transform(std::views::iota(std::size_t{0}, n), out, squared);
            for (std::size_t i = 0; i < n; ++i) {
                EXPECT_EQ(out[i], i * i);
            }
            EXPECT_EQ(out[n], 7U);
        }
    });
}

TEST_P(parallel_transform_test, works_in_place_and_between_iterators) {
    executor_.block_on([]() -> task<> {
        ints values(1000, 1);
        co_await parallel_transform(values, values, negate());
        co_await parallel_transform(values.begin() + 1, values.end(), values.begin() + 1, negate());
        EXPECT_EQ(values[0], -1);
        EXPECT_EQ(values[999], 1);
    });
}

TEST_P(parallel_transform_test, waits_for_tasks_that_overlap) {
    executor_.block_on([]() -> task<> {
        constexpr int n = 200;
        test::latch all(n);
        std::vector<std::unique_ptr<int>> out(n);
        co_await parallel_transform(std::views::iota(0, n), out, [&all](int i) -> task<std::unique_ptr<int>> {
            all.count_down();
            co_await all.wait_in_task();
            co_return std::make_unique<int>(i);
        });
        EXPECT_EQ(*out[150], 150);
    });
}

TEST_P(parallel_transform_test, rethrows) {
    executor_.block_on([]() -> task<> {
        ints values(1000, 1);
        const auto fail = [](int) -> int { throw std::runtime_error("plain"); };
        const auto fail_later = [](int) -> task<int> {
            co_await brigade::yield();
            throw std::runtime_error("task");
        };
        EXPECT_EQ(co_await test::message_of<std::runtime_error>(
                      parallel_transform(values.begin(), values.begin() + 1, values.begin(), fail)),
                  "plain");
        EXPECT_EQ(co_await test::message_of<std::runtime_error>(
                      parallel_transform(std::span(values).first(1), values, fail_later)),
                  "task");
    });
}

TEST(parallel_transform, refuses_an_output_that_is_too_short) {
    ints three(3);
    ints two(2);
    EXPECT_THROW(static_cast<void>(parallel_transform(three, two, negate())), std::invalid_argument);
}

}  // namespace
