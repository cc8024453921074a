#include <brigade/parallel_for.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <latch>
#include <limits>
#include <list>
#include <memory>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/counted.hpp"
#include "tests/support/latch.hpp"
#include "tests/support/throws.hpp"

namespace {

using brigade::executor;
using brigade::parallel_for;
using brigade::task;
using namespace std::chrono_literals;

template <class... Args>
concept can_loop = requires(Args... args) { parallel_for(std::forward<Args>(args)...); };
using plain_body = decltype([](int) {});
using task_body = decltype([](int) -> task<> { co_return; });

static_assert(can_loop<std::vector<int>&, plain_body> && can_loop<std::vector<int>, plain_body>);
static_assert(can_loop<std::vector<int>&, task_body> && can_loop<std::span<int>, task_body>);
static_assert(can_loop<int*, int*, plain_body> && can_loop<int, int, task_body>);
// No random access, no known length, no place to be kept.
static_assert(!can_loop<std::list<int>&, plain_body>);
static_assert(!can_loop<std::list<int>::iterator, std::list<int>::iterator, plain_body>);
static_assert(!can_loop<std::ranges::iota_view<int>, plain_body>);
static_assert(!can_loop<std::initializer_list<int>, plain_body>);
// A body of another argument; and one that would change itself, on several workers at once.
static_assert(!can_loop<std::vector<std::string>&, plain_body>);
static_assert(!can_loop<std::vector<int>&, decltype([n = 0](int) mutable { return ++n; })>);
// Elements that share their bytes, with a body that may write to them; those of one that is const can only be read.
static_assert(!can_loop<std::vector<bool>&, decltype([](auto&&) {})>);
static_assert(!can_loop<std::vector<bool>::iterator, std::vector<bool>::iterator, decltype([](auto&&) {})>);
static_assert(can_loop<const std::vector<bool>&, decltype([](bool) {})>);
// A range that cannot be kept: neither copied nor moved, and about to go.
static_assert(!can_loop<const std::vector<std::unique_ptr<int>>, decltype([](const std::unique_ptr<int>&) {})>);

// With one worker and with several.
class parallel_for_test : public testing::TestWithParam<unsigned> {
protected:
    executor executor_{{.workers = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(workers, parallel_for_test, testing::Values(1U, 2U, 4U));

TEST_P(parallel_for_test, calls_the_body_once_for_each_element) {
    for (const std::size_t n : {0U, 1U, 2U, 3U, 7U, 1000U, 100'000U}) {
        std::vector<int> calls(n);
        executor_.block_on([&]() -> task<> { co_await parallel_for(calls, [](int& x) { ++x; }); });
        EXPECT_EQ(calls, std::vector<int>(n, 1));
        executor_.block_on([&]() -> task<> {
            co_await parallel_for(calls, [](int& x) -> task<> {
                ++x;
                co_return;
            });
        });
        EXPECT_EQ(calls, std::vector<int>(n, 2));
    }
}

TEST_P(parallel_for_test, takes_iterators_and_indices) {
    executor_.block_on([]() -> task<> {
        std::deque<int> values(1000, 1);
        co_await parallel_for(values.begin() + 1, values.end(), [](int& x) { ++x; });
        EXPECT_EQ(values.front(), 1);
        co_await parallel_for(0, values.size(), [&values](std::size_t i) { ++values[i]; });
        EXPECT_EQ(values, [] {
            std::deque<int> expected(1000, 3);
            expected.front() = 2;
            return expected;
        }());
        std::atomic<int> sum = 0;
        co_await parallel_for(-2, 4, [&sum](int i) { sum += i; });
        EXPECT_EQ(sum, 3);
        co_await parallel_for(std::int8_t{-100}, std::int8_t{100}, [&sum](int i) { sum += i; });
        EXPECT_EQ(sum, 3 - 100);
    });
}

TEST_P(parallel_for_test, has_nothing_to_do_when_the_first_index_is_not_before_the_last) {
    executor_.block_on([]() -> task<> {
        const auto fail = [](auto) { FAIL(); };
        co_await parallel_for(5, 5, fail);
        co_await parallel_for(5, -5, fail);
        co_await parallel_for(5U, 0U, fail);
        co_await parallel_for(std::uint64_t{5}, std::numeric_limits<std::uint64_t>::min(), fail);
    });
}

// The indices next to the limits of I, and, where an I has few values, all from its least to its greatest.
template <class I>
void expect_indices_at_limits(executor& on) {
    constexpr I min = std::numeric_limits<I>::min();
    constexpr I max = std::numeric_limits<I>::max();
    const auto expect_calls = [&on](I first, I last, std::size_t count) {
        std::vector<std::atomic<int>> calls(count);
        const auto body = [&](auto i) {
            static_assert(std::same_as<decltype(i), I>);
            ++calls.at(static_cast<std::size_t>(i) - static_cast<std::size_t>(first));
        };
        on.block_on([&] { return parallel_for(first, last, body); });
        on.block_on([&] {
            return parallel_for(first, last, [&body](I i) -> task<> {
                body(i);
                co_return;
            });
        });
        EXPECT_TRUE(std::ranges::all_of(calls, [](const std::atomic<int>& n) { return n == 2; })) << count;
    };
    expect_calls(min, static_cast<I>(min + 3), 3);
    expect_calls(static_cast<I>(max - 3), max, 3);
    expect_calls(max, max, 0);
    expect_calls(max, min, 0);
    expect_calls(min, min, 0);
    if constexpr (sizeof(I) <= 2) {
        expect_calls(min, max, static_cast<std::size_t>(max - min));
    }
}

TEST_P(parallel_for_test, indices_of_every_integer_type_reach_its_limits) {
    [this]<class... Is>(std::tuple<Is...>*) {
        (expect_indices_at_limits<Is>(executor_), ...);
    }(static_cast<std::tuple<char, signed char, unsigned char, char8_t, char16_t, char32_t, wchar_t, short,
                             unsigned short, int, unsigned, long, unsigned long, long long, unsigned long long>*>(
        nullptr));
}

TEST_P(parallel_for_test, indices_of_two_types_meet_in_the_one_that_both_convert_to) {
    std::atomic<int> sum = 0;
    const auto add = [&sum](auto i) {
        static_assert(std::same_as<decltype(i), int>);
        sum += i;
    };
    executor_.block_on([&] { return parallel_for('\0', short{4}, add); });
    EXPECT_EQ(sum, 6);
    executor_.block_on([&] { return parallel_for(std::int8_t{-3}, std::uint8_t{2}, add); });
    EXPECT_EQ(sum, 6 - 5);
}
// There is none after true.
static_assert(!can_loop<bool, bool, decltype([](bool) {})>);

TEST(parallel_for_indices, a_negative_one_beside_an_unsigned_one_is_refused) {
    EXPECT_THROW(static_cast<void>(parallel_for(-1, std::size_t{3}, [](std::size_t) {})), std::invalid_argument);
}

TEST_P(parallel_for_test, owns_a_range_that_is_a_temporary) {
    task<> kept;
    std::atomic<int> sum = 0;
    {
        kept = parallel_for(std::vector<int>{1, 2, 3},
                            [&sum, text = std::string(100, 'x')](int x) { sum += x + static_cast<int>(text.size()); });
    }
    executor_.block_on(std::move(kept));
    EXPECT_EQ(sum, 306);
    executor_.block_on(parallel_for(std::views::iota(0, 10) | std::views::transform([](int i) { return 2 * i; }),
                                    [&sum](int x) { sum += x; }));
    EXPECT_EQ(sum, 396);
}

TEST_P(parallel_for_test, neither_copies_nor_moves_elements) {
    std::vector<std::unique_ptr<int>> pointers(100);
    executor_.block_on([&]() -> task<> {
        co_await parallel_for(pointers, [](std::unique_ptr<int>& p) { p = std::make_unique<int>(1); });
        co_await parallel_for(std::move(pointers), [](const std::unique_ptr<int>& p) { EXPECT_EQ(*p, 1); });
    });
}

TEST_P(parallel_for_test, keeps_a_body_and_what_it_was_called_with_as_long_as_its_tasks) {
    test::tally tally;
    const auto make = [&tally](int) { return test::counted(tally); };
    executor_.block_on([&]() -> task<> {
        const auto elements = std::views::iota(0, 100) | std::views::transform(make);
        // Not inside the await: see the README on GCC 12.
        auto body = [own = test::counted(tally)](const test::counted& element) -> task<> {
            co_await brigade::yield();
            const test::counted of_element = element;  // one that is gone has no tally
            const test::counted of_body = own;
        };
        co_await parallel_for(elements, std::move(body));
    });
    EXPECT_EQ(tally.alive(), 0);
}

TEST_P(parallel_for_test, takes_member_functions_and_references_to_bodies) {
    struct element {
        void increment() { ++value; }
        int value = 0;
    };
    struct body {
        void operator()(element& e) const { e.value += added; }
        int added = 1;
    };
    executor_.block_on([]() -> task<> {
        std::array<element, 3> elements;
        co_await parallel_for(elements, &element::increment);
        body add_two{2};
        co_await parallel_for(elements, std::ref(add_two));
        EXPECT_EQ(elements[2].value, 3);
    });
}

// ----------------------------------------------------------------------------------------------------- in parallel

TEST(parallel_for, all_workers_take_part) {
    for (const unsigned workers : {2U, 3U}) {
        executor e({.workers = workers});
        for (int i = 0; i < 20; ++i) {
            std::latch all(workers);
            e.block_on(parallel_for(0U, workers, [&all](unsigned) { all.arrive_and_wait(); }));
        }
    }
}

// All but its own chunk, which may have become longer than one element before it began.
TEST(parallel_for, an_element_that_takes_long_keeps_no_others_waiting_when_a_worker_is_free) {
    executor two({.workers = 2});
    for (int i = 0; i < 20; ++i) {
        constexpr int n = 10'000;
        test::latch others(n / 2);
        two.block_on(parallel_for(0, n, [&others](int element) {
            if (element == 0) {
                others.wait();
            } else if (element >= n / 2) {
                others.count_down();
            }
        }));
    }
}

TEST_P(parallel_for_test, bodies_that_wait_overlap) {
    for (int i = 0; i < 20; ++i) {
        constexpr int n = 100;
        test::latch all(n);
        executor_.block_on(parallel_for(0, n, [&all](int) -> task<> {
            all.count_down();
            co_await all.wait_in_task();
        }));
    }
}

TEST_P(parallel_for_test, nests) {
    constexpr int n = 60;
    std::vector<std::vector<int>> table(n, std::vector<int>(n));
    executor_.block_on([&]() -> task<> {
        co_await parallel_for(table, [](std::vector<int>& row) -> task<> {
            co_await parallel_for(row, [](int& x) { ++x; });
            co_await parallel_for(row, [](int& x) -> task<> {
                co_await brigade::yield();
                ++x;
            });
        });
    });
    EXPECT_EQ(table, std::vector<std::vector<int>>(n, std::vector<int>(n, 2)));
}

TEST_P(parallel_for_test, several_run_at_the_same_time) {
    executor_.block_on([]() -> task<> {
        std::atomic<int> sum = 0;
        std::vector<brigade::join_handle<>> loops;
        for (int i = 0; i < 10; ++i) {
            loops.push_back(brigade::spawn([&sum]() -> task<> {
                co_await parallel_for(0, 10'000, [&sum](int) { sum.fetch_add(1, std::memory_order_relaxed); });
            }));
        }
        for (brigade::join_handle<>& loop : loops) {
            co_await loop;
        }
        EXPECT_EQ(sum, 100'000);
    });
}

TEST_P(parallel_for_test, costs_that_differ_are_no_obstacle) {
    std::atomic<std::uint64_t> sum = 0;
    const auto compute = [&sum](std::uint64_t steps) {
        std::uint64_t x = 1;
        for (std::uint64_t i = 0; i < steps; ++i) {
            x = x * 6364136223846793005U + 1;
        }
        sum += x | 1;
    };
    executor_.block_on([&]() -> task<> {
        co_await parallel_for(0, 2000, [&](int i) { compute(i < 1000 ? 1 : 10'000); });
        co_await parallel_for(0, 2000, [&](int i) { compute(i < 1000 ? 10'000 : 1); });
        co_await parallel_for(0, 2000, [&](int i) { compute(i == 700 ? 1'000'000 : 10); });
    });
    EXPECT_NE(sum, 0U);
}

// -------------------------------------------------------------------------------------------------------- fairness

// A loop that would not end if the other had to wait for it.
TEST(parallel_for_fairness, a_spawned_task_has_its_turn_while_plain_bodies_run) {
    executor one({.workers = 1});
    one.block_on([]() -> task<> {
        std::atomic<bool> done = false;
        brigade::join_handle<> other = brigade::spawn([&done]() -> task<> {
            done = true;
            co_return;
        });
        const std::string end = co_await test::message_of<std::runtime_error>(
            parallel_for(std::uint64_t{0}, std::uint64_t{1} << 62U, [&done](std::uint64_t) {
                if (done) {
                    throw std::runtime_error("the other has run");
                }
            }));
        EXPECT_EQ(end, "the other has run");
        co_await other;
    });
}

TEST(parallel_for_fairness, a_timer_expires_while_tasks_run_that_never_wait) {
    executor one({.workers = 1});
    one.block_on([]() -> task<> {
        std::atomic<bool> done = false;
        brigade::join_handle<> other = brigade::spawn([&done]() -> task<> {
            co_await brigade::sleep_for(1ms);
            done = true;
        });
        const std::string end = co_await test::message_of<std::runtime_error>(
            parallel_for(std::uint64_t{0}, std::uint64_t{1} << 62U, [&done](std::uint64_t) -> task<> {
                if (done) {
                    throw std::runtime_error("the other has run");
                }
                co_return;
            }));
        EXPECT_EQ(end, "the other has run");
        co_await other;
    });
}

}  // namespace
