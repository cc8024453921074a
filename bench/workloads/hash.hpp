// The numbers that all works are made of: the finaliser of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom
// number generators, OOPSLA 2014; constants by Stafford, "Mix13"). Three lines in any language, so that every peer
// works on the same input.
#pragma once

#include <cstdint>

namespace workloads {

[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t x) noexcept {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

inline constexpr std::uint64_t golden_gamma = 0x9e3779b97f4a7c15;

// The index-th number of the stream that `seed` begins.
[[nodiscard]] constexpr std::uint64_t random(std::uint64_t seed, std::uint64_t index) noexcept {
    return mix(seed + (index + 1) * golden_gamma);
}

// Results travel as JSON numbers, so they have to be exact as doubles.
inline constexpr std::uint64_t exact_bits = (std::uint64_t{1} << 53) - 1;

}  // namespace workloads
