#pragma once

#include "options.hpp"

namespace fetch_urls {

// Reads a job from standard input, fetches, and writes the record to standard output. Returns the exit status.
int run_way(const run_way_options&);

}  // namespace fetch_urls
