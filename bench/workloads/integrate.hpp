// The integral of x^3 + x from 0 to n, by halving until a half adds nothing (from Cilk's examples).
#pragma once

#include <cmath>

#include "bench/workloads/description.hpp"

namespace workloads {

// An interval with the function's values at its ends and the area under the line between them.
struct interval {
    static constexpr double tolerance = 1e-9;

    double x1, y1, x2, y2, area;

    [[nodiscard]] static constexpr double f(double x) noexcept { return (x * x + 1) * x; }
    [[nodiscard]] static interval from_0_to(double x) noexcept { return {0, f(0), x, f(x), 0}; }

    struct halves;
    [[nodiscard]] halves split() const noexcept;
};

struct interval::halves {
    interval left, right;
    [[nodiscard]] double area() const noexcept { return left.area + right.area; }
    [[nodiscard]] bool are_close_to(const interval& whole) const noexcept {
        return std::abs(area() - whole.area) < tolerance;
    }
};

inline interval::halves interval::split() const noexcept {
    const double half = (x2 - x1) / 2;
    const double x = x1 + half;
    const double y = f(x);
    return {{x1, y1, x, y, (y1 + y) / 2 * half}, {x, y, x2, y2, (y + y2) / 2 * half}};
}

class integrate {
public:
    static constexpr description about{"fork_join", "integrate", 3'000, 300, 100, false, 1e-9};

    explicit integrate(unsigned n) : n_(n) {}
    template <class Runtime>
    void run(Runtime& runtime)
        requires requires { runtime.integrate(interval{}); }
    {
        result_ = runtime.integrate(interval::from_0_to(n_));
    }
    // Not to the last bit: compilers differ in when they fuse a multiplication and an addition.
    [[nodiscard]] bool is_right() const {
        const double exact = n_ * n_ * (n_ * n_ + 2) / 4;
        return std::abs(result_ - exact) < about.tolerance * exact;
    }
    [[nodiscard]] double result() const { return result_; }
    [[nodiscard]] double items() const { return 0; }

    [[nodiscard]] static double serial(const interval& whole) {
        const interval::halves h = whole.split();
        return h.are_close_to(whole) ? h.area() : serial(h.left) + serial(h.right);
    }

private:
    double n_;
    double result_ = 0;
};

}  // namespace workloads
