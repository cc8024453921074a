#include "executor/threads.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <fstream>
#include <memory>
#include <sstream>
#include <system_error>

#include <pthread.h>
#include <sched.h>

#include <brigade/executor.hpp>

namespace brigade {

unsigned default_worker_count() {
    const auto allowed = static_cast<unsigned>(detail::allowed_processors().size());
    const unsigned quota = detail::cgroup_processor_quota().value_or(allowed);
    return std::max(1U, std::min(allowed, quota));
}

namespace detail {

namespace {

struct cpu_set_deleter {
    void operator()(cpu_set_t* set) const noexcept { CPU_FREE(set); }
};
using cpu_set = std::unique_ptr<cpu_set_t, cpu_set_deleter>;

// Processors allowed by one cgroup folder, or nothing.
std::optional<double> quota_in(const std::filesystem::path& folder) {
    double quota = 0;
    double period = 0;
    if (std::ifstream file(folder / "cpu.max"); file) {  // version 2: "max 100000" or "150000 100000"
        if (file >> quota >> period && quota > 0 && period > 0) {
            return quota / period;
        }
        return std::nullopt;
    }
    std::ifstream quota_file(folder / "cpu.cfs_quota_us");  // version 1: -1 means unlimited
    std::ifstream period_file(folder / "cpu.cfs_period_us");
    if (quota_file >> quota && period_file >> period && quota > 0 && period > 0) {
        return quota / period;
    }
    return std::nullopt;
}

bool lists_cpu(const std::string& controllers) {
    std::istringstream list(controllers);
    for (std::string name; std::getline(list, name, ',');) {
        if (name == "cpu") {
            return true;
        }
    }
    return false;
}

}  // namespace

std::vector<unsigned> allowed_processors() {
    // The kernel says EINVAL until the set is large enough for its own.
    for (int processors = 1024; processors <= 1 << 20; processors *= 2) {
        const cpu_set set(CPU_ALLOC(static_cast<std::size_t>(processors)));
        const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(processors));
        if (::sched_getaffinity(0, bytes, set.get()) == 0) {
            std::vector<unsigned> allowed;
            for (unsigned p = 0; p < static_cast<unsigned>(processors); ++p) {
                if (CPU_ISSET_S(p, bytes, set.get())) {
                    allowed.push_back(p);
                }
            }
            return allowed;
        }
        if (errno != EINVAL) {
            break;
        }
    }
    throw std::system_error(errno, std::generic_category(), "brigade: sched_getaffinity");
}

std::optional<unsigned> cgroup_processor_quota(const std::filesystem::path& proc_self_cgroup,
                                               const std::filesystem::path& cgroup_root) {
    std::optional<double> tightest;
    std::ifstream lines(proc_self_cgroup);
    // "0::/path" is version 2, "4:cpu,cpuacct:/path" version 1.
    for (std::string line; std::getline(lines, line);) {
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) {
            continue;
        }
        const std::string controllers = line.substr(first + 1, second - first - 1);
        if (!controllers.empty() && !lists_cpu(controllers)) {
            continue;
        }
        const std::filesystem::path top = controllers.empty() ? cgroup_root : cgroup_root / controllers;
        // Inside a container the path may name folders that are not mounted; those say nothing, their parents may.
        std::filesystem::path below = std::filesystem::path(line.substr(second + 1)).relative_path();
        for (;;) {
            if (const std::optional<double> quota = quota_in(top / below)) {
                tightest = std::min(tightest.value_or(*quota), *quota);
            }
            if (below.empty()) {
                break;
            }
            below = below.parent_path();
        }
    }
    if (!tightest) {
        return std::nullopt;
    }
    return static_cast<unsigned>(std::ceil(*tightest));
}

void prepare_this_thread(const std::string& name, const std::string& suffix) {
    constexpr std::size_t most = 15;
    const std::string shown = name.substr(0, most - std::min(most, suffix.size())) + suffix;
    // A thread names itself without the help of /proc; then only the length can be wrong.
    [[maybe_unused]] const int naming = ::pthread_setname_np(::pthread_self(), shown.substr(0, most).c_str());
    assert(naming == 0);
    sigset_t pipe;
    ::sigemptyset(&pipe);
    ::sigaddset(&pipe, SIGPIPE);
    [[maybe_unused]] const int blocking = ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    assert(blocking == 0);  // fails only on a wrong first argument
}

all_signals_blocked::all_signals_blocked() noexcept {
    sigset_t all;
    ::sigfillset(&all);
    [[maybe_unused]] const int blocking = ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    assert(blocking == 0);  // as above
}

all_signals_blocked::~all_signals_blocked() {
    [[maybe_unused]] const int restoring = ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    assert(restoring == 0);  // as above
}

void pin_thread(sync::thread& thread, unsigned processor) {
    const cpu_set set(CPU_ALLOC(processor + 1));
    const std::size_t bytes = CPU_ALLOC_SIZE(processor + 1);
    CPU_ZERO_S(bytes, set.get());
    CPU_SET_S(processor, bytes, set.get());
    if (const int error = ::pthread_setaffinity_np(thread.native_handle(), bytes, set.get()); error != 0) {
        throw std::system_error(error, std::generic_category(),
                                "brigade: pinning a worker to processor " + std::to_string(processor));
    }
}

}  // namespace detail
}  // namespace brigade
