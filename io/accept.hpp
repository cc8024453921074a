// How a listener takes connections, and goes on when the process or the system has no descriptor left for one.
//
// While there is none, the connections wait in the listener's backlog: an accept waits until a descriptor of this
// executor is closed, at most for a pause that doubles from 10 ms to 250 ms, because others close descriptors as
// well. When after a pause there is still none, it turns away those that wait: the reserve descriptor is closed, a
// connection accepted in its place and closed, and the reserve opened again. Before each one it looks whether there
// is a descriptor again: then the reserve comes first, and the next connection is served. So a peer learns that it is
// not served, and the process neither spins nor stops listening. (Two executors in a shortage may take from each
// other's look the one descriptor that is free, and turn away one connection too many.)
#pragma once

#include <chrono>
#include <expected>
#include <system_error>

#include <sys/socket.h>

#include <brigade/auto_reset_event.hpp>
#include <brigade/detail/descriptor.hpp>
#include <brigade/detail/sync.hpp>
#include <brigade/task.hpp>

namespace brigade::detail {

// One for each reactor.
class descriptor_shortage {
public:
    // Opens the reserve. Throws std::system_error.
    descriptor_shortage();
    ~descriptor_shortage();
    descriptor_shortage(const descriptor_shortage&) = delete;
    descriptor_shortage& operator=(const descriptor_shortage&) = delete;

    // A descriptor has been closed. Any thread.
    void one_is_free() noexcept {
        // A hint: who misses it ends its pause a little later.
        if (waiting_.load(std::memory_order_relaxed) != 0) {
            freed_.set();
        }
    }
    // Waits until one_is_free(), for `limit` at most. Whether it came. operation_canceled when the task is stopped.
    [[nodiscard]] task<std::expected<bool, std::error_code>> wait(std::chrono::milliseconds limit);
    // Accepts and closes what waits at the listener, up to a bound, as long as there is no descriptor. False when there
    // is one again.
    [[nodiscard]] bool turn_away(int listener) noexcept;

private:
    sync::mutex reserve_mutex_;
    int reserve_ = -1;  // under it; -1 when even that could not be opened again
    sync::atomic<unsigned> waiting_{0};
    auto_reset_event freed_;
};

// The next connection at a listening socket. What accept(2) says of a connection that is gone already is passed over.
// `peer`, if given, gets the address that it comes from.
[[nodiscard]] task<std::expected<descriptor, std::error_code>> accept_from(descriptor_ref listener, file_kind kind,
                                                                           sockaddr_storage* peer = nullptr);

}  // namespace brigade::detail
