// The reactor: one epoll instance, and the timers. It turns readiness and deadlines into tasks that the workers can
// run. Who waits in it, a worker or the thread of its own, is the matter of executor/poller_seat.hpp; "the poller" is
// who does at the moment.
//
// The poller sleeps until the earliest deadline (io/timers.hpp). Who interrupts it writes to an eventfd. That one is
// edge-triggered like everything else here, and each write is an edge, so it need not be read, and one that comes
// between two polls ends the next.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <system_error>

#include <sys/epoll.h>

#include <brigade/detail/sync.hpp>
#include <brigade/executor.hpp>

#include "executor/executor_parts.hpp"
#include "io/accept.hpp"
#include "io/registration_table.hpp"
#include "io/timers.hpp"

namespace brigade::detail {

class reactor final : public event_source, public registration_home {
public:
    // The executor's reactor; started when it is first asked for. Throws std::system_error when the system refuses.
    [[nodiscard]] static reactor& of(executor& e);

    explicit reactor(executor& home);
    void end(bool leaves_some) noexcept override;
    [[nodiscard]] bool wait(std::chrono::nanoseconds limit) noexcept override;
    [[nodiscard]] bool deliver() noexcept override;
    void interrupt() noexcept override;
    [[nodiscard]] sync::clock::time_point earliest_deadline() noexcept override { return timers_.earliest(); }
    void expire_timers(sync::clock::time_point now) noexcept override { timers_.expire_by(now); }
    // Terminates, with a report, when a socket is still open, unless its holder was left behind: it would point here.
    ~reactor() override;
    reactor(const reactor&) = delete;
    reactor& operator=(const reactor&) = delete;

    // Takes over a non-blocking fd. Any thread.
    [[nodiscard]] descriptor_ref open(int fd, file_kind kind = file_kind::other, sharing who = sharing::none);
    // What accepts do when there is no descriptor left.
    [[nodiscard]] descriptor_shortage& shortage() noexcept { return shortage_; }

    [[nodiscard]] detail::timers& timers() noexcept { return timers_; }

private:
    // registration_home
    [[nodiscard]] std::error_code arm(const registration& r) noexcept override;
    void disarm(int fd) noexcept override;
    void give_back(registration& slot) noexcept override;

    static constexpr std::uint64_t wake_key = ~std::uint64_t{0};

    [[nodiscard]] registration& registration_of(const epoll_event& event) const noexcept;
    void close_descriptors() noexcept;

    int epoll_ = -1;
    int wake_fd_ = -1;
    registration_table table_;
    descriptor_shortage shortage_;
    bool leaves_some_ = false;

    // The poller's (SEAT1). Few enough that a worker which runs all the tasks of a batch is back within the watchdog's
    // period, and enough that the call costs little.
    std::array<epoll_event, 64> events_;
    std::size_t event_count_ = 0;

    detail::timers timers_;

    sync::thread thread_;
};

}  // namespace brigade::detail
