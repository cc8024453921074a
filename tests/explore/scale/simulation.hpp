// One of the computations on the runtime's own workers, on a simulated machine.
#pragma once

#include <cstdint>
#include <string_view>

#include "tests/explore/scale/costs.hpp"
#include "tests/explore/scale/machine.hpp"

namespace scale {

enum class start_by : std::uint8_t { fork, call };

struct outcome {
    std::uint64_t result;
    std::uint64_t stolen;
    std::uint64_t parked;
    std::uint64_t forks;
    std::uint64_t units;            // of work
    machine::measurement measured;  // its threads are the workers
};

// From the moment when the first worker begins until the result is there, with the others asleep at first. Throws
// std::invalid_argument when there is no such computation.
[[nodiscard]] outcome simulate(std::string_view name, unsigned size, start_by how, unsigned workers,
                               const cost_table& costs, std::uint64_t seed);

// How many accesses it takes, one after the other, to push a continuation and take it back, and that so many times.
[[nodiscard]] std::uint64_t accesses_of_take_back(unsigned times);

}  // namespace scale
