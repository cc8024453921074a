// The embedded HTTP server: a Brigade program that serves documents after an oven time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

#include "records.hpp"

namespace fetch_urls {

struct server_options {
    std::string root;  // empty: what Debian has under /usr/share
    std::size_t documents = 100;
    std::chrono::milliseconds oven{50};
    std::uint16_t port = 0;  // 0: the kernel chooses
    unsigned workers = 0;    // 0: as many as the process may use
    pid_t parent = 0;        // not 0: announce in JSON, and end with this process
};

// Serves on loopback until SIGINT or SIGTERM comes. Returns the exit status.
int serve(const server_options&);

}  // namespace fetch_urls
