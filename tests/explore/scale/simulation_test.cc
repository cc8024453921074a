// The simulated machine: what is computed on it is right, and its times add up.
#include "tests/explore/scale/simulation.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/detail/sync.hpp>

namespace scale {
namespace {

namespace sync = brigade::detail::sync;

struct sample {
    std::string_view name;
    unsigned size;
    std::uint64_t result;
};

class simulated_computation : public testing::TestWithParam<sample> {
protected:
    [[nodiscard]] static outcome run(unsigned workers) {
        return simulate(GetParam().name, GetParam().size, start_by::fork, workers, {}, 0);
    }
};

INSTANTIATE_TEST_SUITE_P(all, simulated_computation,
                         testing::Values(sample{"fib", 22, 17711}, sample{"uts", 7, 20568}, sample{"nqueens", 9, 352}),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST_P(simulated_computation, gives_the_result_on_any_number_of_workers) {
    for (const unsigned workers : {1U, 2U, 8U, 256U}) {
        EXPECT_EQ(run(workers).result, GetParam().result) << workers;
    }
}

TEST_P(simulated_computation, is_faster_on_more_workers_but_not_faster_than_they_are_many) {
    const picoseconds alone = run(1).measured.makespan;
    for (const unsigned workers : {2U, 8U}) {
        const picoseconds together = run(workers).measured.makespan;
        EXPECT_LT(together, alone) << workers;
        EXPECT_GE(together * workers, alone) << workers;
    }
}

TEST_P(simulated_computation, spends_all_time_of_all_workers_on_something) {
    for (const unsigned workers : {1U, 2U, 8U}) {
        const outcome o = run(workers);
        ASSERT_EQ(o.measured.threads.size(), workers);
        for (const time_sheet& spent : o.measured.threads) {
            EXPECT_EQ(std::accumulate(spent.begin(), spent.end(), picoseconds{0}), o.measured.makespan) << workers;
        }
    }
}

TEST_P(simulated_computation, does_the_same_work_by_calls_alone) {
    const outcome by_fork = run(1);
    const outcome by_call = simulate(GetParam().name, GetParam().size, start_by::call, 1, {}, 0);
    EXPECT_EQ(by_call.result, by_fork.result);
    EXPECT_EQ(by_call.units, by_fork.units);
    EXPECT_EQ(by_call.forks, 0U);
    EXPECT_LT(by_call.measured.makespan, by_fork.measured.makespan);
}

TEST(simulation, refuses_a_computation_that_it_does_not_know) {
    EXPECT_THROW(static_cast<void>(simulate("sort", 1, start_by::fork, 1, {}, 0)), std::invalid_argument);
}

// ---------------------------------------------------------------------------------------------- the machine by itself

// Where a transfer takes 100, a read-modify-write 10 more than an access, and an access 1.
template <class F>
void on_machine(F body) {
    cost_table costs;
    costs.access = 1;
    costs.locked = 10;
    costs.transfer = 100;
    costs.fence_alone = 1000;
    costs.fence_first = 2000;
    costs.fence_each = 300;
    costs.interruption = 700;
    machine::the().run(costs, 0, body);
}

template <class F>
picoseconds time_of(F body) {
    const picoseconds before = machine::the().now();
    body();
    return machine::the().now() - before;
}

TEST(simulated_machine, charges_accesses_to_a_line_that_one_has) {
    on_machine([] {
        alignas(64) sync::atomic<int> word{0};
        EXPECT_EQ(time_of([&] { static_cast<void>(word.load()); }), 1);
        EXPECT_EQ(time_of([&] { word.store(1, std::memory_order_release); }), 1);
        EXPECT_EQ(time_of([&] { word.fetch_add(1); }), 11);
    });
}

TEST(simulated_machine, charges_a_transfer_for_what_another_has_written) {
    on_machine([] {
        alignas(64) sync::atomic<int> word{0};
        sync::thread other([&] { word.store(1, std::memory_order_release); });
        machine::the().work(1'000'000);  // the other one has written by then
        EXPECT_EQ(time_of([&] { static_cast<void>(word.load()); }), 101);
        EXPECT_EQ(time_of([&] { static_cast<void>(word.load()); }), 1);
        EXPECT_EQ(time_of([&] { word.store(2, std::memory_order_release); }), 101);
        EXPECT_EQ(time_of([&] { word.store(3, std::memory_order_release); }), 1);
        other.join();
    });
}

TEST(simulated_machine, lets_writers_of_one_line_wait_for_each_other) {
    alignas(64) sync::atomic<int> word{0};
    constexpr unsigned writers = 10;
    on_machine([&] {
        word.fetch_add(1);
        std::array<picoseconds, writers> ended{};
        std::vector<sync::thread> threads;
        for (picoseconds& end : ended) {
            threads.emplace_back([&] {
                word.fetch_add(1);
                end = machine::the().now();
            });
        }
        for (sync::thread& t : threads) {
            t.join();
        }
        EXPECT_EQ(word.load(), 1 + static_cast<int>(writers));
        EXPECT_GE(*std::ranges::max_element(ended), writers * 100);
    });
}

TEST(simulated_machine, interrupts_those_that_run_by_a_heavy_fence) {
    alignas(64) sync::atomic<std::uint32_t> word{0};
    on_machine([&] {
        sync::thread sleeps([&] { sync::futex_wait(word, 0); });
        std::array<picoseconds, 2> took{};
        sync::thread runs([&] {
            for (picoseconds& t : took) {
                t = time_of([&] {
                    machine::the().work(10'000'000);
                    static_cast<void>(word.load());
                });
            }
        });
        machine::the().work(1'000'000);
        static_cast<void>(word.load());
        EXPECT_EQ(time_of([] { sync::asymmetric_fence_heavy(); }), 1000 + 2000);  // one runs, one sleeps
        runs.join();
        EXPECT_GE(took[0], 10'000'000 + 700);
        EXPECT_LT(took[1], 10'000'000 + 700);
        word.store(1);
        sync::futex_wake(word);
        sleeps.join();
    });
}

}  // namespace
}  // namespace scale
