// A limit on each test of a program: whatever a test waits for, the wait ends with the test's name and a core, not with
// the silence of a killed process. A signal and not a thread, so that death tests may fork.
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr unsigned limit_seconds = 170;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
constexpr unsigned limit_seconds = 170;
#else
constexpr unsigned limit_seconds = 55;
#endif
#else
constexpr unsigned limit_seconds = 55;
#endif

std::string running_test;

extern "C" void report_and_abort(int /*signal*/) {
    // Nothing but system calls: the signal may have come anywhere.
    for (const char* const part : {"\nno end within the time limit: ", running_test.c_str(), "\n"}) {
        static_cast<void>(!::write(STDERR_FILENO, part, std::strlen(part)));
    }
    std::abort();
}

class time_limit final : public testing::EmptyTestEventListener {
public:
    void OnTestStart(const testing::TestInfo& test) override {
        running_test = std::string(test.test_suite_name()) + "." + test.name();
        ::alarm(limit_seconds);
    }
    void OnTestEnd(const testing::TestInfo& /*test*/) override { ::alarm(0); }
};

// GoogleTest's own main() leaves no place for it, so it is put there before main().
const bool installed = [] {
    std::signal(SIGALRM, report_and_abort);
    testing::UnitTest::GetInstance()->listeners().Append(new time_limit);  // GoogleTest deletes it
    return true;
}();

}  // namespace
