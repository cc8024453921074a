// Product of two matrices by Strassen's method: seven products of matrices of half the size, made of sums of quarters,
// at once; then the four quarters of the result, at once.
#pragma once

#include <array>
#include <cstddef>

#include "bench/workloads/description.hpp"
#include "bench/workloads/matrix.hpp"

namespace workloads {

// The corner of a matrix.
template <class T>
struct matrix_view {
    T* first;
    std::size_t stride;

    [[nodiscard]] T* row(std::size_t i) const noexcept { return first + i * stride; }
    [[nodiscard]] matrix_view quarter(unsigned row_half, unsigned column_half, std::size_t half) const noexcept {
        return {row(row_half * half) + column_half * half, stride};
    }
};

// c = a * b, n rows and columns.
struct strassen_block {
    static constexpr unsigned leaf = 64;

    matrix_view<const double> a, b;
    matrix_view<double> c;
    unsigned n;

    [[nodiscard]] bool is_leaf() const noexcept { return n <= leaf; }
    void multiply() const noexcept;
};

// The seven products of a block that is not a leaf, and their memory.
class strassen_products {
public:
    static constexpr unsigned count = 7;
    static constexpr unsigned quarters = 4;

    explicit strassen_products(const strassen_block& whole)
        : whole_(whole), half_(whole.n / 2), products_(count * half_ * half_) {}

    // Memory for the two sums that are the factors of one product.
    [[nodiscard]] aligned_array<double> sums() const { return aligned_array<double>(2 * half_ * half_); }
    // Fills `sums` and gives the product to be computed.
    [[nodiscard]] strassen_block factors(unsigned i, const aligned_array<double>& sums) const noexcept;
    // After all products.
    void combine(unsigned quarter) const noexcept;

private:
    [[nodiscard]] matrix_view<double> product(unsigned i) const noexcept {
        return {products_.get() + i * half_ * half_, half_};
    }

    strassen_block whole_;
    std::size_t half_;
    aligned_array<double> products_;
};

class strassen {
public:
    static constexpr description about{"fork_join", "strassen", 2048, 0, 128, false};

    explicit strassen(unsigned n) : product_(n) {}
    template <class Runtime>
    void run(Runtime& runtime)
        requires requires { runtime.strassen(strassen_block{}); }
    {
        const std::size_t n = product_.n;
        runtime.strassen({{product_.a.get(), n}, {product_.b.get(), n}, {product_.c.get(), n}, product_.n});
    }
    [[nodiscard]] bool is_right() const { return product_.checksum() == product_.expected_checksum(); }
    [[nodiscard]] double result() const { return static_cast<double>(product_.checksum()); }
    [[nodiscard]] double items() const { return 0; }

    static void serial(const strassen_block& block) {
        if (block.is_leaf()) {
            block.multiply();
            return;
        }
        const strassen_products products(block);
        for (unsigned i = 0; i < strassen_products::count; ++i) {
            const auto sums = products.sums();
            serial(products.factors(i, sums));
        }
        for (unsigned i = 0; i < strassen_products::quarters; ++i) {
            products.combine(i);
        }
    }

private:
    product<double> product_;
};

}  // namespace workloads
