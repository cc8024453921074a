// The computations whose speed-up is predicted: for the real runtime and for the simulated machine alike. `How` says
// how a child is started, and books the work: start(result, child) and work(units).
//
//   fib      binary recursion without any work besides; a unit is a call
//   uts      unbalanced tree search, after Olivier et al., "UTS: an unbalanced tree search benchmark" (LCPC 2006), in
//            its geometric shape with a fixed branching factor, but with a cheaper hash than SHA-1; a unit is a hash
//   nqueens  every placement of a queen that is not under attack is a child; a unit is a comparison of two queens
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <brigade/fork.hpp>
#include <brigade/task.hpp>

namespace scale {

template <class How>
brigade::task<std::uint64_t> fib(unsigned n) {
    How::work(1);
    if (n < 2) {
        co_return n;
    }
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    co_await How::start(a, fib<How>(n - 1));
    co_await brigade::call(b, fib<How>(n - 2));
    co_await brigade::join();
    co_return a + b;
}

// The parameters that UTS gives its tree T1, except for the hash: 4 children on the average, down to `depth`.
class uts_node {
public:
    static constexpr unsigned hashes = 16;  // for each node: what UTS calls the granularity

    static uts_node root(unsigned depth) noexcept { return uts_node(19, depth); }
    [[nodiscard]] uts_node child(unsigned index) const noexcept {
        std::uint64_t hash = state_ + index;
        for (unsigned i = 0; i < hashes; ++i) {
            hash = mixed(hash);
        }
        return uts_node(hash, depth_left_ - 1);
    }
    // Geometrically distributed.
    [[nodiscard]] unsigned children() const noexcept {
        if (depth_left_ == 0) {
            return 0;
        }
        constexpr double branching = 4;
        constexpr double most = 100;
        const double dice = static_cast<double>(mixed(state_) >> 11) * 0x1p-53;
        return static_cast<unsigned>(std::fmin(most, std::log1p(-dice) / std::log(1 - 1 / (1 + branching))));
    }

private:
    uts_node(std::uint64_t state, unsigned depth_left) noexcept : state_(state), depth_left_(depth_left) {}

    // Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014).
    static std::uint64_t mixed(std::uint64_t x) noexcept {
        x += 0x9e3779b97f4a7c15;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
        return x ^ (x >> 31);
    }

    std::uint64_t state_;
    unsigned depth_left_;
};

// The number of nodes.
template <class How>
brigade::task<std::uint64_t> uts(uts_node node) {
    How::work(uts_node::hashes);
    const unsigned children = node.children();
    if (children == 0) {
        co_return 1;
    }
    std::vector<std::uint64_t> below(children);
    for (unsigned i = 0; i + 1 < children; ++i) {
        co_await How::start(below[i], uts<How>(node.child(i)));
    }
    co_await brigade::call(below.back(), uts<How>(node.child(children - 1)));
    co_await brigade::join();
    std::uint64_t nodes = 1;
    for (const std::uint64_t n : below) {
        nodes += n;
    }
    co_return nodes;
}

struct board {
    static constexpr unsigned most = 16;

    std::array<std::uint8_t, most> columns{};  // of the queens in the rows above

    // Whether no queen in the first `row` rows attacks this place; `compared` counts.
    [[nodiscard]] bool is_free(unsigned row, unsigned column, unsigned& compared) const noexcept {
        for (unsigned above = 0; above < row; ++above) {
            ++compared;
            const unsigned other = columns[above];
            const unsigned apart = row - above;
            if (other == column || other + apart == column || column + apart == other) {
                return false;
            }
        }
        return true;
    }
};

// The number of solutions below this board, whose first `row` rows are filled.
template <class How>
brigade::task<std::uint64_t> nqueens(board b, unsigned row, unsigned n) {
    if (row == n) {
        How::work(1);
        co_return 1;
    }
    std::array<std::uint64_t, board::most> below{};
    for (unsigned column = 0; column < n; ++column) {
        unsigned compared = 1;
        const bool is_free = b.is_free(row, column, compared);
        How::work(compared);
        if (is_free) {
            b.columns[row] = static_cast<std::uint8_t>(column);
            co_await How::start(below[column], nqueens<How>(b, row + 1, n));
        }
    }
    co_await brigade::join();
    std::uint64_t solutions = 0;
    for (const std::uint64_t s : below) {
        solutions += s;
    }
    co_return solutions;
}

// Many children that do nothing.
template <class How>
brigade::task<std::uint64_t> loop(unsigned times) {
    std::uint64_t sum = 0;
    for (unsigned i = 0; i < times; ++i) {
        std::uint64_t one = 0;
        co_await How::start(one, []() -> brigade::task<std::uint64_t> { co_return 1; }());
        co_await brigade::join();
        sum += one;
    }
    co_return sum;
}

// By name; `size` is n, for uts the depth. Throws std::invalid_argument.
template <class How>
brigade::task<std::uint64_t> computation(std::string_view name, unsigned size) {
    if (name == "fib") {
        return fib<How>(size);
    }
    if (name == "uts") {
        return uts<How>(uts_node::root(size));
    }
    if (name == "nqueens" && size <= board::most) {
        return nqueens<How>({}, 0, size);
    }
    if (name == "loop") {
        return loop<How>(size);
    }
    throw std::invalid_argument("no computation is called " + std::string(name) + ", or not for this size");
}

// How a child is started on the real runtime.
struct by_fork {
    template <class T>
    static auto start(T& result, brigade::task<T> child) {
        return brigade::fork(result, std::move(child));
    }
    static void work(std::uint64_t /*units*/) noexcept {}
};
struct by_call {
    template <class T>
    static auto start(T& result, brigade::task<T> child) {
        return brigade::call(result, std::move(child));
    }
    static void work(std::uint64_t /*units*/) noexcept {}
};

}  // namespace scale
