// Relations between the few events of a litmus test.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace explore::litmus {

inline constexpr std::size_t most_events = 24;
using relation = std::array<std::uint32_t, most_events>;  // bit b of [a]: a before b

inline constexpr bool has(const relation& r, std::size_t a, std::size_t b) {
    return (r[a] >> b & 1) != 0;
}
inline constexpr void add_to(relation& r, std::size_t a, std::size_t b) {
    r[a] |= std::uint32_t{1} << b;
}
inline void close(relation& r, std::size_t count) {
    for (std::size_t k = 0; k < count; ++k) {
        for (std::size_t a = 0; a < count; ++a) {
            r[a] |= has(r, a, k) ? r[k] : 0;
        }
    }
}
inline bool has_cycle(relation r, std::size_t count) {
    close(r, count);
    for (std::size_t a = 0; a < count; ++a) {
        if (has(r, a, a)) {
            return true;
        }
    }
    return false;
}

}  // namespace explore::litmus
