#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/fuzzed.hpp"

namespace fuzz {

void check(bool holds, const char* what, std::source_location where) {
    if (!holds) {
        std::fprintf(stderr, "%s:%u: does not hold: %s\n", where.file_name(), unsigned{where.line()}, what);
        std::abort();
    }
}

}  // namespace fuzz
