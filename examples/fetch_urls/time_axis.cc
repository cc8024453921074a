#include "time_axis.hpp"

#include <algorithm>
#include <cmath>

#include "decimals.hpp"

namespace fetch_urls {

namespace {

constexpr double ns_per_ms = 1e6;
constexpr double ns_per_s = 1e9;

// 1, 2 or 5 times a power of ten.
double round_step(double rough) {
    const double power = std::pow(10, std::floor(std::log10(rough)));
    for (const double factor : {1.0, 2.0, 5.0}) {
        if (factor * power >= rough) {
            return factor * power;
        }
    }
    return 10 * power;
}

}  // namespace

time_axis::time_axis(double left, double width, std::int64_t longest, int about_ticks)
    : left_(left),
      width_(width),
      step_(round_step(static_cast<double>(std::max<std::int64_t>(longest, 1)) / about_ticks)),
      // The end is a whole number of quarter steps, so that little room is lost.
      end_(std::ceil(static_cast<double>(std::max<std::int64_t>(longest, 1)) / step_ * 4) / 4 * step_) {}

std::vector<time_axis::tick> time_axis::ticks() const {
    const bool in_seconds = end_ >= ns_per_s;
    const double unit = in_seconds ? ns_per_s : ns_per_ms;
    const auto last = static_cast<int>(end_ / step_ + 1e-6);
    std::vector<tick> found;
    for (int i = 0; i <= last; ++i) {
        std::string label = trimmed(i * step_ / unit, 3);
        if (i == last) {
            label += in_seconds ? " s" : " ms";
        }
        found.push_back({left_ + width_ * i * step_ / end_, std::move(label)});
    }
    return found;
}

}  // namespace fetch_urls
