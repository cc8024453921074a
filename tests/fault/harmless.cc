// What any operation has to bear without a difference to its caller.
#include <cstdio>

#include <gtest/gtest.h>

#include "tests/fault/injected.hpp"

namespace {

class faults final : public testing::EmptyTestEventListener {
public:
    void OnTestProgramStart(const testing::UnitTest& /*all*/) override {
        fault::inject({.interrupted = true, .would_block = true, .short_transfers = true});
    }
    void OnTestProgramEnd(const testing::UnitTest& /*all*/) override {
        fault::inject({});
        std::printf("%llu faults were injected\n", static_cast<unsigned long long>(fault::injected()));
    }
};

// GoogleTest's own main() leaves no place for it.
const bool installed = [] {
    testing::UnitTest::GetInstance()->listeners().Append(new faults);  // GoogleTest deletes it
    return true;
}();

}  // namespace
