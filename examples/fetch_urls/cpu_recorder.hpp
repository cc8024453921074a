// When a thread that computes really had a CPU, and when the kernel had given it to another thread.
#pragma once

#include <chrono>
#include <vector>

namespace fetch_urls {

class cpu_recorder {
public:
    using clock = std::chrono::steady_clock;

    struct stretch {
        clock::time_point begin;
        clock::time_point end;
    };

    // Starts to record, for the calling thread.
    cpu_recorder();

    // To be called every millisecond or so: what is seen is whether CPU time has kept up with the clock since the last
    // call, and no more. A stretch without a CPU is taken to lie in the middle.
    void look();

    const std::vector<stretch>& on_cpu() const { return stretches_; }
    std::chrono::nanoseconds cpu_time() const { return last_cpu_ - first_cpu_; }

private:
    clock::time_point last_;
    std::chrono::nanoseconds first_cpu_;
    std::chrono::nanoseconds last_cpu_;
    std::vector<stretch> stretches_;
};

}  // namespace fetch_urls
