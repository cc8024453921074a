#include <brigade/parallel_scan.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <random>
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
using brigade::parallel_exclusive_scan;
using brigade::parallel_inclusive_scan;
using brigade::task;

class parallel_scan_test : public testing::TestWithParam<unsigned> {
protected:
    executor executor_{{.workers = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(workers, parallel_scan_test, testing::Values(1U, 2U, 4U));

std::vector<std::uint32_t> random_numbers(std::size_t n) {
    std::minstd_rand random(static_cast<unsigned>(n) + 1);
    std::vector<std::uint32_t> values(n);
    for (std::uint32_t& x : values) {
        x = static_cast<std::uint32_t>(random());
    }
    return values;
}

TEST_P(parallel_scan_test, gives_what_the_scans_of_the_standard_library_give) {
    executor_.block_on([]() -> task<> {
        for (const std::size_t n : {0U, 1U, 2U, 3U, 5U, 1000U, 100'000U, 3'000'000U}) {
            const std::vector<std::uint32_t> values = random_numbers(n);
            std::vector<std::uint32_t> out(n);
            std::vector<std::uint32_t> expected(n);
            std::inclusive_scan(values.begin(), values.end(), expected.begin());
            co_await parallel_inclusive_scan(values, out.begin());
            EXPECT_TRUE(out == expected);
            std::inclusive_scan(values.begin(), values.end(), expected.begin(), std::bit_xor(), 7U);
            co_await parallel_inclusive_scan(values, out.begin(), std::bit_xor(), 7U);
            EXPECT_TRUE(out == expected);
            std::exclusive_scan(values.begin(), values.end(), expected.begin(), 7U);
            co_await parallel_exclusive_scan(values, out.begin(), 7U);
            EXPECT_TRUE(out == expected);
        }
    });
}

TEST_P(parallel_scan_test, works_in_place) {
    executor_.block_on([]() -> task<> {
        std::vector<std::uint32_t> values = random_numbers(300'000);
        std::vector<std::uint32_t> expected(values.size());
        std::inclusive_scan(values.begin(), values.end(), expected.begin());
        co_await parallel_inclusive_scan(values, values.begin());
        EXPECT_TRUE(values == expected);
        std::exclusive_scan(values.begin(), values.end(), expected.begin(), 1U);
        co_await parallel_exclusive_scan(values, values.begin(), 1U);
        EXPECT_TRUE(values == expected);
    });
}

TEST_P(parallel_scan_test, keeps_the_order_of_the_operands) {
    executor_.block_on([]() -> task<> {
        std::vector<std::string> letters;
        for (int i = 0; i < 300; ++i) {
            letters.emplace_back(1, static_cast<char>('a' + i % 26));
        }
        std::vector<std::string> out(letters.size());
        std::vector<std::string> expected(letters.size());
        std::exclusive_scan(letters.begin(), letters.end(), expected.begin(), std::string("="));
        co_await parallel_exclusive_scan(letters, out.begin(), std::string("="));
        EXPECT_EQ(out, expected);
    });
}

// The first operation waits for one of the second half, which another worker can only have taken over.
TEST(parallel_scan, a_part_that_was_taken_over_is_summed_up_and_then_scanned) {
    executor two({.workers = 2});
    for (int i = 0; i < 50; ++i) {
        test::latch taken_over;
        std::atomic<bool> first = true;
        std::atomic<int> operations = 0;
        std::vector<int> values(1000);
        std::iota(values.begin(), values.end(), 0);
        std::vector<int> expected(1000);
        std::inclusive_scan(values.begin(), values.end(), expected.begin());
        two.block_on(parallel_inclusive_scan(values, values.begin(), [&](int a, int b) {
            ++operations;
            if (b == 1) {
                taken_over.wait();
            } else if (b > 500 && first.exchange(false)) {
                taken_over.count_down();
            }
            return a + b;
        }));
        EXPECT_EQ(values, expected);
        EXPECT_GT(operations, 1000);
        EXPECT_LT(operations, 3000);
    }
}

TEST(parallel_scan, one_worker_applies_the_operation_once_for_each_element) {
    executor one({.workers = 1});
    int operations = 0;
    std::vector<int> values(100'000, 1);
    one.block_on(parallel_exclusive_scan(values, values.begin(), 0, [&operations](int a, int b) {
        ++operations;
        return a + b;
    }));
    EXPECT_EQ(operations, 100'000);
}

TEST_P(parallel_scan_test, rethrows) {
    executor_.block_on([]() -> task<> {
        std::vector<int> values(1000, 1);
        const auto plus = [](int a, int b) {
            if (a == 499) {
                throw std::runtime_error("500");
            }
            return a + b;
        };
        EXPECT_TRUE(co_await test::throws<std::exception>(parallel_inclusive_scan(values, values.begin(), plus)));
    });
}

TEST_P(parallel_scan_test, a_stop_in_the_middle_ends_it) {
    test::latch begun;
    test::latch stopped;
    std::atomic<bool> first = true;
    brigade::join_handle<> scan = executor_.spawn([&]() -> task<> {
        std::vector<int> values(1000, 1);
        co_await parallel_exclusive_scan(values, values.begin(), 0, [&](int a, int b) {
            if (first.exchange(false)) {
                begun.count_down();
            }
            stopped.wait();
            return a + b;
        });
    });
    begun.wait();
    scan.request_stop();
    stopped.count_down();
    EXPECT_TRUE(executor_.block_on(
        [&] { return test::throws<operation_cancelled>(test::awaiting([&]() -> auto& { return scan; })); }));
}

}  // namespace
