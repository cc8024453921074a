// Skynet (github.com/atemerev/skynet): each task starts ten, `depth` levels deep, and adds up the numbers of the
// leaves.
#pragma once

#include <cstdint>

#include "bench/workloads/description.hpp"

namespace workloads {

class skynet {
public:
    static constexpr description about{"fork_join", "skynet", 8, 6, 4, false};
    static constexpr unsigned children = 10;

    explicit skynet(unsigned depth) : leaves_(1) {
        for (; depth > 0; --depth) {
            leaves_ *= children;
        }
    }
    template <class Runtime>
    void run(Runtime& runtime)
        requires requires { runtime.skynet(std::uint64_t{}, std::uint64_t{}); }
    {
        result_ = runtime.skynet(0, leaves_);
    }
    [[nodiscard]] bool is_right() const { return result_ == leaves_ * (leaves_ - 1) / 2; }
    [[nodiscard]] double result() const { return static_cast<double>(result_); }
    [[nodiscard]] double items() const { return static_cast<double>(leaves_); }

    // The sum of first, first + 1, ..., first + leaves - 1.
    [[nodiscard]] static std::uint64_t serial(std::uint64_t first, std::uint64_t leaves) {
        if (leaves == 1) {
            return first;
        }
        std::uint64_t sum = 0;
        for (unsigned i = 0; i < children; ++i) {
            sum += serial(first + i * (leaves / children), leaves / children);
        }
        return sum;
    }

private:
    std::uint64_t leaves_;
    std::uint64_t result_ = 0;
};

}  // namespace workloads
