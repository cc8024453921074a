#include "io/reaper.hpp"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <exception>
#include <new>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "executor/threads.hpp"
#include "io/system_call.hpp"

namespace brigade::detail {

namespace {

constexpr int look_again_after = 1000;  // milliseconds

// Whether it has ended and is reaped, or was by others.
bool reaped(pid_t id, int pidfd) noexcept {
    siginfo_t info{};
    const int outcome = pidfd != -1 ? ::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG)
                                    : ::waitid(P_PID, static_cast<id_t>(id), &info, WEXITED | WNOHANG);
    return outcome == -1 ? errno == ECHILD : info.si_pid != 0;
}

}  // namespace

reaper& reaper_of_this_process() {
    return sync::process_wide<reaper>();
}

orphan_place make_orphan_place() {
    static_cast<void>(reaper_of_this_process());
    return orphan_place(1);
}

void reaper::take_over(orphan_place place, pid_t child, owned_fd pidfd) noexcept {
    if (reaped(child, pidfd.get())) {
        return;
    }
    place.front() = {.id = child, .pidfd = std::move(pidfd)};
    const sync::lock lock(mutex_);
    orphans_.splice(orphans_.end(), place);  // REAP2
    if (runs_) {
        const std::uint64_t one = 1;
        // Without an eventfd it looks soon by itself; with one, only a full counter fails, which wakes as well.
        [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof(one));
        return;
    }
    wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    const all_signals_blocked for_the_thread;
    try {
        sync::thread([this] { run(); }).detach();
        runs_ = true;
    } catch (const std::exception&) {
        wake_.reset();  // the next one tries again; see take_over() in the header
    }
}

void reaper::run() noexcept {
    prepare_this_thread("brigade", "-reaper");
    sync::lock lock(mutex_);
    while (std::erase_if(orphans_, [](const orphan& o) { return reaped(o.id, o.pidfd.get()); }), !orphans_.empty()) {
        wait(lock);
    }
    wake_.reset();
    runs_ = false;
}

void reaper::wait(sync::lock& lock) noexcept {
    std::vector<pollfd> watched;
    int limit = -1;
    const auto watch = [&watched, &limit](int fd) {
        if (fd != -1) {
            watched.push_back({.fd = fd, .events = POLLIN, .revents = 0});
        } else {
            limit = look_again_after;
        }
    };
    try {
        watched.reserve(1 + orphans_.size());
        watch(wake_.get());
        for (const orphan& o : orphans_) {
            watch(o.pidfd.get());
        }
    } catch (const std::bad_alloc&) {
        limit = look_again_after;  // it watches nothing. REAP2.
    }
    lock.unlock();
    if (::poll(watched.data(), watched.size(), limit) == -1 && errno != EINTR) {
        ::poll(nullptr, 0, look_again_after);  // no memory, or more than RLIMIT_NOFILE. REAP2.
    }
    lock.lock();
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t drained = ::read(wake_.get(), &count, sizeof(count));  // EAGAIN: nobody wrote
}

}  // namespace brigade::detail
