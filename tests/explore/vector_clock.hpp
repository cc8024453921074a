// Vector clocks: which steps of which threads are known to come before.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace explore {

// The most threads of one model, its body included.
inline constexpr unsigned max_threads = 8;

// Counts the steps of one thread, from 1; 0 is "never".
using stamp = std::uint32_t;

struct vector_clock {
    std::array<stamp, max_threads> at{};

    [[nodiscard]] bool covers(unsigned thread, stamp when) const noexcept { return when <= at[thread]; }
    void join(const vector_clock& other) noexcept {
        for (unsigned i = 0; i < max_threads; ++i) {
            at[i] = std::max(at[i], other.at[i]);
        }
    }
};

}  // namespace explore
