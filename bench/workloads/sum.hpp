// What a task that has divided its work does with what its children give.
#pragma once

#include <array>
#include <cstddef>

namespace workloads {

// Of the first `count`; the others may be without a value.
template <class T, std::size_t N>
[[nodiscard]] inline T sum_of(const std::array<T, N>& parts, std::size_t count = N) {
    T sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
        sum += parts[i];
    }
    return sum;
}

}  // namespace workloads
