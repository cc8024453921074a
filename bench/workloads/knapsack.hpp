// The 0/1 knapsack by branch and bound (from Cilk's examples): one task for each item that is taken or left.
//
// The bound is compared with what taking the densest items first gives, and not with the best that any branch has found
// so far: then every runtime searches the same tree, in whatever order, and the time is not a matter of luck.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "bench/workloads/description.hpp"
#include "bench/workloads/hash.hpp"

namespace workloads {

// A part of the search: its best value, or 0 if it has none above the greedy one, and its nodes.
struct knapsack_result {
    std::uint32_t best = 0;
    std::uint32_t nodes = 0;
};

[[nodiscard]] inline knapsack_result operator+(knapsack_result a, knapsack_result b) noexcept {
    return {std::max(a.best, b.best), a.nodes + b.nodes};
}

struct knapsack_items {
    struct item {
        std::int32_t value, weight;
    };
    std::vector<item> items;  // the densest first
    std::int32_t capacity = 0;
    std::int32_t greedy = 0;

    explicit knapsack_items(unsigned count) {
        for (unsigned i = 0; i < count; ++i) {
            const auto weight = static_cast<std::int32_t>(1000 + random(1, i) % 1000);
            items.push_back({weight + static_cast<std::int32_t>(random(2, i) % 200), weight});
            capacity += weight;
        }
        capacity /= 2;
        std::ranges::sort(items, [](const item& a, const item& b) {
            const std::int32_t left = a.value * b.weight;
            const std::int32_t right = b.value * a.weight;
            return left != right ? left > right : a.value > b.value;
        });
        std::int32_t left = capacity;
        for (const item& i : items) {
            if (i.weight <= left) {
                left -= i.weight;
                greedy += i.value;
            }
        }
    }
};

// What has been decided about the items before `next`.
struct knapsack_node {
    const knapsack_items* all;
    unsigned next;
    std::int32_t left;  // of the capacity
    std::int32_t value;

    [[nodiscard]] bool is_leaf() const noexcept { return next == all->items.size(); }
    [[nodiscard]] knapsack_result as_leaf() const noexcept { return {static_cast<std::uint32_t>(value), 1}; }
    // With the remaining capacity filled at the density of the next item, this is still no better than the greedy one.
    [[nodiscard]] bool is_hopeless() const noexcept {
        const auto [v, w] = item();
        return std::int64_t{value - all->greedy} * w + std::int64_t{left} * v < 0;
    }
    [[nodiscard]] bool can_take() const noexcept { return item().weight <= left; }
    [[nodiscard]] knapsack_node taken() const noexcept {
        return {all, next + 1, left - item().weight, value + item().value};
    }
    [[nodiscard]] knapsack_node skipped() const noexcept { return {all, next + 1, left, value}; }

private:
    [[nodiscard]] const knapsack_items::item& item() const noexcept { return all->items[next]; }
};

class knapsack {
public:
    static constexpr description about{"fork_join", "knapsack", 34, 28, 16, false};

    explicit knapsack(unsigned count) : items_(count) {}
    template <class Runtime>
    void run(Runtime& runtime)
        requires requires { runtime.knapsack(knapsack_node{}); }
    {
        result_ = runtime.knapsack(root());
    }
    [[nodiscard]] bool is_right() const {
        const knapsack_result expected = serial(root());
        return result_.best == expected.best && result_.nodes == expected.nodes;
    }
    [[nodiscard]] double result() const { return result_.best * 0x1p32 + result_.nodes; }
    [[nodiscard]] double items() const { return result_.nodes; }

    [[nodiscard]] static knapsack_result serial(const knapsack_node& node) {
        if (node.is_leaf()) {
            return node.as_leaf();
        }
        if (node.is_hopeless()) {
            return {0, 1};
        }
        knapsack_result result{0, 1};
        if (node.can_take()) {
            result = result + serial(node.taken());
        }
        return result + serial(node.skipped());
    }

private:
    [[nodiscard]] knapsack_node root() const noexcept { return {&items_, 0, items_.capacity, 0}; }

    knapsack_items items_;
    knapsack_result result_;
};

}  // namespace workloads
