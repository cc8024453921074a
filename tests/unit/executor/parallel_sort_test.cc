#include <brigade/parallel_sort.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <random>
#include <ranges>
#include <span>
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
using brigade::parallel_sort;
using brigade::task;
using numbers = std::vector<std::uint32_t>;

template <class... Args>
concept can_sort = requires(Args... args) { parallel_sort(std::forward<Args>(args)...); };
static_assert(can_sort<numbers&> && can_sort<std::span<int>> && can_sort<int*, int*, std::greater<>>);
static_assert(!can_sort<numbers> && !can_sort<const numbers&> && !can_sort<std::list<int>&>);
static_assert(!can_sort<std::vector<std::less<>>&>);
// Elements that share their bytes; callables that would change themselves, on several workers at once.
static_assert(!can_sort<std::vector<bool>&> && !can_sort<std::vector<bool>::iterator, std::vector<bool>::iterator>);
using counting_less = decltype([n = 0](int a, int b) mutable { return a < b + n++; });
using counting_identity = decltype([n = 0](int a) mutable { return a + n++; });
static_assert(!can_sort<std::span<int>, counting_less> && !can_sort<int*, int*, counting_less>);
static_assert(!can_sort<std::span<int>, std::less<>, counting_identity>);
static_assert(!can_sort<int*, int*, std::less<>, counting_identity>);
static_assert(can_sort<std::span<int>, std::reference_wrapper<counting_less>>);

class parallel_sort_test : public testing::TestWithParam<unsigned> {
protected:
    void expect_sorts(numbers values, const std::string& what) {
        numbers expected = values;
        std::ranges::sort(expected);
        executor_.block_on([&] { return parallel_sort(values); });
        EXPECT_TRUE(values == expected) << what << ", " << values.size() << " elements";
    }

    executor executor_{{.workers = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(workers, parallel_sort_test, testing::Values(1U, 2U, 4U));

numbers random_numbers(std::size_t n, std::uint32_t below) {
    std::mt19937 random(static_cast<unsigned>(n) + below);
    std::uniform_int_distribution<std::uint32_t> distribution(0, below - 1);
    numbers values(n);
    std::ranges::generate(values, [&] { return distribution(random); });
    return values;
}

TEST_P(parallel_sort_test, sorts_as_the_standard_library_does) {
    for (const std::size_t n :
         {0U, 1U, 2U, 3U, 31U, 32U, 33U, 255U, 256U, 257U, 258U, 511U, 512U, 513U, 1000U, 10'000U, 300'000U}) {
        expect_sorts(random_numbers(n, 1'000'000'000), "random");
        expect_sorts(random_numbers(n, 2), "two values");
        expect_sorts(random_numbers(n, 16), "few distinct values");
        expect_sorts(numbers(n, 7), "one value");
        numbers values = random_numbers(n, 1'000'000'000);
        std::ranges::sort(values);
        expect_sorts(values, "sorted");
        const auto half = static_cast<std::ptrdiff_t>(n / 2);
        std::ranges::reverse(values.begin() + half, values.end());
        expect_sorts(values, "organ pipe");
        std::ranges::sort(values, std::greater<>());
        expect_sorts(values, "reversed");
        std::ranges::rotate(values, values.begin() + half);
        expect_sorts(values, "two reversed halves");
        std::ranges::sort(values);
        if (n != 0) {
            std::swap(values.front(), values.back());
            expect_sorts(values, "sorted but for its ends");
        }
    }
}

// An adversary that decides what an element is only when it is compared, so that each pivot is as small as can be.
// Source: McIlroy, "A killer adversary for quicksort" (1999).
TEST_P(parallel_sort_test, an_adversary_gets_no_more_than_n_log_n_comparisons) {
    if (GetParam() != 1) {
        GTEST_SKIP() << "the adversary is for one thread";
    }
    constexpr std::size_t n = 20'000;
    constexpr std::size_t gas = n;
    std::vector<std::size_t> value(n, gas);
    std::vector<std::size_t> index(n);
    std::ranges::copy(std::views::iota(std::size_t{0}, n), index.begin());
    std::size_t solid = 0;
    std::size_t candidate = 0;
    std::size_t comparisons = 0;
    const auto less = [&](std::size_t x, std::size_t y) {
        ++comparisons;
        if (value[x] == gas && value[y] == gas) {
            value[x == candidate ? x : y] = solid++;
        }
        if (value[x] == gas) {
            candidate = x;
        } else if (value[y] == gas) {
            candidate = y;
        }
        return value[x] < value[y];
    };
    executor_.block_on([&] { return parallel_sort(index, less); });
    EXPECT_TRUE(std::ranges::is_sorted(index, {}, [&](std::size_t i) { return value[i]; }));
    EXPECT_LT(comparisons, 20 * n * 15);  // log2(n) is a little less than 15
}

TEST_P(parallel_sort_test, takes_a_comparison_and_a_projection) {
    struct person {
        std::string name;
        std::uint32_t age;
    };
    std::vector<person> people;
    for (const std::uint32_t age : random_numbers(50'000, 100)) {
        people.push_back({std::to_string(age), age});
    }
    executor_.block_on([&] { return parallel_sort(people, std::greater<>(), &person::age); });
    EXPECT_TRUE(std::ranges::is_sorted(people, std::greater<>(), &person::age));
    EXPECT_TRUE(std::ranges::all_of(people, [](const person& p) { return p.name == std::to_string(p.age); }));
}

TEST_P(parallel_sort_test, sorts_elements_that_can_only_be_moved) {
    std::deque<std::unique_ptr<std::uint32_t>> values;
    for (const std::uint32_t x : random_numbers(50'000, 1'000'000)) {
        values.push_back(std::make_unique<std::uint32_t>(x));
    }
    const auto value = [](const std::unique_ptr<std::uint32_t>& p) { return *p; };
    executor_.block_on([&] { return parallel_sort(values.begin(), values.end(), std::ranges::less(), value); });
    EXPECT_TRUE(std::ranges::is_sorted(values, {}, value));
}

TEST_P(parallel_sort_test, sorts_a_part_of_an_array) {
    std::vector<int> values{9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
    executor_.block_on([&] { return parallel_sort(std::span(values).subspan(2, 6)); });
    EXPECT_EQ(values, (std::vector<int>{9, 8, 2, 3, 4, 5, 6, 7, 1, 0}));
}

TEST_P(parallel_sort_test, an_exception_of_a_comparison_leaves_valid_elements) {
    for (const int limit : {0, 1, 1000, 100'000, 1'000'000}) {
        std::vector<std::string> values;
        for (const std::uint32_t x : random_numbers(100'000, 1'000'000)) {
            values.push_back("a string that is too long for its object " + std::to_string(x));
        }
        std::atomic<int> comparisons = 0;
        const auto less = [&](const std::string& a, const std::string& b) {
            if (comparisons++ >= limit) {
                throw std::runtime_error("enough");
            }
            return a < b;
        };
        EXPECT_TRUE(
            executor_.block_on([&] { return test::throws<std::exception>(parallel_sort(values, std::ref(less))); }));
        std::ranges::fill(values, "each can still be assigned to");
    }
}

TEST_P(parallel_sort_test, a_stop_in_the_middle_leaves_every_element_there) {
    numbers values = random_numbers(100'000, 1'000'000);
    numbers before = values;
    test::latch begun;
    test::latch stopped;
    std::atomic<int> comparisons = 0;
    brigade::join_handle<> sort = executor_.spawn([&]() -> task<> {
        co_await parallel_sort(values, [&](std::uint32_t a, std::uint32_t b) {
            if (++comparisons == 200'000) {
                begun.count_down();
                stopped.wait();
            }
            return a < b;
        });
    });
    begun.wait();
    sort.request_stop();
    stopped.count_down();
    EXPECT_TRUE(executor_.block_on(
        [&] { return test::throws<operation_cancelled>(test::awaiting([&]() -> auto& { return sort; })); }));
    numbers after = values;
    std::ranges::sort(after);
    std::ranges::sort(before);
    EXPECT_TRUE(after == before);
}

// Before the first partition is complete, which takes a comparison for each element.
TEST(parallel_sort, lets_others_run_during_a_partition) {
    executor one({.workers = 1});
    one.block_on([]() -> task<> {
        std::atomic<bool> done = false;
        brigade::join_handle<> other = brigade::spawn([&done]() -> task<> {
            done = true;
            co_return;
        });
        numbers values = random_numbers(1'000'000, 1'000'000);
        int comparisons_until_done = 0;
        co_await parallel_sort(values, [&](std::uint32_t a, std::uint32_t b) {
            comparisons_until_done += done ? 0 : 1;
            return a < b;
        });
        co_await other;
        EXPECT_LT(comparisons_until_done, 1'000'000);
    });
}

}  // namespace
