// What stands behind a join_handle: the result, who waits for it, and the entry in the executor's list of live tasks.
// For a spawned task it is part of what the task hands over to at its end (spawned_task.hpp), for a blocking job it is
// the job.
//
// Protocol of `waiter_`, between the one task that awaits, the finisher, and a stop of the awaiting task:
//
//   nobody ---- await ----> waiting ---- finish ----> waking --> finished   (the finisher wakes: JOIN1)
//   nobody ---- finish ---> waking ----> finished                           (the await does not suspend)
//   waiting --- stop -----> nobody                               (the stop wakes)
//   nobody ---- stop -----> stopped ---- await -----> nobody     (stopped before it suspended: the await does not)
//   nobody ---- finish ---> nobody                               (there is no handle)
//
//   JOIN1  Exactly one of finish and stop takes a waiter out of the word, and only that one wakes it.
//          While it says `waking`, the finisher may still touch the waiter and the scheduler that it wakes; for all who
//          ask whether there is a result, waking is finished. A waiter that cannot go before it is woken (a thread, and
//          a task on the scheduler of the worker that finishes: END1) is woken when the word says `finished` already.
//   JOIN2  Once the awaiter has put itself into the word it is not touched by the await again.
//   JOIN3  The state lives as long as the handle, the running side, or a waiter that has been taken out of the word:
//          `references_` counts them. As long as a waiter is in the word, the running side is there. The finisher that
//          takes it out gives its own reference to it; a stop makes one for it.
//   JOIN4  An exception that is still there when the last reference goes is given to the unhandled-exception handler;
//          but not the operation_cancelled of a task that was asked to stop: that is how it should end.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <utility>

#include <brigade/detail/result.hpp>
#include <brigade/detail/sync.hpp>
#include <brigade/detail/waiter.hpp>
#include <brigade/stop.hpp>

namespace brigade::detail {

class task_registry;
struct registry_shard;

using exception_handler = std::function<void(std::exception_ptr)>;

// Who waits for a spawn_state: a task, or a thread in block_on, which has neither handle nor home.
struct join_waiter : waiter {
    explicit join_waiter(void (*w)(join_waiter&) noexcept) noexcept : wake(w) {}
    void (*wake)(join_waiter&) noexcept;
};

class spawn_state {
public:
    // As the list of what is alive describes it.
    struct description {
        const char* type_name;  // as typeid gives it: of the callable that was spawned
        bool is_task;           // and not a blocking job
    };

    spawn_state() noexcept : links() {}
    spawn_state(const spawn_state&) = delete;
    spawn_state& operator=(const spawn_state&) = delete;

    [[nodiscard]] bool finished() const noexcept;
    // Registers `w` to be woken by finish(). False when it need not wait: finished, or stopped before. Throws
    // std::logic_error when somebody else waits already.
    [[nodiscard]] bool wait(join_waiter& w);
    // Any thread, on behalf of a stop. True when `w` was waiting and will not be woken by finish() any more: it has a
    // reference (JOIN3).
    [[nodiscard]] bool stop_waiting(join_waiter& w) noexcept;
    // Takes back what stop_waiting() left for a wait() that never came.
    void forget_stop() noexcept;
    // Returns when finish() touches no waiter any more, if it has begun to.
    void let_finisher_pass() noexcept;
    // Blocks the calling thread until finished.
    void wait_blocking();

    [[nodiscard]] stop_source& own_stop() noexcept { return stop_; }
    void retain() noexcept;
    // Gives up so many references, which the caller has.
    void release(std::uint32_t count = 1) noexcept;
    // Ends what is suspended, or has not begun, and never will go on: destroys it and finishes with
    // operation_cancelled.
    void abandon() noexcept;

protected:
    virtual ~spawn_state() {}  // on_unhandled is not there any more

    // The running side has its result: leaves the registry, wakes the waiter, gives up its reference.
    void finish(bool has_failed) noexcept;
    // The exception is received. Only when failed().
    [[nodiscard]] std::exception_ptr receive_exception() noexcept;

private:
    friend class task_registry;

    struct list_links {
        spawn_state* previous;
        spawn_state* next;
    };

    virtual void destroy() noexcept = 0;
    // Destroys what runs, as far as there is anything yet.
    virtual void drop_body() noexcept = 0;
    [[nodiscard]] virtual description describe() const noexcept = 0;
    virtual void set_exception(std::exception_ptr error) noexcept = 0;
    [[nodiscard]] virtual bool failed() const noexcept = 0;
    [[nodiscard]] virtual std::exception_ptr take_exception() noexcept = 0;

    sync::atomic<void*> waiter_{nullptr};
    sync::atomic<std::uint32_t> references_{2};
    std::uint32_t number_ = 0;         // among those of the shard; for the description
    registry_shard* shard_ = nullptr;  // from the registry's add() on
    union {
        // In the shard's list.
        list_links links;
        // From a finish with an exception until that is received: the executor may be gone by then.
        std::shared_ptr<const exception_handler> on_unhandled;
    };
    stop_source stop_;
};

template <class T>
class spawn_state_with : public spawn_state {
public:
    [[nodiscard]] detail::result<T>& result() noexcept { return result_; }
    // Moves the value out, or rethrows, and leaves nothing: the state itself may stay for as long as the running side
    // is on its way out.
    T take_last() {
        if (result_.failed()) [[unlikely]] {
            std::rethrow_exception(receive_exception());
        }
        if (result_.empty()) [[unlikely]] {
            throw std::logic_error("brigade: the result of this task has been taken already");
        }
        const reset_at_exit drop(result_);
        return result_.take();
    }

protected:
    void finish() noexcept { spawn_state::finish(result_.failed()); }

private:
    void set_exception(std::exception_ptr error) noexcept final { result_.set_exception(std::move(error)); }
    [[nodiscard]] bool failed() const noexcept final { return result_.failed(); }
    [[nodiscard]] std::exception_ptr take_exception() noexcept final { return result_.take_exception(); }

    detail::result<T> result_;
};

}  // namespace brigade::detail
