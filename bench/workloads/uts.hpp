// Unbalanced tree search (Olivier et al.: UTS: an unbalanced tree search benchmark, LCPC 2006): counts the nodes of a
// random tree. As its tree T1, this is a geometric one: every node above the last level has k children with probability
// 0.2 * 0.8^k, 4 on average. Where UTS hashes with SHA-1, a child's state here comes from SplitMix64, so that nearly
// all the time is the runtime's; and a node has at most 32 children in place of 100 (0.08% would have more).
#pragma once

#include <cstdint>

#include "bench/workloads/description.hpp"
#include "bench/workloads/hash.hpp"

namespace workloads {

struct tree_node {
    static constexpr unsigned max_children = 32;

    std::uint64_t state;
    unsigned levels_below;

    [[nodiscard]] unsigned children() const noexcept {
        if (levels_below == 0) {
            return 0;
        }
        // Integers only, so that all languages agree: 2^32 * 0.8^(k + 1), rounded down each time.
        const std::uint64_t r = mix(state) >> 32;
        unsigned k = 0;
        for (std::uint64_t q = (std::uint64_t{1} << 32) * 4 / 5; r < q && k < max_children; q = q * 4 / 5) {
            ++k;
        }
        return k;
    }
    [[nodiscard]] tree_node child(unsigned i) const noexcept { return {random(state, i), levels_below - 1}; }
};

class uts {
public:
    static constexpr description about{"fork_join", "uts", 11, 9, 6, false};

    explicit uts(unsigned levels) : levels_(levels) {}
    template <class Runtime>
    void run(Runtime& runtime)
        requires requires { runtime.uts(tree_node{}); }
    {
        result_ = runtime.uts(root());
    }
    [[nodiscard]] bool is_right() const { return result_ == serial(root()); }
    [[nodiscard]] double result() const { return static_cast<double>(result_); }
    [[nodiscard]] double items() const { return static_cast<double>(result_); }

    [[nodiscard]] static std::uint64_t serial(tree_node node) {
        std::uint64_t nodes = 1;
        for (unsigned i = 0, n = node.children(); i < n; ++i) {
            nodes += serial(node.child(i));
        }
        return nodes;
    }

private:
    static constexpr std::uint64_t seed = 7;

    [[nodiscard]] tree_node root() const noexcept { return {seed, levels_}; }

    unsigned levels_;
    std::uint64_t result_ = 0;
};

}  // namespace workloads
