// The processor time of a server, from outside.
//
// The total is that of the processes' CPU clocks, which the kernel keeps in nanoseconds and brings up to date when they
// are read. How it divides into user and system the kernel only samples, on most machines with each tick of 4 ms, which
// is far too coarse: a server that is in user space for 4 % of two seconds has 20 such ticks. So sampler takes samples
// of its own, of every thread, each 50 us of the thread's processor time (the perf event cpu-clock, an hrtimer: no
// hardware counters are needed): 40,000 in two seconds of a processor, 1,600 of which are then in user space, which
// gives the share to 2.5 %.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <system_error>
#include <vector>

#include <sys/types.h>

namespace network {

// Of all these processes, in seconds.
[[nodiscard]] double cpu_seconds(const std::vector<pid_t>& processes);

// Resident memory of all these processes in bytes.
[[nodiscard]] std::size_t resident_memory(const std::vector<pid_t>& processes);
[[nodiscard]] std::size_t open_files(const std::vector<pid_t>& processes);

// The system allows no perf events (perf_event_paranoid, a container).
class sampling_refused : public std::system_error {
public:
    using std::system_error::system_error;
};

// Takes samples of the threads that these processes have when it is made, until take().
class sampler {
public:
    struct samples {
        std::uint64_t user = 0;
        std::uint64_t all = 0;
    };

    // Throws sampling_refused.
    explicit sampler(const std::vector<pid_t>& processes);
    ~sampler();
    sampler(const sampler&) = delete;
    sampler& operator=(const sampler&) = delete;

    [[nodiscard]] samples take();

private:
    struct event {
        int fd;
        void* ring;
    };

    void close() noexcept;

    std::vector<event> events_;
};

}  // namespace network
