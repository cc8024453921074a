// Which processors have which cache line.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "tests/explore/scale/costs.hpp"

namespace scale {

inline constexpr unsigned most_processors = 320;
inline constexpr unsigned no_processor = most_processors;

struct cache_line_state {
    std::uintptr_t line = 0;               // 0: free in the table
    picoseconds settled = 0;               // when the latest transfer to a writer ends
    unsigned only_reader = no_processor;   // who may write without asking
    std::bitset<most_processors> readers;  // none: nobody has touched it
};

// By address: a hash table with linear probing. Lines stay for ever, as memory is used again.
class cache_directory {
public:
    cache_directory() { clear(); }

    void clear() {
        table_.assign(std::size_t{1} << first_bits, {});
        bits_ = first_bits;
        used_ = 0;
    }

    // Valid until the next call.
    [[nodiscard]] cache_line_state& at(const void* address) {
        const std::uintptr_t line = reinterpret_cast<std::uintptr_t>(address) / line_size;
        cache_line_state& found = find(line);
        return found.line == line ? found : add(line);
    }

private:
    static constexpr std::uintptr_t line_size = 64;
    static constexpr unsigned first_bits = 12;

    [[nodiscard]] cache_line_state& find(std::uintptr_t line) noexcept {
        std::size_t place = static_cast<std::size_t>((line * 0x9e3779b97f4a7c15) >> (64 - bits_));
        while (table_[place].line != line && table_[place].line != 0) {
            place = (place + 1) & (table_.size() - 1);
        }
        return table_[place];
    }
    [[nodiscard]] cache_line_state& add(std::uintptr_t line) {
        if (++used_ > table_.size() / 2) {
            ++bits_;
            const std::vector<cache_line_state> old =
                std::exchange(table_, std::vector<cache_line_state>(std::size_t{1} << bits_));
            for (const cache_line_state& l : old) {
                if (l.line != 0) {
                    find(l.line) = l;
                }
            }
        }
        cache_line_state& added = find(line);
        added.line = line;
        return added;
    }

    std::vector<cache_line_state> table_;
    unsigned bits_ = first_bits;
    std::size_t used_ = 0;
};

}  // namespace scale
