// What the modes of the load generator share: the options, what is recorded, and the phases of a run.
//
// A run warms up, measures for a fixed time, and then goes on for a while to take samples of the server's user share,
// which the measured time must not pay for. All of a mode's work is done by one thread in step().
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "bench/network/histogram.hpp"
#include "bench/network/server_cpu.hpp"

namespace network {

using steady = std::chrono::steady_clock;

struct load_options {
    std::string mode = "echo";
    std::uint16_t port = 0;
    unsigned connections = 1;
    unsigned depth = 1;  // messages in flight on each connection
    std::chrono::milliseconds warm_up{500};
    std::chrono::milliseconds measure{2000};
    std::chrono::milliseconds sample{0};
    std::uint64_t requests = 0;         // measure as many instead; 0: for that time
    std::uint64_t bytes = 1ULL << 30U;  // of a stream
    bool wait = false;                  // for a line on standard input, between warm-up and measurement
    std::vector<pid_t> server;          // its processes
};

struct recorded {
    histogram latency;  // ns; one entry for each request
    double seconds = 0;
    double server_cpu = 0;
    std::optional<sampler::samples> samples;
};

// What a mode does.
class load {
public:
    load() = default;
    virtual ~load() = default;
    load(const load&) = delete;
    load& operator=(const load&) = delete;

    // Waits for events, once, and reacts; records what has been answered. Throws on a wrong answer, on a connection
    // that breaks, and when the server is silent for five seconds.
    virtual void step(histogram& latency) = 0;
    // Waits for the answers that are still due.
    virtual void drain() = 0;
};

[[nodiscard]] recorded run(load& l, const load_options& options);

}  // namespace network
