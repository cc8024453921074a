// The executor: worker threads that run tasks, the blocking pool, and, once something does I/O or sleeps, the reactor.
// Several may live in one process; they share nothing.
#pragma once

#include <chrono>
#include <concepts>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include <brigade/awaitable.hpp>
#include <brigade/detail/spawn_state.hpp>
#include <brigade/detail/spawned_task.hpp>
#include <brigade/join_handle.hpp>
#include <brigade/task.hpp>

namespace brigade {

class manual_clock;

struct executor_options {
    // Number of worker threads, at most 4096. 0 means default_worker_count().
    unsigned workers = 0;
    // Threads are named after it; the system shows the first 15 bytes of "<name>-w<index>", "-io" for the reactor's.
    std::string name = "brigade";
    // Bind worker i to the i-th processor that the process may use.
    bool pin_workers = false;
    // The most threads that spawn_blocking may start; they end after ten idle seconds. At least 1.
    unsigned blocking_threads = 512;
    // Gets every exception that nobody can receive, on the thread where that became clear. An exception that leaves the
    // handler terminates. Default: report on standard error and terminate.
    std::function<void(std::exception_ptr)> unhandled_exception{};
    // How long the destructor lets tasks end by themselves when it has asked them to stop; see executor::shutdown().
    std::chrono::milliseconds shutdown_deadline{5000};
    // For tests: what the tasks' timers go by, in place of the real time. Outlives the executor. See manual_clock.hpp.
    manual_clock* clock = nullptr;
};

// What the workers have done since the start. Counted by each worker for itself, read without stopping it.
struct executor_counters {
    std::uint64_t resumed = 0;   // coroutines taken from a queue and run
    std::uint64_t injected = 0;  // coroutines taken from the injection queue
    std::uint64_t stolen = 0;    // coroutines taken from another worker, each time
    std::uint64_t parked = 0;    // how often a worker went to sleep
};

// How many workers an executor has by default: what the affinity mask allows, and no more than the cgroup's CPU quota,
// rounded up. At least 1.
[[nodiscard]] unsigned default_worker_count();

namespace detail {

struct executor_parts;
struct executor_access;

// A job of spawn_blocking.
class blocking_job_base {
public:
    virtual void run() noexcept = 0;
    // In place of run(): whoever awaits it finds operation_cancelled.
    virtual void give_up() noexcept = 0;

protected:
    ~blocking_job_base() = default;
};

template <class R, class F, class... Args>
class blocking_job final : public spawn_state_with<R>, public blocking_job_base {
public:
    template <class G, class... As>
    explicit blocking_job(G&& function, As&&... args)
        : call_(std::in_place, std::in_place, std::forward<G>(function), std::forward<As>(args)...) {}

    void run() noexcept override {
        try {
            if constexpr (std::is_void_v<R>) {
                std::apply(std::move(call_->function), std::move(call_->args));
                this->result().set_value();
            } else {
                this->result().set_value(std::apply(std::move(call_->function), std::move(call_->args)));
            }
        } catch (...) {
            this->result().set_exception(std::current_exception());
        }
        call_.reset();
        this->finish();
    }
    void give_up() noexcept override { this->abandon(); }

private:
    void destroy() noexcept override { delete this; }
    void drop_body() noexcept override { call_.reset(); }
    [[nodiscard]] spawn_state::description describe() const noexcept override {
        return {.type_name = typeid(F).name(), .is_task = false};
    }

    std::optional<invocation<F, Args...>> call_;
};

template <class F, class... Args>
using task_result =
    typename std::remove_cvref_t<std::invoke_result_t<std::decay_t<F>&, std::decay_t<Args>...>>::value_type;

}  // namespace detail

class executor {
public:
    // Starts the workers. Throws std::invalid_argument for options that make no sense, std::system_error when a thread
    // cannot be started or pinned.
    explicit executor(executor_options options = {});
    // shutdown(), with executor_options::shutdown_deadline. On a thread of this executor it would wait for itself, so
    // it reports and terminates. Handles may outlive the executor. Tasks of other executors must have left it, and
    // calls of its functions by other threads must have returned: also a spawn() whose task has ended.
    ~executor();
    executor(const executor&) = delete;
    executor& operator=(const executor&) = delete;

    // Runs the task that `function(args...)` gives on the workers and waits for it; returns its result or rethrows.
    // `function` and `args` are kept until the task has ended. For threads that are not workers: on a worker it
    // throws std::logic_error, as it would keep the worker from its tasks.
    template <class F, class... Args>
        requires task_function<std::decay_t<F>&, std::decay_t<Args>...>
    decltype(auto) block_on(F&& function, Args&&... args) {
        refuse_on_worker();
        return wait_for(spawn(std::forward<F>(function), std::forward<Args>(args)...));
    }
    template <class T>
    T block_on(task<T> body) {
        refuse_on_worker();
        return wait_for(spawn(std::move(body)));
    }

    // Starts the task that `function(args...)` gives. `function` and `args` are moved into the task and live as long as
    // it does, so a capturing lambda is safe. Any thread. Throws std::runtime_error when the executor is shutting
    // down, except on threads of an executor: its tasks may still spawn while they end.
    template <class F, class... Args>
        requires task_function<std::decay_t<F>&, std::decay_t<Args>...>
    auto spawn(F&& function, Args&&... args) {
        using result = detail::task_result<F, Args...>;
        using call = detail::spawned_call<result, std::decay_t<F>, std::decay_t<Args>...>;
        return start<result>(*new call(std::in_place, std::forward<F>(function), std::forward<Args>(args)...));
    }
    template <class T>
    join_handle<T> spawn(task<T> body) {
        return start<T>(*new detail::spawned_task<T>(std::move(body)));
    }

    // The same for any other awaitable. One given as an lvalue must outlive the task.
    template <detail::other_awaitable A>
    auto block_on(A&& awaited) {
        return block_on(detail::into_task(std::forward<A>(awaited)));
    }
    template <detail::other_awaitable A>
    auto spawn(A&& awaited) {
        return spawn(detail::into_task(std::forward<A>(awaited)));
    }

    // Runs `function(args...)` on a thread of the blocking pool, where it may block. It starts when a thread is free
    // and is not interrupted by a stop. Any thread. Throws as spawn() does, and std::system_error when no thread at
    // all can be started.
    template <class F, class... Args>
        requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
    auto spawn_blocking(F&& function, Args&&... args) {
        using result = std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>;
        using job = detail::blocking_job<result, std::decay_t<F>, std::decay_t<Args>...>;
        auto* const state = new job(std::forward<F>(function), std::forward<Args>(args)...);
        join_handle<result> handle(state);
        submit(*state, *state);
        return handle;
    }

    // Asks every task, running or spawned later, to stop. Any thread.
    void request_stop();

    // Ends the executor, once; a second call waits for the first and does nothing.
    //   1. spawn() and spawn_blocking() throw, except on the threads of an executor.
    //   2. Every task is asked to stop. Every wait of the runtime ends by that; a join when the children have ended.
    //   3. Tasks, and the blocking jobs that have been accepted, have until the deadline to end.
    //   4. Past it, standard error says which have not, and nothing is resumed or begun any more. What runs at that
    //      moment is waited for, up to its next suspension or fork, and blocking jobs to their end; standard error says
    //      so each time that executor_options::shutdown_deadline has passed again.
    //   5. Then, without workers and reactor, the thread that shuts down destroys the tasks that are suspended;
    //      current() gives this executor meanwhile. There is no particular order, but children of fork(), call() and
    //      when_all() before their parents: locals, callables and arguments. Whoever awaits one, in block_on() as well,
    //      finds operation_cancelled; what a child threw for a join that never comes goes to `unhandled_exception`. An
    //      awaitable of your own must not resume such a task later, and a destructor must not touch the locals of
    //      another task that is not its parent. A task that is on another executor at that moment, or a child of one,
    //      must have come back before. A chain of awaits or forks is destroyed by recursion: some hundred thousand fit
    //      on a stack.
    //   6. Last the threads of the blocking pool end. I/O on this executor throws std::runtime_error from then on.
    // With a deadline of zero or less, nothing is waited for. Any thread but one of this executor, which gets
    // std::logic_error.
    void shutdown(std::chrono::milliseconds deadline);

    [[nodiscard]] unsigned worker_count() const noexcept;
    [[nodiscard]] const std::string& name() const noexcept;
    // Any thread; a worker in full flight may be a few counts ahead.
    [[nodiscard]] executor_counters counters() const noexcept;

    // The executor of which the calling thread is a worker, a blocking thread or the reactor's, or whose tasks it is
    // destroying in shutdown(). Throws std::logic_error on any other thread.
    [[nodiscard]] static executor& current();
    [[nodiscard]] static executor* try_current() noexcept;

private:
    friend struct detail::executor_access;

    template <class T>
    join_handle<T> start(detail::spawned_task<T>& spawned) {
        join_handle<T> handle(&spawned);
        launch(spawned, spawned.beginning());
        return handle;
    }
    template <class T>
    static T wait_for(join_handle<T> handle) {
        auto* const state = static_cast<detail::spawn_state_with<T>*>(handle.state());
        state->wait_blocking();
        return state->take_last();
    }

    void refuse_on_worker() const;
    void launch(detail::spawn_state& state, std::coroutine_handle<> handle);
    void submit(detail::spawn_state& state, detail::blocking_job_base& job);

    std::unique_ptr<detail::executor_parts> parts_;
};

// Index of the worker that calls, from 0; nothing on other threads.
[[nodiscard]] std::optional<unsigned> this_worker_index() noexcept;

template <class... Args>
decltype(auto) block_on(executor& where, Args&&... args) {
    return where.block_on(std::forward<Args>(args)...);
}

// On the current executor; throw std::logic_error where there is none.
template <class... Args>
auto spawn(Args&&... args) {
    return executor::current().spawn(std::forward<Args>(args)...);
}
template <class... Args>
auto spawn_blocking(Args&&... args) {
    return executor::current().spawn_blocking(std::forward<Args>(args)...);
}

}  // namespace brigade
