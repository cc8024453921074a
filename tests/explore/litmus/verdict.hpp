// What the litmus tests expect of a program.
#pragma once

#include <source_location>

#include "tests/explore/litmus/program.hpp"

namespace explore::litmus {

enum class verdict : std::uint8_t { allowed, forbidden };
inline constexpr verdict allowed_outcome = verdict::allowed;
inline constexpr verdict forbidden_outcome = verdict::forbidden;

inline constexpr int any = -1;  // in an outcome: whatever value; so are all that are not given

// The outcome is what `v` says, and the explorer finds what the axioms allow, with and without reduction.
void expect(verdict v, const outcome& pattern, const program& p,
            std::source_location where = std::source_location::current());
// The same for the whole set alone. `unreduced`: the most schedules to try without reduction.
void expect_all_and_no_more(const program& p, bool future_reads, std::uint64_t unreduced,
                            const std::source_location& where = std::source_location::current());

}  // namespace explore::litmus
