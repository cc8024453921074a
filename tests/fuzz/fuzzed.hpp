// What is fuzzed: functions that take any bytes at all and return, or end the process with a message.
//
// Clang's fuzzer calls each of them without end (bazel/fuzz); corpus_test.cc, with any compiler, for what it has found.
#pragma once

#include <cstddef>
#include <source_location>
#include <span>

namespace fuzz {

using input = std::span<const std::byte>;

// buffered_reader and framing: a stream that gives its bytes in pieces, and now and then an error, against a plain
// search in the whole of it. The first bytes of the input choose operations, maxima and pieces; the rest is the stream.
void framing(input bytes);
// endpoint: what it parses, and what the system may give, is printed so that it is parsed again to the same.
void endpoint(input bytes);
// unix_endpoint: likewise.
void unix_endpoint(input bytes);

// Reports and aborts if it does not hold, in every build.
void check(bool holds, const char* what, std::source_location where = std::source_location::current());

}  // namespace fuzz
