// What the steps of the scheduler take on this machine, for the table of costs of the simulated one (costs.hpp); and
// what the computations take on the real runtime, against which its predictions are checked. bazel/scale runs this.
//
//   bazel run --config=bench //tests/explore/scale:calibration_benchmark
//
// Of two threads each needs a processor of its own.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include <brigade/detail/deque.hpp>
#include <brigade/detail/frame_memory.hpp>
#include <brigade/detail/sync.hpp>
#include <brigade/executor.hpp>

#include "executor/idle.hpp"
#include "tests/explore/scale/computations.hpp"

namespace {

namespace sync = brigade::detail::sync;
using brigade::detail::deque;
using brigade::detail::parker;
using clock_type = std::chrono::steady_clock;

double seconds_since(clock_type::time_point then) {
    return std::chrono::duration<double>(clock_type::now() - then).count();
}

double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

// Runs `body(stop)` on a thread of its own as long as the object lives.
class companion {
public:
    template <class F>
    explicit companion(F body) : thread_([this, body] { body(stop_); }) {}
    companion(const companion&) = delete;
    companion& operator=(const companion&) = delete;
    ~companion() {
        stop_.store(true, std::memory_order_relaxed);
        thread_.join();
    }

private:
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

// ------------------------------------------------------------------------------------------------ one processor alone

// Above an item that stays: the last one is raced for with thieves, which forks seldom come to.
void push_and_take_back(benchmark::State& state) {
    sync::prepare_asymmetric_fences();
    deque forked;
    int item = 0;
    forked.push(&item);
    for (auto _ : state) {
        forked.push(&item);
        benchmark::DoNotOptimize(forked.pop_if(&item));
    }
}
BENCHMARK(push_and_take_back);

void push_and_pop(benchmark::State& state) {
    sync::prepare_asymmetric_fences();
    deque forked;
    int item = 0;
    forked.push(&item);
    for (auto _ : state) {
        forked.push(&item);
        benchmark::DoNotOptimize(forked.pop());
    }
}
BENCHMARK(push_and_pop);

void read_modify_write(benchmark::State& state) {
    std::atomic<std::uint64_t> word{0};
    for (auto _ : state) {
        word.fetch_add(1, std::memory_order_relaxed);
    }
}
BENCHMARK(read_modify_write);

void push_take_back_and_fence(benchmark::State& state) {
    sync::prepare_asymmetric_fences();
    deque forked;
    int item = 0;
    forked.push(&item);
    for (auto _ : state) {
        forked.push(&item);
        sync::full_fence();
        benchmark::DoNotOptimize(forked.pop_if(&item));
    }
}
BENCHMARK(push_take_back_and_fence);

void look_at_clock(benchmark::State& state) {
    for (auto _ : state) {
        benchmark::DoNotOptimize(sync::clock::now());
    }
}
BENCHMARK(look_at_clock);

void allocate_and_free_frame(benchmark::State& state) {
    constexpr std::size_t size = 160;
    for (auto _ : state) {
        void* const frame = brigade::detail::allocate_frame(size);
        benchmark::DoNotOptimize(frame);
        brigade::detail::free_frame(frame, size);
    }
}
BENCHMARK(allocate_and_free_frame);

void futex_wake_without_sleeper(benchmark::State& state) {
    sync::atomic<std::uint32_t> word{0};
    for (auto _ : state) {
        sync::futex_wake(word);
    }
}
BENCHMARK(futex_wake_without_sleeper);

void heavy_fence_alone(benchmark::State& state) {
    sync::prepare_asymmetric_fences();
    parker bed;
    std::thread sleeper([&bed] { bed.wait(); });
    for (auto _ : state) {
        sync::asymmetric_fence_heavy();
    }
    bed.unpark();
    sleeper.join();
}
BENCHMARK(heavy_fence_alone);

void failed_steal(benchmark::State& state) {
    deque victim;
    for (auto _ : state) {
        benchmark::DoNotOptimize(victim.steal());
    }
}
BENCHMARK(failed_steal);

// ------------------------------------------------------------------------------------------------------ two processors

// "lost" says how many seconds the other processor loses to each fence.
void heavy_fence_beside_one(benchmark::State& state) {
    sync::prepare_asymmetric_fences();
    alignas(sync::cache_line) std::atomic<std::uint64_t> progress{0};
    const companion other([&progress](const std::atomic<bool>& stop) {
        for (std::uint64_t i = 0; !stop.load(std::memory_order_relaxed); ++i) {
            progress.store(i, std::memory_order_relaxed);
        }
    });
    const auto rate_during = [&progress](auto&& doing) {
        const std::uint64_t before = progress.load(std::memory_order_relaxed);
        const clock_type::time_point begin = clock_type::now();
        doing();
        return static_cast<double>(progress.load(std::memory_order_relaxed) - before) / seconds_since(begin);
    };
    const auto undisturbed = [] {
        const clock_type::time_point begin = clock_type::now();
        while (seconds_since(begin) < 0.05) {
        }
    };
    static_cast<void>(rate_during(undisturbed));  // it runs
    const double full = rate_during(undisturbed);
    double time = 0;
    const double rate = rate_during([&] {
        const clock_type::time_point begin = clock_type::now();
        for (auto _ : state) {
            sync::asymmetric_fence_heavy();
        }
        time = seconds_since(begin);
    });
    state.counters["lost"] = (1 - rate / full) * time / static_cast<double>(state.iterations());
}
BENCHMARK(heavy_fence_beside_one)->UseRealTime();

// One store that the other waits for, and the other's answer: four transfers of the line, as each store takes it from
// the one who waits, who then takes it back.
void cache_line_round_trip(benchmark::State& state) {
    alignas(sync::cache_line) std::atomic<std::uint64_t> word{0};
    std::uint64_t sent = 0;
    {
        const companion other([&word](const std::atomic<bool>& stop) {
            for (std::uint64_t seen = 0; !stop.load(std::memory_order_relaxed);) {
                const std::uint64_t now = word.load(std::memory_order_acquire);
                if (now != seen) {
                    seen = now + 1;
                    word.store(seen, std::memory_order_release);
                }
            }
        });
        for (auto _ : state) {
            word.store(++sent, std::memory_order_release);
            ++sent;
            while (word.load(std::memory_order_acquire) != sent) {
            }
        }
    }
}
BENCHMARK(cache_line_round_trip)->UseRealTime();

// A thief takes what an owner has pushed who is busy elsewhere meanwhile.
void steal_beside_owner(benchmark::State& state) {
    sync::prepare_asymmetric_fences();
    constexpr std::int64_t batch = 128;
    deque victim;
    alignas(sync::cache_line) std::atomic<std::int64_t> wanted{0};
    alignas(sync::cache_line) std::atomic<std::int64_t> pushed{0};
    int item = 0;
    const companion owner([&](const std::atomic<bool>& stop) {
        std::int64_t there = 0;
        while (!stop.load(std::memory_order_relaxed)) {
            if (wanted.load(std::memory_order_acquire) > there) {
                for (std::int64_t i = 0; i < batch; ++i) {
                    victim.push(&item);
                }
                there += batch;
                pushed.store(there, std::memory_order_release);
            }
        }
    });
    std::int64_t stolen = 0;
    for (auto _ : state) {
        if (stolen % batch == 0) {
            state.PauseTiming();
            wanted.store(stolen + batch, std::memory_order_release);
            while (pushed.load(std::memory_order_acquire) <= stolen) {
            }
            state.ResumeTiming();
        }
        benchmark::DoNotOptimize(victim.steal());
        ++stolen;
    }
}
BENCHMARK(steal_beside_owner)->UseRealTime();

// Medians, in seconds. "latency": from the call of unpark() until the other thread runs. "call": until unpark()
// returns. The argument says how many microseconds the other one has slept.
void wake(benchmark::State& state) {
    parker bed;
    std::atomic<bool> stop{false};
    alignas(sync::cache_line) std::atomic<std::int64_t> woken{0};
    std::thread sleeper([&] {
        while (!stop.load(std::memory_order_relaxed)) {
            bed.wait();
            woken.store(clock_type::now().time_since_epoch().count(), std::memory_order_release);
        }
    });
    std::vector<double> calls;
    std::vector<double> latencies;
    for (auto _ : state) {
        const clock_type::time_point begin = clock_type::now();
        while (seconds_since(begin) < static_cast<double>(state.range(0)) * 1e-6) {
        }
        woken.store(0, std::memory_order_relaxed);
        const clock_type::time_point called = clock_type::now();
        bed.unpark();
        calls.push_back(seconds_since(called));
        std::int64_t when = 0;
        while ((when = woken.load(std::memory_order_acquire)) == 0) {
        }
        latencies.push_back(static_cast<double>(when - called.time_since_epoch().count()) * 1e-9);
    }
    stop.store(true, std::memory_order_relaxed);
    bed.unpark();
    sleeper.join();
    state.counters["call"] = median(calls);
    state.counters["latency"] = median(latencies);
}
BENCHMARK(wake)->Arg(50)->Arg(200)->Arg(1000)->Iterations(300);

// ----------------------------------------------------------------------------------------------- the whole computation

template <class How>
brigade::task<double> timed(std::string name, unsigned size, std::uint64_t& result) {
    const clock_type::time_point begin = clock_type::now();
    result = co_await scale::computation<How>(name, size);
    co_return seconds_since(begin);
}

template <class How>
void compute(benchmark::State& state, const char* name) {
    brigade::executor executor({.workers = static_cast<unsigned>(state.range(1))});
    std::uint64_t result = 0;
    for (auto _ : state) {
        state.SetIterationTime(executor.block_on(timed<How>(name, static_cast<unsigned>(state.range(0)), result)));
    }
    state.counters["result"] = static_cast<double>(result);
}

void by_call(benchmark::State& state, const char* name) {
    compute<scale::by_call>(state, name);
}
void by_fork(benchmark::State& state, const char* name) {
    compute<scale::by_fork>(state, name);
}

void settings(benchmark::internal::Benchmark* b) {
    b->ArgNames({"size", "workers"})->UseManualTime()->Unit(benchmark::kMillisecond);
}

BENCHMARK_CAPTURE(by_call, loop, "loop")->Args({1'000'000, 1})->Apply(settings);
BENCHMARK_CAPTURE(by_fork, loop, "loop")->Args({1'000'000, 1})->Apply(settings);
BENCHMARK_CAPTURE(by_call, fib, "fib")->Args({30, 1})->Apply(settings);
BENCHMARK_CAPTURE(by_call, uts, "uts")->Args({10, 1})->Apply(settings);
BENCHMARK_CAPTURE(by_call, nqueens, "nqueens")->Args({11, 1})->Apply(settings);
BENCHMARK_CAPTURE(by_fork, fib, "fib")->Args({30, 1})->Args({30, 2})->Apply(settings);
BENCHMARK_CAPTURE(by_fork, uts, "uts")->Args({10, 1})->Args({10, 2})->Apply(settings);
BENCHMARK_CAPTURE(by_fork, nqueens, "nqueens")->Args({11, 1})->Args({11, 2})->Apply(settings);

}  // namespace
