// The fork-join suite on OpenMP's tasks.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/workloads/fork_join.hpp"

namespace {

std::uint64_t fib(unsigned n) {
    if (n < 2) {
        return n;
    }
    std::uint64_t a = 0;
#pragma omp task shared(a)
    a = fib(n - 1);
    const std::uint64_t b = fib(n - 2);
#pragma omp taskwait
    return a + b;
}

std::uint64_t skynet(std::uint64_t first, std::uint64_t leaves) {
    if (leaves == 1) {
        return first;
    }
    constexpr unsigned children = workloads::skynet::children;
    const std::uint64_t share = leaves / children;
    std::array<std::uint64_t, children> sums;
    for (unsigned i = 0; i < children - 1; ++i) {
#pragma omp task shared(sums)
        sums[i] = skynet(first + i * share, share);
    }
    sums.back() = skynet(first + (children - 1) * share, share);
#pragma omp taskwait
    return workloads::sum_of(sums);
}

template <std::size_t N>
std::uint32_t nqueens(unsigned row, workloads::board<N> queens) {
    if (row == N) {
        return 1;
    }
    std::array<std::uint32_t, N> solutions;
    std::size_t tried = 0;
    for (int column = 0; column < static_cast<int>(N); ++column) {
        if (workloads::is_safe(queens, row, column)) {
            queens[row] = static_cast<signed char>(column);
            const std::size_t i = tried++;
#pragma omp task shared(solutions) firstprivate(queens)
            solutions[i] = nqueens(row + 1, queens);
        }
    }
#pragma omp taskwait
    return workloads::sum_of(solutions, tried);
}

void matmul(const workloads::matmul_block& block) {
    if (block.is_leaf()) {
        block.multiply();
        return;
    }
    for (unsigned which = 0; which < 2; ++which) {
        const auto half = block.half(which);
        for (unsigned i = 0; i < 3; ++i) {
#pragma omp task shared(half)
            matmul(half[i]);
        }
        matmul(half[3]);
#pragma omp taskwait
    }
}

std::uint64_t uts(workloads::tree_node node) {
    const unsigned children = node.children();
    std::array<std::uint64_t, workloads::tree_node::max_children> below;
    for (unsigned i = 0; i < children; ++i) {
#pragma omp task shared(below)
        below[i] = uts(node.child(i));
    }
#pragma omp taskwait
    return 1 + workloads::sum_of(below, children);
}

double integrate(const workloads::interval& whole) {
    const auto halves = whole.split();
    if (halves.are_close_to(whole)) {
        return halves.area();
    }
    double left = 0;
#pragma omp task shared(left, halves)
    left = integrate(halves.left);
    const double right = integrate(halves.right);
#pragma omp taskwait
    return left + right;
}

void merge(const workloads::merge_block& block) {
    if (block.is_leaf()) {
        block.merge();
        return;
    }
    const auto parts = block.split();
#pragma omp task shared(parts)
    merge(parts[0]);
    merge(parts[1]);
#pragma omp taskwait
}

void cilksort(const workloads::sort_block& block) {
    if (block.is_leaf()) {
        block.sort();
        return;
    }
    const auto quarters = block.quarters();
    for (unsigned i = 0; i < 3; ++i) {
#pragma omp task shared(quarters)
        cilksort(quarters[i]);
    }
    cilksort(quarters[3]);
#pragma omp taskwait
    const auto halves = block.merges();
#pragma omp task shared(halves)
    merge(halves[0]);
    merge(halves[1]);
#pragma omp taskwait
    merge(block.last_merge());
}

void strassen(const workloads::strassen_block& block) {
    if (block.is_leaf()) {
        block.multiply();
        return;
    }
    const workloads::strassen_products products(block);
    for (unsigned i = 0; i < products.count; ++i) {
#pragma omp task shared(products)
        {
            const auto sums = products.sums();
            strassen(products.factors(i, sums));
        }
    }
#pragma omp taskwait
    for (unsigned i = 0; i < products.quarters; ++i) {
#pragma omp task shared(products)
        products.combine(i);
    }
#pragma omp taskwait
}

workloads::knapsack_result knapsack(const workloads::knapsack_node& node) {
    if (node.is_leaf()) {
        return node.as_leaf();
    }
    workloads::knapsack_result taken{0, 1};
    if (node.is_hopeless()) {
        return taken;
    }
    if (!node.can_take()) {
        return taken + knapsack(node.skipped());
    }
#pragma omp task shared(taken, node)
    taken = knapsack(node.taken());
    const workloads::knapsack_result skipped = knapsack(node.skipped());
#pragma omp taskwait
    ++taken.nodes;
    return taken + skipped;
}

void mark_all(std::vector<unsigned char>& marks) {
#pragma omp taskgroup
    for (unsigned char& own : marks) {
        unsigned char* const mark = &own;
#pragma omp task firstprivate(mark)
        workloads::many_children::mark(*mark);
    }
}

class openmp {
    template <class F>
    auto in_parallel(F function) const {
        decltype(function()) result{};
#pragma omp parallel num_threads(workers_)
#pragma omp single
        result = function();
        return result;
    }

public:
    static constexpr std::string_view name = "openmp";
    static std::string version() { return "libomp of Clang " __clang_version__; }

    explicit openmp(unsigned workers) : workers_(static_cast<int>(workers)) {}

    std::uint64_t fib(unsigned n) {
        return in_parallel([n] { return ::fib(n); });
    }
    std::uint64_t skynet(std::uint64_t first, std::uint64_t leaves) {
        return in_parallel([first, leaves] { return ::skynet(first, leaves); });
    }
    template <std::size_t N>
    std::uint32_t nqueens() {
        return in_parallel([] { return ::nqueens<N>(0, {}); });
    }
    void matmul(const workloads::matmul_block& block) {
        in_parallel([&block] { return ::matmul(block), 0; });
    }
    std::uint64_t uts(workloads::tree_node root) {
        return in_parallel([root] { return ::uts(root); });
    }
    double integrate(const workloads::interval& whole) {
        return in_parallel([&whole] { return ::integrate(whole); });
    }
    void cilksort(const workloads::sort_block& block) {
        in_parallel([&block] { return ::cilksort(block), 0; });
    }
    void strassen(const workloads::strassen_block& block) {
        in_parallel([&block] { return ::strassen(block), 0; });
    }
    workloads::knapsack_result knapsack(const workloads::knapsack_node& root) {
        return in_parallel([&root] { return ::knapsack(root); });
    }
    void mark_all(std::vector<unsigned char>& marks) {
        in_parallel([&marks] { return ::mark_all(marks), 0; });
    }

private:
    int workers_;
};

}  // namespace

int main(int argc, char** argv) {
    return workloads::run_program<openmp, workloads::fork_join_suite>(argc, argv);
}
