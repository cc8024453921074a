// A program that measures one runtime: all its works by Google Benchmark, or one of them for bazel/sweep.
//
//   PROGRAM [GOOGLE-BENCHMARK-OPTION...]              all works at all sizes on 1 to all processors
//   PROGRAM --list                                    the works, one JSON object a line
//   PROGRAM --work=fib --size=39 --workers=2          one run; one JSON object on one line
//
// bazel/sweep --help says what the JSON objects hold. A wrong result, or a work that the runtime does not run, is a
// message on standard error and an exit status of 1; a wrong option, of 2.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/workloads/description.hpp"

namespace workloads {

template <class... Works>
struct suite {};

struct run_parameters {
    unsigned size = 0;
    unsigned workers = 0;
};

// One work by one runtime.
struct entry {
    description about;
    limit most;
    std::function<void(benchmark::State&, run_parameters)> measure;
};

struct runtime_description {
    std::string_view name;
    std::string version;
    std::vector<entry> entries;
};

[[nodiscard]] int run_program(int argc, char** argv, const runtime_description& runtime);

// Adds the counters of a run that has given this result.
void report(benchmark::State& state, bool is_right, double result, double items);

template <class Work, class Runtime>
void measure(benchmark::State& state, run_parameters parameters) {
    Runtime runtime(parameters.workers);
    Work warm_up(Work::about.small_size);
    warm_up.run(runtime);
    Work work(parameters.size);
    if constexpr (requires { work.begin(runtime); }) {
        work.begin(runtime);
    }
    for (auto _ : state) {
        work.run(runtime);
    }
    if constexpr (requires { work.end(runtime); }) {
        work.end(runtime);
    }
    report(state, warm_up.is_right() && work.is_right(), work.result(), work.items());
}

template <class Runtime, class... Works>
void add_works(runtime_description& description, suite<Works...> /*works*/) {
    const auto add = [&description]<class Work>(std::type_identity<Work> /*work*/) {
        if constexpr (requires(Work& work, Runtime& runtime) { work.run(runtime); }) {
            description.entries.push_back({Work::about, limit_of<Runtime>(Work::about.name), &measure<Work, Runtime>});
        }
    };
    (add(std::type_identity<Works>{}), ...);
}

// main() of a program. The runtime's class has a static name and version().
template <class Runtime, class... Suites>
[[nodiscard]] int run_program(int argc, char** argv) {
    runtime_description description{Runtime::name, Runtime::version(), {}};
    (add_works<Runtime>(description, Suites{}), ...);
    return run_program(argc, argv, description);
}

}  // namespace workloads
