// Threads as the operating system sees them: which processors they may use, their names, where they are bound.
#pragma once

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

// Names the calling thread. The system keeps 15 bytes: the suffix is kept whole, the name is cut.
void name_this_thread(const std::string& name, const std::string& suffix);

// Throws std::system_error.
void pin_thread(sync::thread& thread, unsigned processor);

}  // namespace brigade::detail
