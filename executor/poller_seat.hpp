// The poller's seat: which thread waits for events. One at a time, and mostly a worker.
//
// A worker without work takes the seat, if it is free, and sleeps in the event source instead of on its futex: the task
// that an event wakes then runs on the thread that found it, with no other thread to wake. It leaves the seat before it
// runs anything. The source's own thread, the watchdog, has the seat at first, and takes it when no worker has come for
// a while: they all compute, or went to sleep elsewhere before it became free.
//
//                  +------------------ leave -----------------+
//                  v                                          |
//   watchdog ---> nobody ----- a worker that goes to sleep --> worker
//      ^            |                                          (the watchdog looks once a period, and sleeps for good
//      |            | nobody came for a whole period            when one sitting outlasts a whole period)
//      +------------+
//   leaves when it has woken a task and a worker has asked for the seat before
//
//   SEAT1  At most one thread holds the seat, and only that one waits in the source, delivers and expires timers. What
//          it leaves there reaches the next one: leaving releases, taking acquires.
//   SEAT2  While nobody holds the seat the watchdog is awake: it sleeps for good only while a worker holds the seat,
//          and that worker's leaving is one read-modify-write that takes the mark and tells it. So events wait for at
//          most two periods of a millisecond when no worker polls, and an idle process makes no system calls: somebody
//          sleeps in the seat, and nobody else wakes. Where workers poll more than four times in a period the watchdog
//          looks away for up to four, as to wake up takes it 20 microseconds here; then events may wait eight, once.
//   SEAT3  A worker that rests in the seat is a sleeper that can be picked (idle.hpp). Its parker says so, and who
//          unparks it interrupts the source. It has left the sleepers before it delivers, and delivers before it leaves
//          the seat; if it has been picked, the token may come after that.
//   SEAT4  The watchdog leaves the seat to workers that need it: one has asked for it, and a task has been woken, after
//          which a worker comes. A worker that finds the watchdog there asks for the seat and sleeps elsewhere. The
//          watchdog takes that mark before it wakes anybody, and stays when it is set again: it would not be noticed.
//          While the woken task runs, the seat is not to stand empty: the worker that found it wakes another for the
//          seat, when it ends its search and sees the seat free, or about to be (worker::stop_searching()).
//   SEAT5  A worker that glances (WRK7) has the seat for a moment without being a sleeper, and nobody needs to pick it.
//          Who goes to sleep just then sleeps elsewhere, and if the other then computes for long the seat stands empty
//          until the watchdog looks.
//
// All of it stands in one word: who holds the seat, whether a worker wants it back from the watchdog, whether the
// watchdog is about to leave it, or sleeps for good, the end, and the number of times that somebody has left after a
// poll, by which the watchdog sees that it is not needed.
//
// Who leaves the seat for a task that takes long keeps the others' events waiting, so workers measure how long they
// stay away for one task (worker.hpp, WRK4): when that is long they wake another worker for the seat. Workers that
// never come to rest sit down in passing (WRK7). While each of them computes for long without a break the watchdog
// keeps the seat: that costs one hand-over for each batch of events, and the workers nothing.
//
// Rejected: to leave it to the watchdog whenever nobody rests. With 50 us of work for each message on 64 connections,
// one worker and one processor, it woke up for each message, which then took 70.6 us of processor time; now 59.7.
// Rejected: to wake another worker for the seat each time (Go). An echo then costs two hand-overs: for short tasks the
// wake-up takes longer than they do. Rejected: to keep the watchdog in epoll_wait beside the worker, as a spare: two
// threads wake for one event.
#pragma once

#include <atomic>
#include <cstdint>

#include <brigade/detail/sync.hpp>

namespace brigade::detail {

class event_source;

class poller_seat {
public:
    // Workers.

    // False when somebody else holds it.
    [[nodiscard]] bool try_take() noexcept;
    // Whether somebody should come: nobody holds it, or the watchdog is about to leave.
    [[nodiscard]] bool is_free() const noexcept;
    // `has_polled`: it has waited in the source.
    void leave(bool has_polled) noexcept;

    // The watchdog: holds the seat from the beginning, and returns after close().
    void watch(event_source& source) noexcept;
    // When no worker comes any more. Any thread.
    void close(event_source& source) noexcept;

private:
    static constexpr std::uint32_t nobody = 0;
    static constexpr std::uint32_t worker = 1;
    static constexpr std::uint32_t watchdog = 2;
    static constexpr std::uint32_t holder = 3;    // the bits of the three above
    static constexpr std::uint32_t wanted = 4;    // only while the watchdog holds it
    static constexpr std::uint32_t asleep = 8;    // the watchdog; only while a worker holds it
    static constexpr std::uint32_t handing = 16;  // the watchdog wakes tasks and will leave then
    static constexpr std::uint32_t closed = 32;   // stays
    static constexpr std::uint32_t one_sitting = 64;
    static constexpr unsigned most_periods = 4;

    void poll(event_source& source) noexcept;
    void sleep_while_taken(std::uint32_t seen) noexcept;

    sync::atomic<std::uint32_t> word_{watchdog};
};

}  // namespace brigade::detail
