// The reactor: one epoll instance, and the timers. It turns readiness and deadlines into tasks that the workers can
// run. Who waits in it, a worker or the thread of its own, is the matter of executor/poller_seat.hpp; "the poller" is
// who does at the moment.
//
// The poller sleeps until the earliest deadline. Whoever sets an earlier timer wakes it through an eventfd, and so does
// who interrupts it. That one is edge-triggered like everything else here, and each write is an edge, so it need not be
// read, and one that comes between two polls ends the next.
//
// Timers. All of this under `timers_mutex_`:
//   TIM1  A timer is in the heap from set() until exactly one of expiry and cancel() takes it out.
//   TIM2  While the poller sleeps, `wakes_at_` is not later than any deadline in the heap, and it wakes then or sooner;
//         while none sleeps it is `awake`, and the next one looks at the heap before it sleeps (SEAT2: there is one).
//   TIM3  `expiring_` is the timer whose function runs. cancel_and_wait() returns only when that is another, so the
//         timer's memory may go.
// A timer expires at its deadline or later: the time to sleep is rounded up to the clock's tick, which is also epoll's.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <system_error>

#include <sys/epoll.h>

#include <brigade/detail/sync.hpp>
#include <brigade/detail/timer.hpp>
#include <brigade/executor.hpp>

#include "executor/executor_parts.hpp"
#include "io/registration_table.hpp"
#include "io/timer_heap.hpp"

namespace brigade::detail {

class reactor final : public event_source {
public:
    // The executor's reactor; started when it is first asked for. Throws std::system_error when the system refuses.
    [[nodiscard]] static reactor& of(executor& e);

    explicit reactor(executor& home);
    void end(bool leaves_some) noexcept override;
    [[nodiscard]] bool wait(std::chrono::nanoseconds limit) noexcept override;
    [[nodiscard]] bool deliver() noexcept override;
    void interrupt() noexcept override;
    // Terminates, with a report, when a socket is still open, unless its holder was left behind: it would point here.
    ~reactor() override;
    reactor(const reactor&) = delete;
    reactor& operator=(const reactor&) = delete;

    // Takes over a non-blocking fd. Any thread.
    [[nodiscard]] socket_ref open(int fd);
    // By a registration whose fd is closed.
    void give_back(registration& slot) noexcept { table_.give_back(slot); }
    // Puts the fd into epoll. The error is epoll_ctl's.
    [[nodiscard]] std::error_code arm(const registration& r) noexcept;
    void disarm(int fd) noexcept;

    // Sets `t`. Returns false, and does not, when `stop` has been requested. Any thread.
    [[nodiscard]] bool set(timer& t, sync::clock::time_point deadline, const stop_source* stop);
    // Whether the timer was taken before it expired. If not, its function may be running. Any thread.
    bool cancel(timer& t) noexcept;
    // As cancel(), and when it returns the function neither runs nor will. Not from the function itself.
    void cancel_and_wait(timer& t) noexcept;

private:
    static constexpr sync::clock::time_point awake = sync::clock::time_point::min();
    static constexpr std::uint64_t wake_key = ~std::uint64_t{0};

    [[nodiscard]] std::chrono::nanoseconds time_to_sleep(std::chrono::nanoseconds limit) noexcept;
    [[nodiscard]] bool end_of_sleep() noexcept;
    [[nodiscard]] bool expire_timers() noexcept;
    void close_descriptors() noexcept;

    int epoll_ = -1;
    int wake_fd_ = -1;
    registration_table table_;
    bool leaves_some_ = false;

    // The poller's (SEAT1).
    std::array<epoll_event, 256> events_;
    std::size_t event_count_ = 0;

    sync::mutex timers_mutex_;
    timer_heap timers_;
    sync::clock::time_point wakes_at_ = awake;
    const timer* expiring_ = nullptr;

    sync::thread thread_;
};

}  // namespace brigade::detail
