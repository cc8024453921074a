// Product of two matrices, by quartering both: four products that write different quarters at once, then the other
// four.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "bench/workloads/description.hpp"
#include "bench/workloads/matrix.hpp"

namespace workloads {

// c += a * b for n rows and columns in the corner of matrices of `stride` columns.
struct matmul_block {
    static constexpr unsigned leaf = 32;

    const std::int32_t* a;
    const std::int32_t* b;
    std::int32_t* c;
    unsigned n;
    unsigned stride;

    [[nodiscard]] bool is_leaf() const noexcept { return n <= leaf; }
    void multiply() const noexcept;
    // The four of one half go to different quarters of c.
    [[nodiscard]] std::array<matmul_block, 4> half(unsigned which) const noexcept {
        const auto quarter = [this](auto* m, unsigned row, unsigned column) {
            return m + (std::size_t{row} * stride + column) * (n / 2);
        };
        std::array<matmul_block, 4> blocks;
        for (unsigned i = 0; i < 4; ++i) {
            blocks[i] = {quarter(a, i / 2, which), quarter(b, which, i % 2), quarter(c, i / 2, i % 2), n / 2, stride};
        }
        return blocks;
    }
};

class matmul {
public:
    static constexpr description about{"fork_join", "matmul", 2048, 0, 128, false};

    explicit matmul(unsigned n) : product_(n) {}
    template <class Runtime>
    void run(Runtime& runtime)
        requires requires { runtime.matmul(matmul_block{}); }
    {
        runtime.matmul({product_.a.get(), product_.b.get(), product_.c.get(), product_.n, product_.n});
    }
    [[nodiscard]] bool is_right() const { return product_.checksum() == product_.expected_checksum(); }
    [[nodiscard]] double result() const { return static_cast<double>(product_.checksum()); }
    [[nodiscard]] double items() const { return static_cast<double>(product_.n) * product_.n * product_.n; }

    static void serial(const matmul_block& block) {
        if (block.is_leaf()) {
            block.multiply();
            return;
        }
        for (unsigned which = 0; which < 2; ++which) {
            for (const matmul_block& b : block.half(which)) {
                serial(b);
            }
        }
    }

private:
    product<std::int32_t> product_;
};

}  // namespace workloads
