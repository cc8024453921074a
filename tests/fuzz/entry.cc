// Where Clang's fuzzer begins. FUZZED is the function that this program is about.
#include <cstddef>
#include <cstdint>
#include <span>

#include "tests/fuzz/fuzzed.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    fuzz::FUZZED(std::as_bytes(std::span(bytes, size)));
    return 0;
}
