// What is known of a child process, shared by its `child` object and an operation that waits for it.
#pragma once

#include <brigade/detail/sync.hpp>
#include <brigade/process.hpp>

#include "io/reaper.hpp"

namespace brigade::detail {

struct child_state {
    pid_t id = 0;
    bool kill_on_drop = true;
    orphan_place place;  // for drop()
    // How it has ended, once it is reaped: written by the operation that waits, of which there is one at a time.
    exit_status status = exit_status::exited(0);
    sync::atomic<bool> reaped{false};
};

// The two system calls that glibc has wrappers for only from 2.36 on.
[[nodiscard]] int open_pidfd(pid_t id) noexcept;
int send_signal(int pidfd, int signal) noexcept;

}  // namespace brigade::detail
