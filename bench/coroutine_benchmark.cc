// What a coroutine costs by the way in which its parent waits for it, beside oneTBB doing the same work.
//
//   bazel run --config=bench //bench:coroutine_benchmark
//
// The argument is the number of workers. "items_per_second" counts children, or calls of fib.
#include <cstdint>

#include <benchmark/benchmark.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <brigade/brigade.hpp>

namespace {

constexpr int tasks = 100'000;
constexpr unsigned fib_argument = 30;
constexpr int fib_calls = 2'692'537;

brigade::executor make_executor(const benchmark::State& state) {
    return brigade::executor({.workers = static_cast<unsigned>(state.range(0))});
}

brigade::task<> nothing() {
    co_return;
}

brigade::task<int> ready(int i) {
    co_return i;
}

void await_ready_task(benchmark::State& state) {
    brigade::executor executor = make_executor(state);
    for (auto _ : state) {
        benchmark::DoNotOptimize(executor.block_on([]() -> brigade::task<std::int64_t> {
            std::int64_t sum = 0;
            for (int i = 0; i < tasks; ++i) {
                sum += co_await ready(i);
            }
            co_return sum;
        }));
    }
    state.SetItemsProcessed(state.iterations() * tasks);
}

void count_calls(benchmark::State& state) {
    state.SetItemsProcessed(state.iterations() * fib_calls);
}

brigade::task<std::uint64_t> fib(unsigned n) {
    if (n < 2) {
        co_return n;
    }
    const auto both = co_await brigade::when_all(fib(n - 1), fib(n - 2));
    co_return std::get<0>(both) + std::get<1>(both);
}

brigade::task<std::uint64_t> fib_by_fork(unsigned n) {
    if (n < 2) {
        co_return n;
    }
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    co_await brigade::fork(a, fib_by_fork(n - 1));
    co_await brigade::call(b, fib_by_fork(n - 2));
    co_await brigade::join();
    co_return a + b;
}

void fib_fork(benchmark::State& state) {
    brigade::executor executor = make_executor(state);
    for (auto _ : state) {
        benchmark::DoNotOptimize(executor.block_on(fib_by_fork, fib_argument));
    }
    count_calls(state);
}

// The same coroutines without forks: what is left are their frames and results.
brigade::task<std::uint64_t> fib_by_await(unsigned n) {
    if (n < 2) {
        co_return n;
    }
    const std::uint64_t a = co_await fib_by_await(n - 1);
    const std::uint64_t b = co_await fib_by_await(n - 2);
    co_return a + b;
}

void fib_await(benchmark::State& state) {
    brigade::executor executor = make_executor(state);
    for (auto _ : state) {
        benchmark::DoNotOptimize(executor.block_on(fib_by_await, fib_argument));
    }
    count_calls(state);
}

void fib_when_all(benchmark::State& state) {
    brigade::executor executor = make_executor(state);
    for (auto _ : state) {
        benchmark::DoNotOptimize(executor.block_on(fib, fib_argument));
    }
    count_calls(state);
}

std::uint64_t fib_in_tbb(unsigned n) {
    if (n < 2) {
        return n;
    }
    std::uint64_t a = 0;
    oneapi::tbb::task_group group;
    group.run([&a, n] { a = fib_in_tbb(n - 1); });
    const std::uint64_t b = fib_in_tbb(n - 2);
    group.wait();
    return a + b;
}

void fib_tbb(benchmark::State& state) {
    oneapi::tbb::task_arena arena(static_cast<int>(state.range(0)));
    for (auto _ : state) {
        benchmark::DoNotOptimize(arena.execute([] { return fib_in_tbb(fib_argument); }));
    }
    count_calls(state);
}

// One parent, many children that do nothing.
brigade::task<> fork_in_a_loop() {
    for (int i = 0; i < tasks; ++i) {
        co_await brigade::fork(nothing());
    }
    co_await brigade::join();
}

void fork_loop(benchmark::State& state) {
    brigade::executor executor = make_executor(state);
    for (auto _ : state) {
        executor.block_on(fork_in_a_loop);
    }
    state.SetItemsProcessed(state.iterations() * tasks);
}

void workers(benchmark::internal::Benchmark* b) {
    b->ArgName("workers")->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);
}

BENCHMARK(await_ready_task)->Apply(workers);
BENCHMARK(fork_loop)->Apply(workers);
BENCHMARK(fib_await)->Apply(workers);
BENCHMARK(fib_fork)->Apply(workers);
BENCHMARK(fib_when_all)->Apply(workers);
BENCHMARK(fib_tbb)->Apply(workers);

}  // namespace
