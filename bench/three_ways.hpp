// The table of a benchmark of algorithms: each on one thread as a loop or an algorithm of the standard library, by
// Brigade, and by oneTBB.
//
// An algorithm is a class that is made for a number of elements and holds the input and the result. Its members
// serial(), brigade(), which gives a task, and tbb() are the ways to the result(), which are compared once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>

#include <benchmark/benchmark.h>
#include <oneapi/tbb/task_arena.h>

#include <brigade/brigade.hpp>

namespace three_ways {

// Each runs what is measured, again and again, on the thread, workers or arena of its own.

inline void measure_serial(benchmark::State& state, const std::function<void()>& work) {
    for (auto _ : state) {
        work();
        benchmark::ClobberMemory();
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}

inline void measure_brigade(benchmark::State& state, const std::function<brigade::task<>()>& work) {
    brigade::executor executor({.workers = static_cast<unsigned>(state.range(1))});
    executor.block_on([&]() -> brigade::task<> {
        for (auto _ : state) {
            co_await work();
        }
    });
    state.SetItemsProcessed(state.iterations() * state.range(0));
}

inline void measure_tbb(benchmark::State& state, const std::function<void()>& work) {
    oneapi::tbb::task_arena arena(static_cast<int>(state.range(1)));
    arena.execute([&] {
        for (auto _ : state) {
            work();
        }
    });
    state.SetItemsProcessed(state.iterations() * state.range(0));
}

inline std::size_t elements(const benchmark::State& state) {
    return static_cast<std::size_t>(state.range(0));
}

template <class T>
void expect_equal(benchmark::State& state, const T& result, const T& expected) {
    if (result != expected) {
        state.SkipWithError("wrong result");
    }
}

template <class Algorithm>
void check(benchmark::State& state, const std::function<void(Algorithm&)>& once) {
    Algorithm expected(elements(state));
    Algorithm result(elements(state));
    expected.serial();
    once(result);
    expect_equal(state, result.result(), expected.result());
}

template <class Algorithm>
void serial(benchmark::State& state) {
    Algorithm algorithm(elements(state));
    measure_serial(state, [&] { algorithm.serial(); });
}

template <class Algorithm>
void brigade_way(benchmark::State& state) {
    check<Algorithm>(state, [&](Algorithm& a) {
        brigade::executor executor({.workers = static_cast<unsigned>(state.range(1))});
        executor.block_on([&a] { return a.brigade(); });
    });
    Algorithm algorithm(elements(state));
    measure_brigade(state, [&] { return algorithm.brigade(); });
}

template <class Algorithm>
void tbb_way(benchmark::State& state) {
    check<Algorithm>(state, [&](Algorithm& a) {
        oneapi::tbb::task_arena(static_cast<int>(state.range(1))).execute([&a] { a.tbb(); });
    });
    Algorithm algorithm(elements(state));
    measure_tbb(state, [&] { algorithm.tbb(); });
}

template <class Algorithm>
void add(const std::string& name, std::initializer_list<std::int64_t> sizes,
         benchmark::TimeUnit unit = benchmark::kMicrosecond) {
    for (const std::int64_t n : sizes) {
        benchmark::RegisterBenchmark((name + "/serial").c_str(), serial<Algorithm>)
            ->ArgName("n")
            ->Arg(n)
            ->UseRealTime()
            ->Unit(unit);
        for (const std::int64_t workers : {1, 2}) {
            for (const bool ours : {true, false}) {
                const std::string full_name = name + (ours ? "/brigade" : "/tbb");
                benchmark::RegisterBenchmark(full_name.c_str(), ours ? brigade_way<Algorithm> : tbb_way<Algorithm>)
                    ->ArgNames({"n", "workers"})
                    ->Args({n, workers})
                    ->UseRealTime()
                    ->Unit(unit);
            }
        }
    }
}

}  // namespace three_ways
