// Fibonacci's numbers by the definition: nothing but calls.
#pragma once

#include <cstdint>

#include "bench/workloads/description.hpp"

namespace workloads {

class fib {
public:
    static constexpr description about{"fork_join", "fib", 39, 30, 20, false};

    explicit fib(unsigned n) : n_(n) {}
    template <class Runtime>
    void run(Runtime& runtime)
        requires requires { runtime.fib(1U); }
    {
        result_ = runtime.fib(n_);
    }
    [[nodiscard]] bool is_right() const { return result_ == number(n_); }
    [[nodiscard]] double result() const { return static_cast<double>(result_); }
    [[nodiscard]] double items() const { return 2 * static_cast<double>(number(n_ + 1)) - 1; }  // calls

    [[nodiscard]] static std::uint64_t serial(unsigned n) { return n < 2 ? n : serial(n - 1) + serial(n - 2); }

private:
    static std::uint64_t number(unsigned n) {
        std::uint64_t a = 0;
        for (std::uint64_t b = 1; n > 0; --n) {
            const std::uint64_t sum = a + b;
            a = b;
            b = sum;
        }
        return a;
    }

    unsigned n_;
    std::uint64_t result_ = 0;
};

}  // namespace workloads
