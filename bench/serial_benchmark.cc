// The fork-join suite as plain C++ on one thread: what a runtime's one worker has to be compared with.
//
//   bazel run --config=bench //bench:serial_benchmark
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/workloads/fork_join.hpp"

namespace {

class serial {
public:
    static constexpr std::string_view name = "serial";
    static std::string version() { return ""; }

    explicit serial(unsigned /*workers*/) {}

    std::uint64_t fib(unsigned n) { return workloads::fib::serial(n); }
    std::uint64_t skynet(std::uint64_t first, std::uint64_t leaves) { return workloads::skynet::serial(first, leaves); }
    template <std::size_t N>
    std::uint32_t nqueens() {
        return workloads::nqueens::serial(0, workloads::board<N>{});
    }
    void matmul(const workloads::matmul_block& block) { workloads::matmul::serial(block); }
    std::uint64_t uts(workloads::tree_node root) { return workloads::uts::serial(root); }
    double integrate(const workloads::interval& whole) { return workloads::integrate::serial(whole); }
    void cilksort(const workloads::sort_block& block) { workloads::cilksort::serial(block); }
    void strassen(const workloads::strassen_block& block) { workloads::strassen::serial(block); }
    workloads::knapsack_result knapsack(const workloads::knapsack_node& root) {
        return workloads::knapsack::serial(root);
    }
    void mark_all(std::vector<unsigned char>& marks) {
        for (unsigned char& own : marks) {
            workloads::many_children::mark(own);
        }
    }
};

}  // namespace

template <>
workloads::limit workloads::limit_of<serial>(std::string_view /*work*/) {
    return {.most_workers = 1};
}

int main(int argc, char** argv) {
    return workloads::run_program<serial, workloads::fork_join_suite>(argc, argv);
}
