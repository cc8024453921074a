// Weakening memory orders, one place at a time, while a model runs: each operation reports where in the source it
// stands and with which order, and gets back the order to use.
//
// A mutant is named "file:line:column/role=order": role is `order`, `failure` (of a compare-exchange), or `fence`;
// order is what is used instead, `none` for a fence that is left out. All that ran are counted, so that the mutants of
// a program are known after one run of its models.
#pragma once

#include <atomic>
#include <compare>
#include <cstdint>
#include <map>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "tests/explore/trace.hpp"

namespace explore {

enum class role : std::uint8_t { order, failure, fence };

struct place {
    std::string file;
    unsigned line = 0;
    unsigned column = 0;
    role what{};
    friend auto operator<=>(const place&, const place&) = default;
};

struct census_entry {
    operation what{};
    std::memory_order order{};
    std::string function;
};

class mutation {
public:
    // Throws std::invalid_argument when `name` does not read as a mutant.
    void choose(std::string_view name);
    void count(bool on) noexcept { counting_ = on; }

    // The order to use at this place.
    [[nodiscard]] std::memory_order apply(std::memory_order given, operation what, role r,
                                          const std::source_location& where) {
        if (!active_ && !counting_) {
            return given;
        }
        return look(given, what, r, where);
    }
    // Whether the fence at this place is left out.
    [[nodiscard]] bool drops_fence(operation what, const std::source_location& where);

    // Every place that ran while counting.
    [[nodiscard]] const std::map<place, census_entry>& census() const noexcept { return census_; }
    // Names of the mutants of one place.
    [[nodiscard]] static std::vector<std::string> mutants_of(const place& p, const census_entry& e);

private:
    std::memory_order look(std::memory_order given, operation what, role r, const std::source_location& where);

    bool active_ = false;
    bool counting_ = false;
    place target_;
    bool drop_ = false;
    std::memory_order weaker_{};
    std::map<place, census_entry> census_;
};

}  // namespace explore
