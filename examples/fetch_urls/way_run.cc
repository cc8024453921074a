#include "way_run.hpp"

#include <cerrno>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include <sys/resource.h>
#include <sys/stat.h>

#include "process.hpp"
#include "work.hpp"

namespace fetch_urls {

namespace {

std::int64_t nanoseconds(const timeval& time) {
    return std::int64_t{time.tv_sec} * 1'000'000'000 + std::int64_t{time.tv_usec} * 1'000;
}

usage used_so_far() {
    rusage resources{};
    if (getrusage(RUSAGE_SELF, &resources) != 0) {
        throw std::system_error(errno, std::generic_category(), "getrusage");
    }
    return {.cpu = nanoseconds(resources.ru_utime) + nanoseconds(resources.ru_stime),
            .voluntary_switches = resources.ru_nvcsw,
            .involuntary_switches = resources.ru_nivcsw};
}

// Not getrusage's ru_maxrss: that is carried over from the process that started this one.
std::int64_t peak_resident_bytes() {
    std::ifstream status("/proc/self/status");
    for (std::string key; status >> key;) {
        std::int64_t kib = 0;
        if (key == "VmHWM:" && status >> kib) {
            return kib * 1024;
        }
    }
    throw std::runtime_error("/proc/self/status has no VmHWM");
}

}  // namespace

way_run::way_run(const job& the_job, int progress_fd)
    : job_(the_job),
      progress_fd_(progress_fd),
      fetches_(the_job.urls.size()),
      used_before_(used_so_far()),
      began_(std::chrono::steady_clock::now()) {}

std::int64_t way_run::since_start(std::chrono::steady_clock::time_point moment) const {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(moment - began_).count();
}

// The number of threads changes only as fetches begin and end, so looking there finds the peak.
void way_run::observe_threads() {
    struct stat task_folder{};
    if (stat("/proc/self/task", &task_folder) != 0) {
        throw std::system_error(errno, std::generic_category(), "/proc/self/task");
    }
    const auto threads = static_cast<std::int64_t>(task_folder.st_nlink) - 2;  // less "." and ".."
    std::int64_t peak = peak_threads_.load(std::memory_order_relaxed);
    while (threads > peak && !peak_threads_.compare_exchange_weak(peak, threads, std::memory_order_relaxed)) {
    }
}

void way_run::begin_fetch(std::size_t index) {
    observe_threads();
    fetches_[index].started = now();
}

void way_run::response_arrived(std::size_t index, const std::expected<std::string, fetch_error>& response) {
    fetch_record& fetch = fetches_[index];
    if (!response) {
        fetch.error = response.error().what;
        return;
    }
    fetch.arrived = now();
    fetch.bytes = response->size();
}

void way_run::work_on(std::size_t index, const std::string& document, unsigned lane) {
    fetch_record& fetch = fetches_[index];
    fetch.lane = lane;
    fetch.work_began = now();
    cpu_recorder recorder;
    try {
        digest_and_size result = hash_and_compress(document, job_.work, recorder);
        fetch.sha256 = std::move(result.sha256);
        fetch.compressed_bytes = result.compressed_bytes;
    } catch (const std::exception& failure) {
        fetch.error = std::string("cannot hash and compress: ") + failure.what();
    }
    fetch.work_cpu = recorder.cpu_time().count();
    for (const auto& [begin, end] : recorder.on_cpu()) {
        fetch.on_cpu.push_back({since_start(begin), since_start(end)});
    }
    fetch.work_ended = now();
}

void way_run::end_fetch(std::size_t index) {
    fetches_[index].finished = now();
    observe_threads();
    if (job_.progress) {
        write_all(progress_fd_, "done\n");
    }
}

way_record way_run::finish(unsigned workers) {
    usage used = used_so_far();
    used.wall = now();
    used.cpu -= used_before_.cpu;
    used.voluntary_switches -= used_before_.voluntary_switches;
    used.involuntary_switches -= used_before_.involuntary_switches;
    used.peak_threads = peak_threads_.load(std::memory_order_relaxed);
    used.peak_memory = peak_resident_bytes();
    return {.how = job_.how, .workers = workers, .used = used, .fetches = std::move(fetches_)};
}

}  // namespace fetch_urls
