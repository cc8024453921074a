// The fork-join suite on Brigade.
//
//   bazel run --config=bench //bench:fork_join_benchmark
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <brigade/brigade.hpp>

#include "bench/workloads/fork_join.hpp"

namespace {

using brigade::call;
using brigade::fork;
using brigade::join;
using brigade::task;

task<std::uint64_t> fib(unsigned n) {
    if (n < 2) {
        co_return n;
    }
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    co_await fork(a, fib(n - 1));
    co_await call(b, fib(n - 2));
    co_await join();
    co_return a + b;
}

task<std::uint64_t> skynet(std::uint64_t first, std::uint64_t leaves) {
    if (leaves == 1) {
        co_return first;
    }
    constexpr unsigned children = workloads::skynet::children;
    const std::uint64_t share = leaves / children;
    std::array<std::uint64_t, children> sums;
    for (unsigned i = 0; i < children - 1; ++i) {
        co_await fork(sums[i], skynet(first + i * share, share));
    }
    co_await call(sums.back(), skynet(first + (children - 1) * share, share));
    co_await join();
    co_return workloads::sum_of(sums);
}

template <std::size_t N>
task<std::uint32_t> nqueens(unsigned row, workloads::board<N> queens) {
    if (row == N) {
        co_return 1;
    }
    std::array<std::uint32_t, N> solutions;
    std::size_t tried = 0;
    for (int column = 0; column < static_cast<int>(N); ++column) {
        if (workloads::is_safe(queens, row, column)) {
            queens[row] = static_cast<signed char>(column);
            co_await fork(solutions[tried++], nqueens(row + 1, queens));
        }
    }
    co_await join();
    co_return workloads::sum_of(solutions, tried);
}

task<> matmul(workloads::matmul_block block) {
    if (block.is_leaf()) {
        block.multiply();
        co_return;
    }
    for (unsigned which = 0; which < 2; ++which) {
        const auto half = block.half(which);
        co_await fork(matmul(half[0]));
        co_await fork(matmul(half[1]));
        co_await fork(matmul(half[2]));
        co_await call(matmul(half[3]));
        co_await join();
    }
}

task<std::uint64_t> uts(workloads::tree_node node) {
    std::array<std::uint64_t, workloads::tree_node::max_children> below;
    const unsigned children = node.children();
    for (unsigned i = 0; i < children; ++i) {
        co_await fork(below[i], uts(node.child(i)));
    }
    co_await join();
    co_return 1 + workloads::sum_of(below, children);
}

// By reference, as children end before the parent in whose frame it stands; so with the nodes of knapsack.
task<double> integrate(const workloads::interval& whole) {
    const auto halves = whole.split();
    if (halves.are_close_to(whole)) {
        co_return halves.area();
    }
    double left = 0;
    double right = 0;
    co_await fork(left, integrate(halves.left));
    co_await call(right, integrate(halves.right));
    co_await join();
    co_return left + right;
}

task<> merge(workloads::merge_block block) {
    if (block.is_leaf()) {
        block.merge();
        co_return;
    }
    const auto parts = block.split();
    co_await fork(merge(parts[0]));
    co_await call(merge(parts[1]));
    co_await join();
}

task<> cilksort(workloads::sort_block block) {
    if (block.is_leaf()) {
        block.sort();
        co_return;
    }
    const auto quarters = block.quarters();
    co_await fork(cilksort(quarters[0]));
    co_await fork(cilksort(quarters[1]));
    co_await fork(cilksort(quarters[2]));
    co_await call(cilksort(quarters[3]));
    co_await join();
    const auto halves = block.merges();
    co_await fork(merge(halves[0]));
    co_await call(merge(halves[1]));
    co_await join();
    co_await merge(block.last_merge());
}

task<> strassen(workloads::strassen_block block);

task<> strassen_product(const workloads::strassen_products& products, unsigned i) {
    const auto sums = products.sums();
    co_await strassen(products.factors(i, sums));
}

task<> strassen_combine(const workloads::strassen_products& products, unsigned quarter) {
    products.combine(quarter);
    co_return;
}

task<> strassen(workloads::strassen_block block) {
    if (block.is_leaf()) {
        block.multiply();
        co_return;
    }
    const workloads::strassen_products products(block);
    for (unsigned i = 0; i < products.count; ++i) {
        co_await fork(strassen_product(products, i));
    }
    co_await join();
    for (unsigned i = 0; i < products.quarters; ++i) {
        co_await fork(strassen_combine(products, i));
    }
    co_await join();
}

task<workloads::knapsack_result> knapsack(const workloads::knapsack_node& node) {
    if (node.is_leaf()) {
        co_return node.as_leaf();
    }
    workloads::knapsack_result taken{0, 1};
    if (node.is_hopeless()) {
        co_return taken;
    }
    workloads::knapsack_result skipped;
    const workloads::knapsack_node without = node.skipped();
    if (node.can_take()) {
        const workloads::knapsack_node with = node.taken();
        co_await fork(taken, knapsack(with));
        co_await call(skipped, knapsack(without));
        co_await join();
        ++taken.nodes;
    } else {
        skipped = co_await knapsack(without);
    }
    co_return taken + skipped;
}

task<> mark(unsigned char& own) {
    workloads::many_children::mark(own);
    co_return;
}

task<> mark_all(std::vector<unsigned char>& marks) {
    for (unsigned char& own : marks) {
        co_await fork(mark(own));
    }
    co_await join();
}

class brigade_runtime {
public:
    static constexpr std::string_view name = "brigade";
    static std::string version() { return ""; }

    explicit brigade_runtime(unsigned workers) : executor_({.workers = workers}) {}

    std::uint64_t fib(unsigned n) { return executor_.block_on(::fib, n); }
    std::uint64_t skynet(std::uint64_t first, std::uint64_t leaves) {
        return executor_.block_on(::skynet, first, leaves);
    }
    template <std::size_t N>
    std::uint32_t nqueens() {
        return executor_.block_on(::nqueens<N>(0, {}));
    }
    void matmul(const workloads::matmul_block& block) { executor_.block_on(::matmul, block); }
    std::uint64_t uts(workloads::tree_node root) { return executor_.block_on(::uts, root); }
    double integrate(const workloads::interval& whole) { return executor_.block_on(::integrate(whole)); }
    void cilksort(const workloads::sort_block& block) { executor_.block_on(::cilksort, block); }
    void strassen(const workloads::strassen_block& block) { executor_.block_on(::strassen, block); }
    workloads::knapsack_result knapsack(const workloads::knapsack_node& root) {
        return executor_.block_on(::knapsack(root));
    }
    void mark_all(std::vector<unsigned char>& marks) { executor_.block_on(::mark_all(marks)); }

private:
    brigade::executor executor_;
};

}  // namespace

int main(int argc, char** argv) {
    return workloads::run_program<brigade_runtime, workloads::fork_join_suite>(argc, argv);
}
