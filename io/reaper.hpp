// Waits for the children that nobody waits for any more, so that none stays a zombie.
//
// One for the process, since such a child may outlive its executor. The thread starts with the first of them and ends
// with the last. It sleeps in poll() on their pidfds; where one could not be had (too many open files), it looks every
// second instead.
//
//   REAP1  `runs_` and the list are under `mutex_`. The thread decides under it that there is nothing left; a child
//          that comes later starts the next.
//   REAP2  No child is lost for want of memory: its place in the list is made before the child is, and where poll() has
//          no memory, or may not watch so many, the thread looks every second as well.
#pragma once

#include <list>

#include <sys/types.h>
#include <brigade/detail/sync.hpp>

#include <brigade/owned_fd.hpp>

namespace brigade::detail {

struct orphan {
    pid_t id = 0;
    owned_fd pidfd;  // or none
};

// A list of one. With the first one, the reaper itself is made. REAP2.
using orphan_place = std::list<orphan>;
[[nodiscard]] orphan_place make_orphan_place();

class reaper {
public:
    // A child of this process, and its pidfd or none. Any thread. When the system has no thread for it, the child stays
    // a zombie until the next one is taken over, and that one takes both.
    void take_over(orphan_place place, pid_t child, owned_fd pidfd) noexcept;

private:
    void run() noexcept;
    void wait(sync::lock& lock) noexcept;

    sync::mutex mutex_;
    std::list<orphan> orphans_;
    bool runs_ = false;
    owned_fd wake_;
};

// Throws std::bad_alloc, but not when there is a place already.
[[nodiscard]] reaper& reaper_of_this_process();

}  // namespace brigade::detail
