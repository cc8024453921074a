// The fork-join suite on oneTBB: parallel_invoke for two parts, a task_group for more.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_invoke.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>
#include <oneapi/tbb/version.h>

#include "bench/workloads/fork_join.hpp"

namespace {

namespace tbb = oneapi::tbb;

std::uint64_t fib(unsigned n) {
    if (n < 2) {
        return n;
    }
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    tbb::parallel_invoke([&a, n] { a = fib(n - 1); }, [&b, n] { b = fib(n - 2); });
    return a + b;
}

std::uint64_t skynet(std::uint64_t first, std::uint64_t leaves) {
    if (leaves == 1) {
        return first;
    }
    constexpr unsigned children = workloads::skynet::children;
    const std::uint64_t share = leaves / children;
    std::array<std::uint64_t, children> sums;
    tbb::task_group group;
    for (unsigned i = 0; i < children - 1; ++i) {
        group.run([&sums, i, first, share] { sums[i] = skynet(first + i * share, share); });
    }
    group.run_and_wait([&sums, first, share] { sums.back() = skynet(first + (children - 1) * share, share); });
    return workloads::sum_of(sums);
}

template <std::size_t N>
std::uint32_t nqueens(unsigned row, workloads::board<N> queens) {
    if (row == N) {
        return 1;
    }
    std::array<std::uint32_t, N> solutions;
    std::size_t tried = 0;
    tbb::task_group group;
    for (int column = 0; column < static_cast<int>(N); ++column) {
        if (workloads::is_safe(queens, row, column)) {
            queens[row] = static_cast<signed char>(column);
            group.run([&result = solutions[tried++], row, queens] { result = nqueens(row + 1, queens); });
        }
    }
    group.wait();
    return workloads::sum_of(solutions, tried);
}

void matmul(const workloads::matmul_block& block) {
    if (block.is_leaf()) {
        block.multiply();
        return;
    }
    for (unsigned which = 0; which < 2; ++which) {
        const auto half = block.half(which);
        tbb::task_group group;
        group.run([&half] { matmul(half[0]); });
        group.run([&half] { matmul(half[1]); });
        group.run([&half] { matmul(half[2]); });
        group.run_and_wait([&half] { matmul(half[3]); });
    }
}

std::uint64_t uts(workloads::tree_node node) {
    const unsigned children = node.children();
    if (children == 0) {
        return 1;
    }
    std::array<std::uint64_t, workloads::tree_node::max_children> below;
    tbb::task_group group;
    for (unsigned i = 0; i < children; ++i) {
        group.run([&result = below[i], child = node.child(i)] { result = uts(child); });
    }
    group.wait();
    return 1 + workloads::sum_of(below, children);
}

double integrate(const workloads::interval& whole) {
    const auto halves = whole.split();
    if (halves.are_close_to(whole)) {
        return halves.area();
    }
    double left = 0;
    double right = 0;
    tbb::parallel_invoke([&] { left = integrate(halves.left); }, [&] { right = integrate(halves.right); });
    return left + right;
}

void merge(const workloads::merge_block& block) {
    if (block.is_leaf()) {
        block.merge();
        return;
    }
    const auto parts = block.split();
    tbb::parallel_invoke([&parts] { merge(parts[0]); }, [&parts] { merge(parts[1]); });
}

void cilksort(const workloads::sort_block& block) {
    if (block.is_leaf()) {
        block.sort();
        return;
    }
    const auto quarters = block.quarters();
    tbb::parallel_invoke([&] { cilksort(quarters[0]); }, [&] { cilksort(quarters[1]); }, [&] { cilksort(quarters[2]); },
                         [&] { cilksort(quarters[3]); });
    const auto halves = block.merges();
    tbb::parallel_invoke([&halves] { merge(halves[0]); }, [&halves] { merge(halves[1]); });
    merge(block.last_merge());
}

void strassen(const workloads::strassen_block& block) {
    if (block.is_leaf()) {
        block.multiply();
        return;
    }
    const workloads::strassen_products products(block);
    tbb::task_group group;
    for (unsigned i = 0; i < products.count; ++i) {
        group.run([&products, i] {
            const auto sums = products.sums();
            strassen(products.factors(i, sums));
        });
    }
    group.wait();
    for (unsigned i = 0; i < products.quarters; ++i) {
        group.run([&products, i] { products.combine(i); });
    }
    group.wait();
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
    workloads::knapsack_result skipped;
    tbb::parallel_invoke([&] { taken = knapsack(node.taken()); }, [&] { skipped = knapsack(node.skipped()); });
    ++taken.nodes;
    return taken + skipped;
}

void mark_all(std::vector<unsigned char>& marks) {
    tbb::task_group group;
    for (unsigned char& own : marks) {
        group.run([&own] { workloads::many_children::mark(own); });
    }
    group.wait();
}

class onetbb {
public:
    static constexpr std::string_view name = "onetbb";
    static std::string version() { return TBB_runtime_version(); }

    explicit onetbb(unsigned workers)
        : control_(tbb::global_control::max_allowed_parallelism, workers), arena_(static_cast<int>(workers)) {}

    std::uint64_t fib(unsigned n) {
        return arena_.execute([n] { return ::fib(n); });
    }
    std::uint64_t skynet(std::uint64_t first, std::uint64_t leaves) {
        return arena_.execute([first, leaves] { return ::skynet(first, leaves); });
    }
    template <std::size_t N>
    std::uint32_t nqueens() {
        return arena_.execute([] { return ::nqueens<N>(0, {}); });
    }
    void matmul(const workloads::matmul_block& block) {
        arena_.execute([&block] { ::matmul(block); });
    }
    std::uint64_t uts(workloads::tree_node root) {
        return arena_.execute([root] { return ::uts(root); });
    }
    double integrate(const workloads::interval& whole) {
        return arena_.execute([&whole] { return ::integrate(whole); });
    }
    void cilksort(const workloads::sort_block& block) {
        arena_.execute([&block] { ::cilksort(block); });
    }
    void strassen(const workloads::strassen_block& block) {
        arena_.execute([&block] { ::strassen(block); });
    }
    workloads::knapsack_result knapsack(const workloads::knapsack_node& root) {
        return arena_.execute([&root] { return ::knapsack(root); });
    }
    void mark_all(std::vector<unsigned char>& marks) {
        arena_.execute([&marks] { ::mark_all(marks); });
    }

private:
    tbb::global_control control_;
    tbb::task_arena arena_;
};

}  // namespace

int main(int argc, char** argv) {
    return workloads::run_program<onetbb, workloads::fork_join_suite>(argc, argv);
}
