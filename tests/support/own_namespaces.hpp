// Tests in namespaces of their own, such as a network that nobody else has.
#pragma once

#include <span>

namespace test {

// For main(): starts the program anew by unshare(1) with these options, and runs all tests there; or here, where the
// system does not permit that. Gives the exit status.
[[nodiscard]] int run_all_tests_in_own_namespaces(int argc, char** argv, std::span<const char* const> options);

// Whether that is where they run.
[[nodiscard]] bool in_own_namespaces();

}  // namespace test
