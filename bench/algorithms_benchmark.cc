// What the parallel algorithms cost, beside the serial one and oneTBB's. Every result is checked once.
//
//   bazel run --config=bench //bench:algorithms_benchmark
//
// "serial" is a loop or an algorithm of the standard library on one thread; for the others "workers" is the number of
// workers, or of oneTBB's threads. "n" counts elements, and so does items_per_second.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/parallel_reduce.h>
#include <oneapi/tbb/parallel_scan.h>
#include <oneapi/tbb/parallel_sort.h>

#include <brigade/brigade.hpp>

#include "bench/three_ways.hpp"

namespace {

using brigade::task;
using oneapi::tbb::blocked_range;
using numbers = std::vector<std::uint32_t>;

// ----------------------------------------------------------------------------------------------------------- loops

// What an element costs.
enum class cost { vectorised, ns_1, ns_100, us_10, ms_10, one_heavy, linear, heavy_end };

// In steps of about a nanosecond.
template <cost Cost>
std::size_t steps(std::size_t i, std::size_t n) {
    switch (Cost) {
        case cost::ns_100:
            return 100;
        case cost::us_10:
            return 10'000;
        case cost::ms_10:
            return 10'000'000;
        case cost::one_heavy:
            return i == n / 3 ? 100 * n : 100;  // as much as all others
        case cost::linear:
            return 200 * i / n;
        case cost::heavy_end:
            return i < n / 2 ? 1 : 1000;
        default:
            return 1;
    }
}

template <cost Cost>
struct body {
    std::uint32_t* values;
    std::size_t n;

    void operator()(std::size_t i) const {
        std::uint32_t x = values[i];
        if constexpr (Cost == cost::vectorised) {
            x = x * 1664525U + 1013904223U;
        } else {
            const std::size_t last = steps<Cost>(i, n);
            for (std::size_t step = 0; step < last; ++step) {
                x = x * 1664525U + 1013904223U;
                benchmark::DoNotOptimize(x);
            }
        }
        values[i] = x;
    }
};

template <cost Cost>
struct loop {
    explicit loop(std::size_t n) : values(n, 1) {}

    void serial() {
        const body<Cost> f{values.data(), values.size()};
        for (std::size_t i = 0; i < f.n; ++i) {
            f(i);
        }
    }
    task<> brigade() { return brigade::parallel_for(0, values.size(), body<Cost>{values.data(), values.size()}); }
    void tbb() {
        const body<Cost> f{values.data(), values.size()};
        oneapi::tbb::parallel_for(blocked_range<std::size_t>(0, f.n), [&f](const blocked_range<std::size_t>& range) {
            for (std::size_t i = range.begin(); i < range.end(); ++i) {
                f(i);
            }
        });
    }
    [[nodiscard]] const numbers& result() const { return values; }

    numbers values;
};

// A task for each element.
struct loop_of_tasks : loop<cost::vectorised> {
    using loop::loop;

    task<> brigade() {
        return brigade::parallel_for(0, values.size(), [this](std::size_t i) -> task<> {
            body<cost::vectorised>{values.data(), values.size()}(i);
            co_return;
        });
    }
};

// ------------------------------------------------------------------------------------- transform, reduce and scan

numbers random_numbers(std::size_t n) {
    std::minstd_rand random(1);
    numbers values(n);
    std::ranges::generate(values, [&random] { return static_cast<std::uint32_t>(random()); });
    return values;
}

std::uint32_t mix(std::uint32_t x) {
    return (x ^ (x >> 16U)) * 0x45d9f3bU;
}

struct transform {
    explicit transform(std::size_t n) : values(random_numbers(n)), out(n) {}

    void serial() { std::ranges::transform(values, out.begin(), mix); }
    task<> brigade() {
        return brigade::parallel_transform(values, out.begin(), [](std::uint32_t x) { return mix(x); });
    }
    void tbb() {
        oneapi::tbb::parallel_for(blocked_range<std::size_t>(0, out.size()), [this](const auto& range) {
            for (std::size_t i = range.begin(); i < range.end(); ++i) {
                out[i] = mix(values[i]);
            }
        });
    }
    [[nodiscard]] const numbers& result() const { return out; }

    numbers values;
    numbers out;
};

struct reduce {
    explicit reduce(std::size_t n) : values(random_numbers(n)) {}

    void serial() { sum = std::accumulate(values.begin(), values.end(), std::uint32_t{0}); }
    task<> brigade() { sum = co_await brigade::parallel_reduce(values, std::uint32_t{0}); }
    void tbb() {
        sum = oneapi::tbb::parallel_reduce(
            blocked_range<std::size_t>(0, values.size()), std::uint32_t{0},
            [this](const auto& range, std::uint32_t before) {
                for (std::size_t i = range.begin(); i < range.end(); ++i) {
                    before += values[i];
                }
                return before;
            },
            std::plus());
    }
    [[nodiscard]] std::uint32_t result() const { return sum; }

    numbers values;
    std::uint32_t sum = 0;
};

// Of an operation that computes: Cost steps for each element.
template <cost Cost>
struct scan {
    explicit scan(std::size_t n) : values(random_numbers(n)), out(n) {}

    static std::uint32_t add(std::uint32_t a, std::uint32_t b) {
        for (std::size_t step = 0; step < steps<Cost>(0, 1); ++step) {
            benchmark::DoNotOptimize(b);
        }
        return a + b;
    }

    void serial() { std::inclusive_scan(values.begin(), values.end(), out.begin(), add); }
    task<> brigade() {
        return brigade::parallel_inclusive_scan(values, out.begin(),
                                                [](std::uint32_t a, std::uint32_t b) { return add(a, b); });
    }
    void tbb() {
        oneapi::tbb::parallel_scan(
            blocked_range<std::size_t>(0, values.size()), std::uint32_t{0},
            [this](const auto& range, std::uint32_t before, bool is_final) {
                for (std::size_t i = range.begin(); i < range.end(); ++i) {
                    before = add(before, values[i]);
                    if (is_final) {
                        out[i] = before;
                    }
                }
                return before;
            },
            add);
    }
    [[nodiscard]] const numbers& result() const { return out; }

    numbers values;
    numbers out;
};

// ------------------------------------------------------------------------------------------------------------ sort

enum class order { random, ascending, descending, organ_pipe, equal, few_distinct };

numbers numbers_in(order how, std::size_t n) {
    numbers values = random_numbers(n);
    switch (how) {
        case order::random:
            break;
        case order::ascending:
            std::ranges::sort(values);
            break;
        case order::descending:
            std::ranges::sort(values, std::greater<>());
            break;
        case order::organ_pipe:
            std::ranges::sort(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(n / 2));
            std::ranges::sort(values.begin() + static_cast<std::ptrdiff_t>(n / 2), values.end(), std::greater<>());
            break;
        case order::equal:
            std::ranges::fill(values, 1U);
            break;
        case order::few_distinct:
            std::ranges::for_each(values, [](std::uint32_t& x) { x %= 16; });
            break;
    }
    return values;
}

// Each round copies the input first, which costs little beside the sort.
template <order Order>
struct sort {
    explicit sort(std::size_t n) : input(numbers_in(Order, n)), values(input) {}

    void serial() {
        values = input;
        std::sort(values.begin(), values.end());
    }
    task<> brigade() {
        values = input;
        return brigade::parallel_sort(values);
    }
    void tbb() {
        values = input;
        oneapi::tbb::parallel_sort(values.begin(), values.end());
    }
    [[nodiscard]] const numbers& result() const { return values; }

    numbers input;
    numbers values;
};

struct sort_strings {
    explicit sort_strings(std::size_t n) {
        for (const std::uint32_t x : random_numbers(n)) {
            input.push_back("a common beginning " + std::to_string(x));
        }
    }

    void serial() {
        values = input;
        std::sort(values.begin(), values.end());
    }
    task<> brigade() {
        values = input;
        return brigade::parallel_sort(values);
    }
    void tbb() {
        values = input;
        oneapi::tbb::parallel_sort(values.begin(), values.end());
    }
    [[nodiscard]] const std::vector<std::string>& result() const { return values; }

    std::vector<std::string> input;
    std::vector<std::string> values;
};

}  // namespace

int main(int argc, char** argv) {
    three_ways::add<loop<cost::vectorised>>("for_vectorised", {1, 100, 10'000, 1'000'000, 100'000'000});
    three_ways::add<loop<cost::ns_1>>("for_1ns", {1, 100, 10'000, 1'000'000});
    three_ways::add<loop<cost::ns_100>>("for_100ns", {1, 100, 10'000, 1'000'000});
    three_ways::add<loop<cost::us_10>>("for_10us", {1, 10, 100, 10'000});
    three_ways::add<loop<cost::ms_10>>("for_10ms", {10});
    three_ways::add<loop<cost::one_heavy>>("for_one_heavy", {100'000});
    three_ways::add<loop<cost::linear>>("for_linear", {100'000});
    three_ways::add<loop<cost::heavy_end>>("for_heavy_end", {10'000});
    three_ways::add<loop_of_tasks>("for_tasks", {1'000'000});
    three_ways::add<transform>("transform", {10'000'000});
    three_ways::add<reduce>("reduce", {100, 10'000, 10'000'000});
    three_ways::add<scan<cost::ns_1>>("scan", {10'000'000});
    three_ways::add<scan<cost::ns_100>>("scan_100ns", {100'000});
    three_ways::add<sort<order::random>>("sort_random", {1'000, 100'000, 10'000'000});
    three_ways::add<sort<order::ascending>>("sort_ascending", {1'000'000});
    three_ways::add<sort<order::descending>>("sort_descending", {1'000'000});
    three_ways::add<sort<order::organ_pipe>>("sort_organ_pipe", {1'000'000});
    three_ways::add<sort<order::equal>>("sort_equal", {1'000'000});
    three_ways::add<sort<order::few_distinct>>("sort_few_distinct", {1'000'000});
    three_ways::add<sort_strings>("sort_strings", {300'000});
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
