// Merge sort with parallel merges (from Cilk's examples, after Akl and Santoro: Optimal parallel merging and sorting
// without memory conflicts, IEEE Transactions on Computers, 1987).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "bench/workloads/description.hpp"
#include "bench/workloads/hash.hpp"

namespace workloads {

// `left` and `right` are sorted; `into` gets both.
struct merge_block {
    static constexpr std::size_t leaf = 2048;

    std::span<const std::uint32_t> left, right;
    std::uint32_t* into;

    [[nodiscard]] bool is_leaf() const noexcept { return left.size() + right.size() <= leaf; }
    void merge() const { std::ranges::merge(left, right, into); }
    // Two merges that can be done at once: of what is less than the middle of the longer one, and of what is not.
    [[nodiscard]] std::array<merge_block, 2> split() const {
        const auto [longer, shorter] = left.size() >= right.size() ? std::pair(left, right) : std::pair(right, left);
        const std::size_t i = longer.size() / 2;
        const auto j = static_cast<std::size_t>(std::ranges::lower_bound(shorter, longer[i]) - shorter.begin());
        return {{{longer.first(i), shorter.first(j), into}, {longer.subspan(i), shorter.subspan(j), into + i + j}}};
    }
};

// Sorts `data`, with as much memory at `spare`.
struct sort_block {
    static constexpr std::size_t leaf = 2048;

    std::span<std::uint32_t> data, spare;

    [[nodiscard]] bool is_leaf() const noexcept { return data.size() <= leaf; }
    void sort() const { std::ranges::sort(data); }
    [[nodiscard]] std::array<sort_block, 4> quarters() const {
        return {part(0, 1), part(1, 2), part(2, 3), part(3, 4)};
    }
    // When all quarters are sorted: the two merges into `spare`; then the merge of what they gave.
    [[nodiscard]] std::array<merge_block, 2> merges() const {
        return {{{part(0, 1).data, part(1, 2).data, spare.data()},
                 {part(2, 3).data, part(3, 4).data, part(2, 3).spare.data()}}};
    }
    [[nodiscard]] merge_block last_merge() const { return {part(0, 2).spare, part(2, 4).spare, data.data()}; }

private:
    [[nodiscard]] sort_block part(std::size_t first, std::size_t last) const {
        const std::size_t from = data.size() / 4 * first;
        const std::size_t to = last == 4 ? data.size() : data.size() / 4 * last;
        return {data.subspan(from, to - from), spare.subspan(from, to - from)};
    }
};

class cilksort {
public:
    static constexpr description about{"fork_join", "cilksort", 10'000'000, 0, 50'000, false};

    explicit cilksort(unsigned size) : data_(size), spare_(size) {
        for (std::size_t i = 0; i < size; ++i) {
            data_[i] = static_cast<std::uint32_t>(random(1, i));
            sum_of_hashes_ += mix(data_[i]);
        }
    }
    template <class Runtime>
    void run(Runtime& runtime)
        requires requires { runtime.cilksort(sort_block{}); }
    {
        runtime.cilksort({data_, spare_});
    }
    [[nodiscard]] bool is_right() const {
        std::uint64_t sum = 0;
        for (const std::uint32_t number : data_) {
            sum += mix(number);
        }
        return sum == sum_of_hashes_ && std::ranges::is_sorted(data_);
    }
    [[nodiscard]] double result() const {
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < data_.size(); ++i) {
            sum += data_[i] * mix(i);
        }
        return static_cast<double>(sum & exact_bits);
    }
    [[nodiscard]] double items() const { return static_cast<double>(data_.size()); }

    static void serial(const sort_block& block) {
        if (block.is_leaf()) {
            block.sort();
            return;
        }
        for (const sort_block& quarter : block.quarters()) {
            serial(quarter);
        }
        for (const merge_block& half : block.merges()) {
            serial(half);
        }
        serial(block.last_merge());
    }
    static void serial(const merge_block& block) {
        if (block.is_leaf()) {
            block.merge();
            return;
        }
        for (const merge_block& part : block.split()) {
            serial(part);
        }
    }

private:
    std::vector<std::uint32_t> data_, spare_;
    std::uint64_t sum_of_hashes_ = 0;
};

}  // namespace workloads
