// Simulates one computation and prints what came of it, as JSON.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tests/explore/scale/simulation.hpp"

namespace {

constexpr const char* usage =
    "usage: simulate COMPUTATION SIZE WORKERS [call] [seed=N] [COST=NANOSECONDS]...\n"
    "       simulate take_back TIMES\n"
    "Computations: fib, uts, nqueens, loop. `call` starts children without offering the parent to other workers.\n"
    "Costs: see tests/explore/scale/costs.hpp.\n";

constexpr const char* activity_names[scale::activities] = {"work",   "accesses",    "transfers", "queueing",
                                                           "fences", "interrupted", "calls",     "asleep"};

void print(const scale::outcome& o) {
    scale::time_sheet sum{};
    for (const scale::time_sheet& one : o.measured.threads) {
        for (std::size_t i = 0; i < sum.size(); ++i) {
            sum[i] += one[i];
        }
    }
    const auto number = [](const char* name, auto value) {
        std::printf("\"%s\": %llu, ", name, static_cast<unsigned long long>(value));
    };
    std::printf("{\"makespan\": %.3f, ", static_cast<double>(o.measured.makespan) / 1e3);
    number("result", o.result);
    number("stolen", o.stolen);
    number("parked", o.parked);
    number("forks", o.forks);
    number("units", o.units);
    number("accesses", o.measured.accesses);
    number("fences", o.measured.fences);
    number("wakeups", o.measured.wakeups);
    std::printf("\"spent\": {");
    for (std::size_t i = 0; i < sum.size(); ++i) {
        std::printf("%s\"%s\": %.3f", i == 0 ? "" : ", ", activity_names[i], static_cast<double>(sum[i]) / 1e3);
    }
    std::printf("}, \"waited_at\": {");
    for (std::size_t i = 0; i < std::min<std::size_t>(8, o.measured.hot_places.size()); ++i) {
        const scale::hot_place& h = o.measured.hot_places[i];
        std::printf("%s\"%s\": %.3f", i == 0 ? "" : ", ", h.where.c_str(), static_cast<double>(h.waited) / 1e3);
    }
    std::printf("}}\n");
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc == 3 && std::string_view(argv[1]) == "take_back") {
            const auto times = static_cast<unsigned>(std::stoul(argv[2]));
            std::printf("{\"accesses\": %llu}\n", static_cast<unsigned long long>(scale::accesses_of_take_back(times)));
            return 0;
        }
        if (argc < 4) {
            std::fputs(usage, stderr);
            return 2;
        }
        scale::cost_table costs;
        std::uint64_t seed = 0;
        scale::start_by how = scale::start_by::fork;
        for (int i = 4; i < argc; ++i) {
            const std::string_view argument = argv[i];
            const std::size_t equals = argument.find('=');
            if (argument == "call") {
                how = scale::start_by::call;
            } else if (equals == std::string_view::npos) {
                throw std::invalid_argument("'" + std::string(argument) + "' is neither NAME=VALUE nor \"call\"");
            } else if (const std::string value(argument.substr(equals + 1)); argument.starts_with("seed=")) {
                seed = std::stoull(value);
            } else {
                costs.at(argument.substr(0, equals)) =
                    static_cast<scale::picoseconds>(std::llround(std::stod(value) * 1e3));
            }
        }
        print(scale::simulate(argv[1], static_cast<unsigned>(std::stoul(argv[2])), how,
                              static_cast<unsigned>(std::stoul(argv[3])), costs, seed));
        return 0;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "simulate: %s\n", e.what());
        return 2;
    }
}
