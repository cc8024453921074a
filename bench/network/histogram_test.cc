#include "bench/network/histogram.hpp"

#include <cstdint>

#include <gtest/gtest.h>

namespace {

using network::histogram;

TEST(Histogram, GivesZeroWhenEmpty) {
    const histogram h;
    EXPECT_EQ(h.count(), 0U);
    EXPECT_EQ(h.percentile(0.5), 0U);
    EXPECT_EQ(h.largest(), 0U);
}

TEST(Histogram, IsExactForSmallValues) {
    histogram h;
    for (std::uint64_t value = 1; value <= 100; ++value) {
        h.record(value);
    }
    EXPECT_EQ(h.percentile(0), 1U);
    EXPECT_EQ(h.percentile(0.5), 50U);
    EXPECT_EQ(h.percentile(0.99), 99U);
    EXPECT_EQ(h.percentile(1), 100U);
}

TEST(Histogram, KnowsEveryValueToWithinItsPrecision) {
    for (std::uint64_t value = 1; value < 1ULL << 62U; value += value / 7 + 1) {
        histogram h;
        h.record(value);
        h.record(~std::uint64_t{0});  // or the percentile would be the largest value itself
        const std::uint64_t found = h.percentile(0.5);
        EXPECT_GE(found, value);
        EXPECT_LE(static_cast<double>(found), static_cast<double>(value) * (1 + 1.0 / 256));
    }
}

TEST(Histogram, NeverExceedsTheLargestValue) {
    histogram h;
    h.record(1'000'001);
    EXPECT_EQ(h.percentile(0.999), 1'000'001U);
    EXPECT_EQ(h.largest(), 1'000'001U);
}

}  // namespace
