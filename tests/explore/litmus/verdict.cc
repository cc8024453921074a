#include "tests/explore/litmus/verdict.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace explore::litmus {

namespace {

bool matches(const outcome& o, const outcome& pattern) {
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] != any && pattern[i] != o[i]) {
            return false;
        }
    }
    return true;
}

outcomes minus(const outcomes& a, const outcomes& b) {
    outcomes left;
    std::ranges::set_difference(a, b, std::inserter(left, left.end()));
    return left;
}

}  // namespace

void expect_all_and_no_more(const program& p, bool future_reads, std::uint64_t unreduced,
                            const std::source_location& where) {
    const ::testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), print(p));
    const outcomes all = allowed(p, future_reads ? letter::s_agrees : letter::no_load_buffering);
    const explored_outcomes reduced = explored(p, {.future_reads = future_reads});
    const explored_outcomes full = explored(p, {.future_reads = future_reads, .reduce = false, .limit = unreduced});
    EXPECT_TRUE(reduced.complete);
    EXPECT_EQ(print(minus(reduced.found, all)), "") << "found although it is forbidden";
    EXPECT_EQ(print(minus(all, reduced.found)), "") << "not found although it is allowed";
    if (full.complete) {
        EXPECT_EQ(print(minus(full.found, all)), "") << "found without reduction although it is forbidden";
        EXPECT_EQ(print(minus(full.found, reduced.found)), "") << "lost by the reduction";
        EXPECT_EQ(print(minus(reduced.found, full.found)), "") << "found by the reduction only";
    }
}

void expect(verdict v, const outcome& pattern, const program& p, std::source_location where) {
    const ::testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), print(p));
    const outcomes standard = allowed(p, letter::standard);
    const bool is_allowed = std::ranges::any_of(standard, [&](const outcome& o) { return matches(o, pattern); });
    EXPECT_EQ(is_allowed, v == verdict::allowed) << "by the axioms;" << print(standard);
    // Where the program has more than the explorer promises to find, a test says so and asks otherwise.
    EXPECT_EQ(print(minus(standard, allowed(p, letter::no_load_buffering))), "");
    expect_all_and_no_more(p, false, 30'000, where);
}

}  // namespace explore::litmus
