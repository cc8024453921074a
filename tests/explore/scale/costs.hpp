// What the operations of a simulated machine take. calibration_benchmark.cc measures it on a real one; report.py makes
// this table of what that says, and docs/scale.md explains it.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace scale {

// Times on a simulated machine are whole picoseconds: an access takes a fraction of a nanosecond, and sums of integers
// are the same in every run.
using picoseconds = std::int64_t;

struct cost_table {
    picoseconds access = 200;       // of an atomic, in a line that this processor has
    picoseconds locked = 6'000;     // more, for a read-modify-write or a sequentially consistent store or fence
    picoseconds transfer = 60'000;  // of a cache line from another processor
    // A heavy fence while no other processor runs a thread of the process; more for the first that does, and for each
    // further one; and what each of them loses.
    picoseconds fence_alone = 300'000;
    picoseconds fence_first = 1'000'000;
    picoseconds fence_each = 100'000;
    picoseconds interruption = 500'000;
    picoseconds light_fence = 0;        // which need not hold the processor
    picoseconds system_call = 200'000;  // a futex wait or wake that finds nothing to do
    picoseconds wake = 2'000'000;       // a futex wake that finds a sleeper: for the caller
    picoseconds latency = 5'000'000;    // from there until the sleeper runs
    picoseconds clock = 25'000;         // a look at the clock
    picoseconds work = 5'000;           // one unit of the computation
    picoseconds fork = 5'000;           // what a fork that is taken back takes besides its accesses

    // Throws std::invalid_argument when nothing has this name.
    picoseconds& at(std::string_view name) {
        using entry = std::pair<std::string_view, picoseconds cost_table::*>;
        static constexpr entry names[] = {
            {"access", &cost_table::access},
            {"locked", &cost_table::locked},
            {"transfer", &cost_table::transfer},
            {"fence_alone", &cost_table::fence_alone},
            {"fence_first", &cost_table::fence_first},
            {"fence_each", &cost_table::fence_each},
            {"interruption", &cost_table::interruption},
            {"light_fence", &cost_table::light_fence},
            {"system_call", &cost_table::system_call},
            {"wake", &cost_table::wake},
            {"latency", &cost_table::latency},
            {"clock", &cost_table::clock},
            {"work", &cost_table::work},
            {"fork", &cost_table::fork},
        };
        for (const auto& [its_name, member] : names) {
            if (its_name == name) {
                return this->*member;
            }
        }
        throw std::invalid_argument("no cost is called " + std::string(name));
    }
};

}  // namespace scale
