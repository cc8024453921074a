// Bytes to send: the same for the same seed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <random>
#include <vector>

namespace test {

[[nodiscard]] inline std::vector<std::byte> random_bytes(std::size_t size, unsigned seed = 3) {
    std::minstd_rand random(seed);
    std::vector<std::byte> bytes(size);
    std::ranges::generate(bytes, [&random] { return static_cast<std::byte>(random() >> 8); });
    return bytes;
}

}  // namespace test
