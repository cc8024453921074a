// The poller's seat: which thread waits for events. One at a time, and mostly a worker.
//
// A worker without work takes the seat, if it is free, and sleeps in the event source instead of on its futex: the task
// that an event wakes then runs on the thread that found it, with no other thread to wake. It leaves the seat before it
// runs anything. The source's own thread, the watcher, takes the seat when workers do not come to it for a while: they
// all compute, and a worker that goes to sleep elsewhere is to hear of events.
//
//                  +------------------ leave -----------------+
//                  v                                          |
//   watcher ---> nobody ----- a worker that goes to sleep --> worker
//      ^           |                                          (the watcher looks once a period, and sleeps for good
//      |           | nobody came for a whole period            when one sitting outlasts a whole period)
//      +-----------+
//   leaves when it has delivered something and a worker has asked for the seat meanwhile
//
//   SEAT1  At most one thread holds the seat, and only that one waits in the source, delivers and expires timers. What
//          it leaves there reaches the next one: leaving releases, taking acquires.
//   SEAT2  While nobody holds the seat the watcher is awake: it sleeps for good only while a worker holds the seat, and
//          that worker's leaving is one read-modify-write that takes the mark and tells it. So events wait for at most
//          two periods when no worker comes, and an idle process makes no system calls: somebody sleeps in the seat,
//          and nobody else wakes.
//   SEAT3  A worker in the seat is a sleeper that can be picked (idle.hpp). Its parker says so, and who unparks it
//          interrupts the source. It has left the sleepers before it delivers, and delivers before it leaves the seat.
//
// All of it stands in one word: who holds the seat, whether a worker wants it back from the watcher, whether the
// watcher sleeps for good, the end, and the number of sittings, by which the watcher sees that somebody came.
//
// The watcher keeps the seat while workers compute without a break: it then costs one hand-over for each batch of
// events, and the workers nothing. Rejected: to keep the watcher in epoll_wait beside the worker, as a spare: two
// threads wake for one event. Rejected: to wake another worker for the seat whenever one leaves it (Go): a wake-up for
// each batch, which costs more than most requests.
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
    void leave() noexcept;

    // The watcher: holds the seat from the beginning, and returns after close().
    void watch(event_source& source) noexcept;
    // When no worker comes any more. Any thread.
    void close(event_source& source) noexcept;

private:
    static constexpr std::uint32_t nobody = 0;
    static constexpr std::uint32_t worker = 1;
    static constexpr std::uint32_t watcher = 2;
    static constexpr std::uint32_t holder = 3;   // the bits of the three above
    static constexpr std::uint32_t wanted = 4;   // only while the watcher holds it
    static constexpr std::uint32_t asleep = 8;   // the watcher; only while a worker holds it
    static constexpr std::uint32_t closed = 16;  // stays
    static constexpr std::uint32_t one_sitting = 32;

    void poll(event_source& source) noexcept;
    void sleep_while_taken(std::uint32_t seen) noexcept;

    sync::atomic<std::uint32_t> word_{watcher};
};

}  // namespace brigade::detail
