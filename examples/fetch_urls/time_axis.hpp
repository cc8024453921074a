// A time axis: where a moment lies on the page, and which moments get a tick.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fetch_urls {

class time_axis {
public:
    // From 0 to a round time not before `longest` (nanoseconds), over `width` pixels from `left` on.
    time_axis(double left, double width, std::int64_t longest, int about_ticks);

    double left() const { return left_; }
    double right() const { return left_ + width_; }
    double at(std::int64_t time) const { return left_ + width_ * static_cast<double>(time) / end_; }

    struct tick {
        double x = 0;
        std::string label;
    };
    // From 0 on. The last label has the unit.
    std::vector<tick> ticks() const;

private:
    double left_;
    double width_;
    double step_;  // ns
    double end_;   // ns
};

}  // namespace fetch_urls
