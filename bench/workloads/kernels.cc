// What is done at the leaves of matmul and strassen. Compiled once, so that no runtime gets a copy that the compiler
// has treated better than another's.
#include "bench/workloads/matmul.hpp"
#include "bench/workloads/strassen.hpp"

namespace workloads {

namespace {

// Parameters, and not members: a store into c might change those, as far as the compiler knows.
void multiply_add(const std::int32_t* a, const std::int32_t* b, std::int32_t* c, std::size_t n, std::size_t stride) {
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t k = 0; k < n; ++k) {
            for (std::size_t j = 0; j < n; ++j) {
                c[i * stride + j] += a[i * stride + k] * b[k * stride + j];
            }
        }
    }
}

}  // namespace

void matmul_block::multiply() const noexcept {
    multiply_add(a, b, c, n, stride);
}

void strassen_block::multiply() const noexcept {
    for (std::size_t i = 0; i < n; ++i) {
        double* const sums = c.row(i);
        for (std::size_t j = 0; j < n; ++j) {
            sums[j] = 0;
        }
        for (std::size_t k = 0; k < n; ++k) {
            const double factor = a.row(i)[k];
            const double* const other = b.row(k);
            for (std::size_t j = 0; j < n; ++j) {
                sums[j] += factor * other[j];
            }
        }
    }
}

namespace {

// Quarter `left` plus `sign` times quarter `right`.
struct sum {
    unsigned left, right;
    int sign;
};

matrix_view<const double> quarter_of(const matrix_view<const double>& m, unsigned quarter, std::size_t half) {
    return m.quarter(quarter / 2, quarter % 2, half);
}

matrix_view<const double> add(const matrix_view<const double>& m, sum s, std::size_t half, double* into) {
    const matrix_view<const double> left = quarter_of(m, s.left, half);
    const matrix_view<const double> right = quarter_of(m, s.right, half);
    if (s.sign == 0) {
        return left;
    }
    for (std::size_t i = 0; i < half; ++i) {
        for (std::size_t j = 0; j < half; ++j) {
            into[i * half + j] = left.row(i)[j] + s.sign * right.row(i)[j];
        }
    }
    return {into, half};
}

}  // namespace

strassen_block strassen_products::factors(unsigned i, const aligned_array<double>& sums) const noexcept {
    static constexpr std::array<sum, count> of_a{
        {{0, 3, 1}, {2, 3, 1}, {0, 0, 0}, {3, 3, 0}, {0, 1, 1}, {2, 0, -1}, {1, 3, -1}}};
    static constexpr std::array<sum, count> of_b{
        {{0, 3, 1}, {0, 0, 0}, {1, 3, -1}, {2, 0, -1}, {3, 3, 0}, {0, 1, 1}, {2, 3, 1}}};
    return {add(whole_.a, of_a[i], half_, sums.get()), add(whole_.b, of_b[i], half_, sums.get() + half_ * half_),
            product(i), static_cast<unsigned>(half_)};
}

void strassen_products::combine(unsigned quarter) const noexcept {
    const matrix_view<double> c = whole_.c.quarter(quarter / 2, quarter % 2, half_);
    const auto fill = [this, &c](unsigned p, unsigned q, unsigned r, unsigned s, auto of) {
        for (std::size_t i = 0; i < half_; ++i) {
            for (std::size_t j = 0; j < half_; ++j) {
                c.row(i)[j] =
                    of(product(p).row(i)[j], product(q).row(i)[j], product(r).row(i)[j], product(s).row(i)[j]);
            }
        }
    };
    switch (quarter) {
        case 0:
            return fill(0, 3, 4, 6, [](double p, double q, double r, double s) { return p + q - r + s; });
        case 1:
            return fill(2, 4, 2, 4, [](double p, double q, double, double) { return p + q; });
        case 2:
            return fill(1, 3, 1, 3, [](double p, double q, double, double) { return p + q; });
        default:
            return fill(0, 1, 2, 5, [](double p, double q, double r, double s) { return p - q + r + s; });
    }
}

}  // namespace workloads
