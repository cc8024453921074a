// Small programs without loops or branches, to check the explorer against the memory model's letter.
//
// An outcome is what the program's reads gave, thread after thread, and then the last value of each object. allowed()
// finds the outcomes by the axioms of C++20, explored() by running the explorer; see axioms.cc and explored.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace explore::litmus {

enum class action : std::uint8_t { load, store, add, swap, compare_swap, fence, light_fence, heavy_fence };

struct instruction {
    action what{};
    unsigned object = 0;
    std::memory_order order{};
    int value = 0;
    int expected = 0;             // of compare_swap
    std::memory_order failure{};  // of compare_swap
};

using thread_code = std::vector<instruction>;
using program = std::vector<thread_code>;
using outcome = std::vector<int>;
using outcomes = std::set<outcome>;

enum object : unsigned { x, y, z };

// The orders, by the names that litmus tests use.
inline constexpr auto rlx = std::memory_order_relaxed;
inline constexpr auto acq = std::memory_order_acquire;
inline constexpr auto rel = std::memory_order_release;
inline constexpr auto acq_rel = std::memory_order_acq_rel;
inline constexpr auto sc = std::memory_order_seq_cst;

inline instruction load(unsigned o, std::memory_order order) {
    return {.what = action::load, .object = o, .order = order};
}
inline instruction store(unsigned o, int value, std::memory_order order) {
    return {.what = action::store, .object = o, .order = order, .value = value};
}
inline instruction add(unsigned o, int value, std::memory_order order) {
    return {.what = action::add, .object = o, .order = order, .value = value};
}
inline instruction swap(unsigned o, int value, std::memory_order order) {
    return {.what = action::swap, .object = o, .order = order, .value = value};
}
inline instruction compare_swap(unsigned o, int expected, int value, std::memory_order success,
                                std::memory_order failure) {
    return {.what = action::compare_swap,
            .object = o,
            .order = success,
            .value = value,
            .expected = expected,
            .failure = failure};
}
inline instruction fence(std::memory_order order) {
    return {.what = action::fence, .order = order};
}
inline instruction light() {
    return {.what = action::light_fence};
}
inline instruction heavy() {
    return {.what = action::heavy_fence};
}

[[nodiscard]] inline bool reads(const instruction& i) {
    return i.what != action::store && i.what < action::fence;
}
[[nodiscard]] unsigned object_count(const program& p);

// What the axioms are asked for.
enum class letter : std::uint8_t {
    // [intro.races] and [atomics.order] as they stand.
    standard,
    // Besides, the order S of sequentially consistent operations agrees with happens-before: what the explorer finds
    // with future reads. See memory_model.hpp, (b).
    s_agrees,
    // Besides, no load reads from a store that depends on nothing but time: sequenced-before, reads-from and S have no
    // cycle. What the explorer finds without future reads.
    no_load_buffering,
};
[[nodiscard]] outcomes allowed(const program& p, letter l);

struct exploration {
    bool future_reads = false;
    bool reduce = true;
    unsigned preemptions = ~0U - 1;
    unsigned stale_reads = ~0U;  // there are no loops
    std::uint64_t limit = 2'000'000;
};
struct explored_outcomes {
    outcomes found;
    bool complete = false;
    std::uint64_t schedules = 0;
};
[[nodiscard]] explored_outcomes explored(const program& p, const exploration& how);

[[nodiscard]] std::string print(const program& p);
[[nodiscard]] std::string print(const outcomes& o);

}  // namespace explore::litmus
