// The list of what is alive in an executor: spawned tasks and blocking jobs. Shutdown asks it whom to stop and for whom
// to wait.
//
// Entries are spread over shards, each with its own lock. A thread that spawns goes from one to the next, each thread
// from another one on: tasks that others have stolen, or that an outside thread has spawned, are removed by those who
// ran them, and while these lag behind, in shards that it has left, neither side waits for the other's cache line. The
// list is intrusive: joining and leaving allocate nothing.
//   REG1  An entry is in exactly one shard from add() to remove(), and remove() is the last that an executor hears of
//         it. A task adds those that it spawns before it is removed itself, so a moment at which all shards are empty
//         is the end.
//   REG2  Whoever waits in wait_until_empty() for an entry that it saw is notified when that entry leaves: it saw the
//         entry under the shard's lock after setting `draining_`, and remove() reads `draining_` under the same lock.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <brigade/detail/spawn_state.hpp>
#include <brigade/detail/sync.hpp>

namespace brigade::detail {

struct alignas(sync::cache_line) registry_shard {
    task_registry* home = nullptr;
    spawn_state* first = nullptr;
    std::size_t alive = 0;
    std::uint32_t added = 0;
    bool closed = false;
    sync::spinlock lock;  // guards the others, but for `home`
};

class task_registry {
public:
    explicit task_registry(exception_handler on_unhandled);

    // Any thread. When the executor is stopping, the newcomer is asked to stop at once. False, and not added, after
    // close().
    [[nodiscard]] bool add(spawn_state& state);
    // Any thread, once for each add(). The registry may be gone when this returns.
    static void remove(spawn_state& state) noexcept;

    // Asks everything that is alive, and everything added later, to stop. Any thread.
    void request_stop();

    // Whether request_stop() has begun.
    [[nodiscard]] bool stopping() const noexcept {
        return stopping_.load(std::memory_order_acquire);  // pairs: the store in request_stop()
    }

    // Waits until nothing is alive. False when that is not so after `limit`.
    [[nodiscard]] bool wait_until_empty(std::chrono::milliseconds limit);

    void close() noexcept;
    // Ends the tasks that are left with spawn_state::abandon(): nothing of them runs or will be resumed.
    void abandon_tasks() noexcept;

    // One line each: number and callable. At most `most`, then how many more.
    [[nodiscard]] std::vector<std::string> describe(std::size_t most);

    [[nodiscard]] std::shared_ptr<const exception_handler> handler() const { return handler_; }

private:
    void tell_of_departure() noexcept;
    [[nodiscard]] bool empty();

    std::array<registry_shard, sync::sizes.registry_shards> shards_;
    sync::atomic<bool> stopping_{false};
    sync::atomic<bool> draining_{false};
    sync::mutex drained_mutex_;
    sync::condition_variable drained_;
    std::uint64_t departures_ = 0;  // under drained_mutex_
    std::shared_ptr<const exception_handler> handler_;
};

}  // namespace brigade::detail
