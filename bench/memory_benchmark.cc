// Resident memory of the process: what a burst of live tasks leaves behind, and what a long loop of forks takes.
//
//   bazel run --config=bench //bench:memory_benchmark
#include <chrono>
#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include <unistd.h>

#include <benchmark/benchmark.h>

#include <brigade/brigade.hpp>

namespace {

using brigade::task;

double resident_mib() {
    std::ifstream statm("/proc/self/statm");
    std::uint64_t size = 0;
    std::uint64_t resident = 0;
    if (!(statm >> size >> resident)) {
        throw std::runtime_error("cannot read /proc/self/statm");
    }
    return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

task<> nothing() {
    co_return;
}

// Gives the resident memory while all of them are live.
task<double> burst(std::int64_t tasks) {
    std::vector<brigade::join_handle<>> handles;
    handles.reserve(static_cast<std::size_t>(tasks));
    for (std::int64_t i = 0; i < tasks; ++i) {
        handles.push_back(brigade::spawn(nothing()));
    }
    const double most = resident_mib();
    for (brigade::join_handle<>& handle : handles) {
        co_await handle;
    }
    co_return most;
}

// The tasks wait in one worker's queue until all are there; with more workers, others take some before.
void after_a_burst(benchmark::State& state) {
    brigade::executor executor({.workers = static_cast<unsigned>(state.range(1))});
    executor.block_on(burst(1'000));
    for (auto _ : state) {
        const double before = resident_mib();
        const double most = executor.block_on(burst(state.range(0)));
        std::this_thread::sleep_for(std::chrono::seconds(1));
        state.counters["before_MiB"] = before;
        state.counters["live_MiB"] = most;
        state.counters["after_1s_MiB"] = resident_mib();
    }
}

task<> fork_again_and_again(std::int64_t times) {
    for (std::int64_t i = 0; i < times; ++i) {
        co_await brigade::fork(nothing());
    }
    co_await brigade::join();
}

void after_a_loop_of_forks(benchmark::State& state) {
    brigade::executor executor({.workers = static_cast<unsigned>(state.range(1))});
    executor.block_on(fork_again_and_again(1'000));
    const double before = resident_mib();
    for (auto _ : state) {
        executor.block_on(fork_again_and_again(state.range(0)));
    }
    state.counters["before_MiB"] = before;
    state.counters["after_MiB"] = resident_mib();
}

// Tasks that sleep, all that belongs to them included: spawned, without the handles, or forked.
task<> sleep_long() {
    try {
        co_await brigade::sleep_for(std::chrono::hours(1));
    } catch (const brigade::operation_cancelled&) {
    }
}
task<double> start_sleepers(std::int64_t tasks, bool forked) {
    for (std::int64_t i = 0; i < tasks; ++i) {
        if (forked) {
            co_await brigade::fork(sleep_long());
        } else {
            brigade::spawn(sleep_long()).detach();
        }
        if (i % 1'000 == 999) {
            co_await brigade::yield();  // so that they get to their sleep
        }
    }
    co_await brigade::yield();
    const double live = resident_mib();
    if (forked) {
        brigade::executor::current().request_stop();
        co_await brigade::join();
    }
    co_return live;
}
void of_a_sleeping_task(benchmark::State& state) {
    brigade::executor executor({.workers = 1});
    for (auto _ : state) {
        const double before = resident_mib();
        const double live = executor.block_on(start_sleepers(state.range(0), state.range(1) != 0));
        state.counters["bytes_each"] = (live - before) * (1 << 20) / static_cast<double>(state.range(0));
    }
    executor.request_stop();
}

BENCHMARK(of_a_sleeping_task)
    ->ArgNames({"tasks", "forked"})
    ->ArgsProduct({{1'000'000}, {0, 1}})
    ->Iterations(1)
    ->UseRealTime();
BENCHMARK(after_a_burst)
    ->ArgNames({"tasks", "workers"})
    ->ArgsProduct({{1'000'000}, {1, 2}})
    ->Iterations(1)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(after_a_loop_of_forks)
    ->ArgNames({"forks", "workers"})
    ->ArgsProduct({{10'000'000}, {1, 2}})
    ->Iterations(1)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
