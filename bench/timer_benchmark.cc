// What timers cost. Nearly all stand for a deadline, and are cancelled long before they are due: these are set and
// cancelled here, alone or among many others. And those that are awaited to the end: how late they are.
//
//   bazel run --config=bench //bench:timer_benchmark
//
// The column CPU is that of all threads.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include <brigade/brigade.hpp>

namespace {

using brigade::task;
using namespace std::chrono_literals;
using time_point = std::chrono::steady_clock::time_point;

constexpr std::int64_t many = 100'000;

// As many tasks as there are workers, at once.
template <class F>
task<> on_each_worker(unsigned workers, F body) {
    std::vector<task<>> bodies;
    for (unsigned i = 0; i < workers; ++i) {
        bodies.push_back(body());
    }
    co_await brigade::when_all(std::move(bodies));
}

// -------------------------------------------------------------------------------------------- around what is at hand

task<int> at_hand() {
    co_return 1;
}
struct ready : std::suspend_never {
    int await_resume() const noexcept { return 1; }
};

template <class Make>
task<> await_many(Make make) {
    for (std::int64_t i = 0; i < many; ++i) {
        benchmark::DoNotOptimize(co_await make());
    }
}

template <class Make>
void awaits(benchmark::State& state, Make make) {
    const auto workers = static_cast<unsigned>(state.range(0));
    brigade::executor ex({.workers = workers});
    for (auto _ : state) {
        ex.block_on(on_each_worker(workers, [make] { return await_many(make); }));
    }
    state.SetItemsProcessed(state.iterations() * many);  // each worker's
}
// No timer: it does not suspend.
BENCHMARK_CAPTURE(awaits, something_ready, [] { return ready(); })->Arg(1)->MeasureProcessCPUTime()->UseRealTime();
BENCHMARK_CAPTURE(awaits, something_ready_with_timeout, [] { return brigade::with_timeout(30s, ready()); })
    ->Arg(1)
    ->MeasureProcessCPUTime()
    ->UseRealTime();
// The timer is set before the task begins, and cancelled at its end.
BENCHMARK_CAPTURE(awaits, a_task, [] { return at_hand(); })
    ->ArgName("workers")
    ->Arg(1)
    ->Arg(2)
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK_CAPTURE(awaits, a_task_with_timeout, [] { return brigade::with_timeout(30s, at_hand()); })
    ->ArgName("workers")
    ->Arg(1)
    ->Arg(2)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

// ------------------------------------------------------------------------------------------------ among many others

// Waits for its event again and again; the deadline is 30 s from each.
task<> wait_again_and_again(brigade::auto_reset_event& event, bool limited, const bool& ended) {
    while (!ended) {
        if (limited) {
            benchmark::DoNotOptimize(co_await brigade::with_timeout(30s, event));
        } else {
            co_await event;
        }
    }
}

// Each step wakes the task that has waited longest: its timer is cancelled, and set again.
task<> wake_in_turn(std::int64_t live, bool limited, benchmark::State& state) {
    const auto count = static_cast<std::size_t>(live);
    const auto events = std::make_unique<brigade::auto_reset_event[]>(count);
    bool ended = false;
    std::vector<brigade::join_handle<>> waiting;
    for (std::size_t i = 0; i < count; ++i) {
        waiting.push_back(brigade::spawn(wait_again_and_again(events[i], limited, ended)));
    }
    co_await brigade::yield();
    std::size_t next = 0;
    for (auto _ : state) {
        for (int i = 0; i < 100; ++i) {
            events[next].set();
            next = next + 1 == count ? 0 : next + 1;
        }
        co_await brigade::yield();
    }
    state.SetItemsProcessed(state.iterations() * 100);
    ended = true;
    for (std::size_t i = 0; i < count; ++i) {
        events[i].set();
    }
    for (auto& one : waiting) {
        co_await one;
    }
}

void wakes_in_turn(benchmark::State& state) {
    brigade::executor ex({.workers = 1});
    ex.block_on(wake_in_turn(state.range(0), state.range(1) != 0, state));
}
BENCHMARK(wakes_in_turn)
    ->ArgNames({"live", "with_timeout"})
    ->ArgsProduct({{10'000, 1'000'000}, {0, 1}})
    ->MeasureProcessCPUTime()
    ->UseRealTime();

// ------------------------------------------------------------------------------------------------- to the very end

task<> sleep_until_and_note(time_point deadline, std::int64_t& worst) {
    co_await brigade::sleep_until(deadline);
    worst = std::max<std::int64_t>(worst, (std::chrono::steady_clock::now() - deadline).count());
}

// So many sleep for up to a second beyond the time that it takes to start them.
task<std::int64_t> sleep_at_dice(std::int64_t sleepers) {
    const time_point first = std::chrono::steady_clock::now() + 500ns * sleepers + 10ms;
    std::int64_t worst = 0;
    std::vector<brigade::join_handle<>> all;
    std::uint64_t dice = 1;
    for (std::int64_t i = 0; i < sleepers; ++i) {
        dice = dice * 6364136223846793005 + 1442695040888963407;
        all.push_back(
            brigade::spawn(sleep_until_and_note(first + std::chrono::nanoseconds(dice >> 34), worst)));  // 2^30 ns
    }
    for (auto& one : all) {
        co_await one;
    }
    co_return worst;
}

void sleeps(benchmark::State& state) {
    brigade::executor ex({.workers = 1});
    ex.block_on(sleep_at_dice(10));
    for (auto _ : state) {
        state.counters["worst_late_us"] = static_cast<double>(ex.block_on(sleep_at_dice(state.range(0)))) / 1e3;
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(sleeps)
    ->ArgName("sleepers")
    ->Arg(10)
    ->Arg(1'000)
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

}  // namespace
