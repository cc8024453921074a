#include "cpu_recorder.hpp"

#include <cerrno>
#include <ctime>
#include <system_error>

namespace fetch_urls {

namespace {

using namespace std::chrono_literals;

// Interrupts and the like also take time from a thread; nobody would see them in the picture.
constexpr auto shortest_gap = 200us;

std::chrono::nanoseconds thread_cpu_time() {
    timespec time{};
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) != 0) {
        throw std::system_error(errno, std::generic_category(), "clock_gettime");
    }
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

cpu_recorder::cpu_recorder()
    : last_(clock::now()), first_cpu_(thread_cpu_time()), last_cpu_(first_cpu_), stretches_{{last_, last_}} {}

void cpu_recorder::look() {
    const clock::time_point now = clock::now();
    const std::chrono::nanoseconds cpu = thread_cpu_time();
    const std::chrono::nanoseconds used = cpu - last_cpu_;
    if (now - last_ - used < shortest_gap) {
        stretches_.back().end = now;
    } else {
        stretches_.back().end = last_ + used / 2;
        stretches_.push_back({now - used / 2, now});
    }
    last_ = now;
    last_cpu_ = cpu;
}

}  // namespace fetch_urls
