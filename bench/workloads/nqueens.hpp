// In how many ways n queens stand on a board without attacking each other; one task for each queen that is placed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include "bench/workloads/description.hpp"

namespace workloads {

// The column of the queen in each row. The size is a constant, as it is in the programs that others compare with.
template <std::size_t N>
using board = std::array<signed char, N>;

template <std::size_t N>
[[nodiscard]] inline bool is_safe(const board<N>& queens, unsigned rows, int column) {
    for (unsigned row = 0; row < rows; ++row) {
        const int other = queens[row];
        const int distance = static_cast<int>(rows - row);
        if (other == column || other == column - distance || other == column + distance) {
            return false;
        }
    }
    return true;
}

class nqueens {
public:
    static constexpr description about{"fork_join", "nqueens", 14, 11, 8, false};

    explicit nqueens(unsigned n) : n_(n), solutions_(n == 8 ? 92 : n == 11 ? 2'680 : 365'596) {
        if (n != 8 && n != 11 && n != 14) {
            throw std::invalid_argument("nqueens: the board has 8, 11 or 14 rows");
        }
    }
    // The runtime's function is a template: nqueens<N>().
    template <class Runtime>
    void run(Runtime& runtime)
        requires requires { runtime.template nqueens<8>(); }
    {
        result_ = n_ == 8    ? runtime.template nqueens<8>()
                  : n_ == 11 ? runtime.template nqueens<11>()
                             : runtime.template nqueens<14>();
    }
    [[nodiscard]] bool is_right() const { return result_ == solutions_; }
    [[nodiscard]] double result() const { return result_; }
    [[nodiscard]] double items() const { return 0; }

    template <std::size_t N>
    [[nodiscard]] static std::uint32_t serial(unsigned row, board<N> queens) {
        if (row == N) {
            return 1;
        }
        std::uint32_t solutions = 0;
        for (int column = 0; column < static_cast<int>(N); ++column) {
            if (is_safe(queens, row, column)) {
                queens[row] = static_cast<signed char>(column);
                solutions += serial(row + 1, queens);
            }
        }
        return solutions;
    }

private:
    unsigned n_;
    std::uint32_t solutions_;
    std::uint32_t result_ = 0;
};

}  // namespace workloads
