// What the tasks of a server share: its listener and handler, its connections, and how many there are.
//
// Tasks: one accepts, one looks after the connections (only if there are limits), and one for each connection runs the
// handler. Each holds the core, as does the server until the end of drain(); so the last one to end destroys listener
// and handler, and tells drain() so.
//
//   SRV1  A connection stands in the list of its shard from its admission until its handler has ended and its socket is
//         closed; and counts in `tally_->open`, and for its address, as long.
//   SRV2  `tally_->open` is raised by the accepting task alone, and only while it is below the limit. Who lowers it
//         sets `room_` then; the permit stays when nobody waits, and is no promise: who takes it looks again.
//   SRV3  Who raises it from none sets `first_`. The looking task waits for that when it has seen none.
//   SRV4  A drain marks the connections that stand in a list, under its lock, when `draining_` is set. Who enters a
//         list looks at `draining_` under the same lock. So all are marked.
//
// The list is cut into shards so that a look, which takes tens of nanoseconds for each connection, holds up those that
// come and go only for one shard's length.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

#include <brigade/auto_reset_event.hpp>
#include <brigade/detail/served.hpp>
#include <brigade/detail/sync.hpp>
#include <brigade/server.hpp>
#include <brigade/stop.hpp>
#include <brigade/task.hpp>

#include "io/supervision.hpp"

namespace brigade::detail {

// Stays after the core.
struct server_tally {
    sync::atomic<std::uint64_t> accepted{0};
    sync::atomic<std::uint64_t> open{0};
    sync::atomic<std::uint64_t> refused_for_address{0};
    sync::atomic<std::uint64_t> timed_out{0};
    auto_reset_event core_is_gone;
};

class server_core : public std::enable_shared_from_this<server_core> {
public:
    // Throws std::invalid_argument.
    server_core(std::unique_ptr<service> what, const server_options& options, std::shared_ptr<server_tally> tally);
    server_core(const server_core&) = delete;
    server_core& operator=(const server_core&) = delete;

    [[nodiscard]] static task<> accept_all(std::shared_ptr<server_core> core);
    [[nodiscard]] static task<> look_after_all(std::shared_ptr<server_core> core);
    [[nodiscard]] bool has_limits() const noexcept { return limits_.pause.has_value(); }

    // Closes the listener.
    void stop_accepting() noexcept;
    // SRV4, and ends what waits for another message.
    void tell_idle() noexcept;
    // Waits until no connection is open.
    [[nodiscard]] task<> all_have_ended();
    [[nodiscard]] bool draining() const noexcept { return draining_.load(std::memory_order_relaxed); }
    // Asks all connections to stop, also those that come later.
    [[nodiscard]] stop_source& hard_stop() noexcept { return hard_stop_; }

    // For admission: the handler has ended.
    void remove(supervised& connection) noexcept;

private:
    struct alignas(sync::cache_line) shard {
        sync::mutex mutex;
        supervised* first = nullptr;  // under it
    };

    [[nodiscard]] std::uint64_t open() const noexcept { return tally_->open.load(std::memory_order_relaxed); }
    [[nodiscard]] static task<> accept_until_closed(server_core& core);
    void take(descriptor socket, const sockaddr_storage& peer);
    [[nodiscard]] bool enter(const std::optional<peer_address>& from);
    void leave(const std::optional<peer_address>& from) noexcept;
    [[nodiscard]] admission admit(const descriptor& socket, const std::optional<peer_address>& from);
    [[nodiscard]] shard& shard_of(const supervised& connection) noexcept;
    bool look_after(shard& s) noexcept;

    const std::shared_ptr<server_tally> tally_;
    const std::unique_ptr<service> service_;
    const supervision_limits limits_;
    const std::size_t most_;
    const std::size_t most_of_address_;
    stop_source hard_stop_;
    auto_reset_event room_;
    auto_reset_event first_;
    auto_reset_event none_;
    sync::atomic<bool> closed_{false};
    sync::atomic<bool> draining_{false};
    std::array<shard, 16> shards_;

    sync::mutex addresses_mutex_;
    // Under it. A tree: nobody can choose addresses that make it slow.
    std::map<peer_address, std::size_t> addresses_;
};

}  // namespace brigade::detail
