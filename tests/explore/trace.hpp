// What a run did, step by step, and how it is printed.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <vector>

namespace explore {

enum class operation : std::uint8_t {
    load,
    store,
    exchange,
    compare_exchange,
    compare_exchange_weak,
    fetch_add,
    fetch_sub,
    fetch_and,
    fetch_or,
    fetch_xor,
    fence,
    light_fence,
    heavy_fence,
    futex_wait,
    futex_wake,
    lock,
    try_lock,
    unlock,
    wait,
    notify_one,
    notify_all,
    start_thread,
    join_thread,
    yield,
    end_thread,
    hand_over,
    spurious,
};
[[nodiscard]] const char* name_of(operation o) noexcept;
[[nodiscard]] const char* name_of(std::memory_order o) noexcept;

struct trace_step {
    unsigned thread = 0;
    operation what{};
    bool has_value = false;
    bool is_atomic = false;
    bool read_old = false;      // a load that did not read the newest store
    std::memory_order order{};  // of atomic operations and fences
    unsigned object = 0;        // its number
    std::uint64_t before = 0;   // what was read
    std::uint64_t after = 0;    // what was stored
    bool has_after = false;
    std::source_location where;
};

// One line a step, each thread in a column of its own, with the place in the source.
[[nodiscard]] std::string print(const std::vector<trace_step>& trace);

}  // namespace explore
