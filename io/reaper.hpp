// Waits for the children that nobody waits for any more, so that none stays a zombie.
//
// One for the process, since such a child may outlive its executor. The thread starts with the first of them and ends
// with the last. It sleeps in poll() on their pidfds; where one could not be had (too many open files), it looks every
// second instead.
//
//   REAP1  `runs_` and the list are under `mutex_`. The thread decides under it that there is nothing left; a child
//          that comes later starts the next.
#pragma once

#include <vector>

#include <sys/types.h>
#include <brigade/detail/sync.hpp>

#include <brigade/owned_fd.hpp>

namespace brigade::detail {

class reaper {
public:
    // A child of this process, and its pidfd or none. Any thread. When the system has no thread, or memory, for it, the
    // child stays a zombie until the next one is taken over, and that one takes both.
    void take_over(pid_t child, owned_fd pidfd) noexcept;

private:
    struct orphan {
        pid_t id;
        owned_fd pidfd;
    };

    void run() noexcept;
    void wait(sync::lock& lock);

    sync::mutex mutex_;
    std::vector<orphan> orphans_;
    bool runs_ = false;
    owned_fd wake_;
};

[[nodiscard]] reaper& reaper_of_this_process() noexcept;

}  // namespace brigade::detail
