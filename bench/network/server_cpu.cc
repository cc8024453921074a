#include "bench/network/server_cpu.hpp"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/network/checked.hpp"

namespace network {

namespace {

constexpr std::uint64_t sample_period = 50'000;  // ns
// Holds more records of 8 bytes than a thread can fill in five seconds.
constexpr std::size_t ring_size = 1U << 20U;

std::filesystem::path proc(pid_t process) {
    return std::filesystem::path("/proc") / std::to_string(process);
}

std::size_t page_size() {
    return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

double cpu_seconds(const std::vector<pid_t>& processes) {
    double seconds = 0;
    for (const pid_t process : processes) {
        clockid_t clock{};
        if (const int error = ::clock_getcpuclockid(process, &clock); error != 0) {
            throw std::system_error(error, std::system_category(), "clock_getcpuclockid");
        }
        timespec time{};
        checked(::clock_gettime(clock, &time), "clock_gettime");
        seconds += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
    }
    return seconds;
}

std::size_t resident_memory(const std::vector<pid_t>& processes) {
    constexpr std::string_view field = "Rss:";
    std::size_t bytes = 0;
    for (const pid_t process : processes) {
        // Exact, unlike statm and status.
        std::ifstream rollup(proc(process) / "smaps_rollup");
        for (std::string line; std::getline(rollup, line);) {
            if (line.starts_with(field)) {
                bytes += std::stoul(line.substr(field.size())) * 1024;
            }
        }
    }
    return bytes;
}

std::size_t open_files(const std::vector<pid_t>& processes) {
    std::size_t count = 0;
    for (const pid_t process : processes) {
        for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(proc(process) / "fd")) {
            ++count;
        }
    }
    return count;
}

sampler::sampler(const std::vector<pid_t>& processes) {
    perf_event_attr attributes{};
    attributes.size = sizeof(attributes);
    attributes.type = PERF_TYPE_SOFTWARE;
    attributes.config = PERF_COUNT_SW_CPU_CLOCK;
    attributes.sample_period = sample_period;
    attributes.watermark = 1;  // nobody waits for the ring to fill
    attributes.wakeup_watermark = ring_size;
    try {
        for (const pid_t process : processes) {
            for (const auto& thread : std::filesystem::directory_iterator(proc(process) / "task")) {
                const pid_t id = std::stoi(thread.path().filename());
                const auto fd =
                    static_cast<int>(::syscall(SYS_perf_event_open, &attributes, id, -1, -1, PERF_FLAG_FD_CLOEXEC));
                if (fd == -1) {
                    throw sampling_refused(errno, std::system_category(), "perf_event_open");
                }
                void* const ring = ::mmap(nullptr, page_size() + ring_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
                if (ring == MAP_FAILED) {
                    const int error = errno;
                    ::close(fd);
                    throw sampling_refused(error, std::system_category(), "mmap of a perf event");
                }
                events_.push_back({fd, ring});
            }
        }
    } catch (...) {
        close();
        throw;
    }
}

sampler::~sampler() {
    close();
}

void sampler::close() noexcept {
    for (const event& e : events_) {
        ::munmap(e.ring, page_size() + ring_size);
        ::close(e.fd);
    }
    events_.clear();
}

sampler::samples sampler::take() {
    samples result;
    for (const event& e : events_) {
        checked(::ioctl(e.fd, PERF_EVENT_IOC_DISABLE, 0), "ioctl of a perf event");
        auto* const page = static_cast<perf_event_mmap_page*>(e.ring);
        const auto* const records = static_cast<const char*>(e.ring) + page_size();
        const std::uint64_t end = std::atomic_ref(page->data_head).load(std::memory_order_acquire);
        for (std::uint64_t at = page->data_tail; at < end;) {
            const auto* const record = reinterpret_cast<const perf_event_header*>(records + at % ring_size);
            if (record->type == PERF_RECORD_SAMPLE) {
                ++result.all;
                result.user += (record->misc & PERF_RECORD_MISC_CPUMODE_MASK) == PERF_RECORD_MISC_USER ? 1U : 0U;
            }
            at += record->size;
        }
    }
    close();
    return result;
}

}  // namespace network
