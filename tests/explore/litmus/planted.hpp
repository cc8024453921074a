// Bugs planted on purpose: how many schedules it takes to find each.
#pragma once

#include <cstdio>
#include <functional>
#include <string>

#include <gmock/gmock.h>

#include "tests/explore/model.hpp"

namespace explore {

// `planted` fails with a message that contains a match of `failure`; each kind of search tries alone. `mended` does not
// fail. What the searches needed is printed, and recorded as properties of the test; 0 means not found.
inline void expect_found(const char* failure, const std::function<void()>& planted, const std::function<void()>& mended,
                         const settings& given = {}) {
    std::string line;
    for (const char* const kind : {"exhaustive", "random", "pct"}) {
        settings s = given;
        const std::string name = kind;
        s.exhaustive = name == "exhaustive" ? 200'000 : 0;
        s.random = name == "random" ? 20'000 : 0;
        s.pct = name == "pct" ? 20'000 : 0;
        const report r = search(s, planted);
        if (name == "exhaustive") {
            EXPECT_TRUE(r.failed) << "not found in " << r.schedules << " schedules" << (r.complete ? ", all" : "");
            const report again = replay(s, r.schedule, planted);
            EXPECT_EQ(again.message, r.message);
        }
        if (r.failed) {
            EXPECT_THAT(r.message, ::testing::ContainsRegex(failure)) << r.trace;
        }
        ::testing::Test::RecordProperty(name, r.failed ? std::to_string(r.schedules) : "0");
        line += " " + name + " " + (r.failed ? std::to_string(r.schedules) : "-");
    }
    const report right = search(given, mended);
    EXPECT_FALSE(right.failed) << "the mended twin: " << right.message << "\n" << right.trace;
    std::printf("planted %s:%s; mended: %s%llu\n", ::testing::UnitTest::GetInstance()->current_test_info()->name(),
                line.c_str(), right.complete ? "all " : "", static_cast<unsigned long long>(right.schedules));
}

}  // namespace explore
