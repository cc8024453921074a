// Faults in front of the system calls that the library makes: what a kernel may do at any time, but seldom does.
//
// A program that links this calls it in place of read(), write() and their like (--wrap, in BUILD). It passes them on,
// but for one in so many on sockets and pipes that do not block; what blocks belongs to the peers that the tests play.
// Not by strace, which can only give back a number that is not true of what was done; and under every sanitizer.
//
//   interrupted       EINTR, and nothing is done; from epoll and poll as well.
//   would_block       EAGAIN although there is something. The kernel promises an edge after an EAGAIN, so the
//                     descriptor's entry in epoll is modified to what it is: that gives one.
//   short_transfers   A write of fewer bytes or datagrams than were asked for, and on Unix streams a read of fewer. Not
//                     a read from TCP or a pipe: there a short one says that nothing is left (epoll(7)). Not a
//                     datagram, and not a write that pipe(7) calls atomic.
//   old_system        epoll_pwait2 is not there: EPERM, as under the filters of old containers. Each call.
//   resets            The connection is ended at once, with a reset where the protocol has one, and ECONNRESET.
#pragma once

#include <cstdint>

namespace fault {

struct kinds {
    bool interrupted = false;
    bool would_block = false;
    bool short_transfers = false;
    bool resets = false;
    bool old_system = false;
    unsigned one_in = 8;  // calls, for each kind
};

// From now on; nothing at first. Any thread. Which calls it hits depends on the run's number in `--runs_per_test`, and
// on how threads interleave.
void inject(const kinds& which) noexcept;

// How many there have been.
[[nodiscard]] std::uint64_t injected() noexcept;

}  // namespace fault
