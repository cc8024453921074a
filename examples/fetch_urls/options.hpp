// The command line.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <sys/types.h>

#include "records.hpp"
#include "serve.hpp"

namespace fetch_urls {

// `fetch_urls`: fetch, and say what was seen.
struct fetch_options {
    std::string urls_file;  // empty: from the embedded server
    server_options server;
    std::vector<way> ways{all_ways.begin(), all_ways.end()};
    limits limit;
    effort work;
    unsigned workers = 0;
    std::string svg_file = "fetch_urls.svg";
    std::string trace_file = "fetch_urls.trace.json";
};

// `fetch_urls run-way`: what the program starts itself, once for each way.
struct run_way_options {
    pid_t parent = 0;
};

// The command line was asked for help, or is wrong: all has been said.
struct nothing_to_do {
    int exit_status = 0;
};

using command = std::variant<fetch_options, server_options, run_way_options, nothing_to_do>;

command parse_command_line(int argc, char** argv);

}  // namespace fetch_urls
