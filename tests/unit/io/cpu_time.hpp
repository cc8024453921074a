// What this process has computed.
#pragma once

#include <chrono>
#include <ctime>

#include <gtest/gtest.h>

namespace test {

inline std::chrono::nanoseconds cpu_time_of_process() {
    timespec used{};
    EXPECT_EQ(::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
    return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

}  // namespace test
