// Threads as the operating system sees them: which processors they may use, their names and signals, where they are
// bound.
#pragma once

#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <brigade/detail/sync.hpp>

namespace brigade::detail {

// The processors in the calling thread's affinity mask, ascending. Throws std::system_error.
[[nodiscard]] std::vector<unsigned> allowed_processors();

// How many processors' worth of time the cgroups of this process may use, rounded up; nothing when unlimited. Reads
// `proc_self_cgroup` (the format of /proc/self/cgroup) and the hierarchies below `cgroup_root`, version 2 or 1. The
// tightest limit on the way to the root counts.
[[nodiscard]] std::optional<unsigned> cgroup_processor_quota(
    const std::filesystem::path& proc_self_cgroup = "/proc/self/cgroup",
    const std::filesystem::path& cgroup_root = "/sys/fs/cgroup");

// For each thread of the runtime, when it begins: names it, and blocks SIGPIPE there, so that a write to a peer that is
// gone is an error like any other. The system keeps 15 bytes of a name: the suffix is kept whole, the rest is cut.
void prepare_this_thread(const std::string& name, const std::string& suffix);

// While it lives, the calling thread gets no signals, nor do the threads that it starts, for good: those are to take
// none of what the program's own threads are to get.
class all_signals_blocked {
public:
    all_signals_blocked() noexcept;
    ~all_signals_blocked();
    all_signals_blocked(const all_signals_blocked&) = delete;
    all_signals_blocked& operator=(const all_signals_blocked&) = delete;

private:
    sigset_t before_;
};

// Throws std::system_error.
void pin_thread(sync::thread& thread, unsigned processor);

}  // namespace brigade::detail
