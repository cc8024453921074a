#include "tests/support/own_namespaces.hpp"

#include <cstdio>
#include <cstdlib>
#include <vector>

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace test {

namespace {

constexpr const char* inside = "BRIGADE_TEST_IN_OWN_NAMESPACES";

// For exec(): unshare with its options, and a program with its arguments.
std::vector<char*> unshared(std::span<const char* const> options, std::span<char* const> program) {
    std::vector<char*> words{const_cast<char*>("unshare")};
    for (const char* option : options) {
        words.push_back(const_cast<char*>(option));
    }
    words.insert(words.end(), program.begin(), program.end());
    words.push_back(nullptr);
    return words;
}

// Whether the system permits it.
bool may_unshare(std::span<const char* const> options) {
    std::vector<char*> program{const_cast<char*>("true")};
    const std::vector<char*> words = unshared(options, program);
    pid_t id = 0;
    int status = -1;
    return ::posix_spawnp(&id, words[0], nullptr, nullptr, words.data(), environ) == 0 &&
           ::waitpid(id, &status, 0) == id && status == 0;
}

}  // namespace

bool in_own_namespaces() {
    return std::getenv(inside) != nullptr;
}

int run_all_tests_in_own_namespaces(int argc, char** argv, std::span<const char* const> options) {
    if (!in_own_namespaces() && may_unshare(options)) {
        const std::vector<char*> words = unshared(options, {argv, static_cast<std::size_t>(argc)});
        ::setenv(inside, "1", 1);
        ::execvp(words[0], words.data());
        std::perror(words[0]);
        return EXIT_FAILURE;
    }
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}

}  // namespace test
