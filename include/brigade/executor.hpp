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

#include <brigade/detail/spawn_state.hpp>
#include <brigade/join_handle.hpp>
#include <brigade/task.hpp>

namespace brigade {

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

// What was given to spawn() or spawn_blocking(). The running side drops it before it tells that it has finished:
// whoever joins finds the callable and its arguments gone, and a handle that is kept does not keep them.
template <class F, class... Args>
struct invocation {
    template <class G, class... As>
    explicit invocation(std::in_place_t /*tag*/, G&& f, As&&... as)
        : function(std::forward<G>(f)), args(std::forward<As>(as)...) {}

    F function;
    std::tuple<Args...> args;
};

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

    std::optional<invocation<F, Args...>> call_;
};

// The coroutine that a spawned task runs in: it keeps the callable and its arguments alive, and its promise is the
// state behind the join_handle.
template <class T>
struct root {
    class promise;
    using promise_type = promise;

    std::coroutine_handle<promise> handle;
};

template <class T>
class root_result : public spawn_state_with<T> {
public:
    template <std::convertible_to<T> U = T>
    void return_value(U&& value) {
        this->result().set_value(std::forward<U>(value));
    }
};

template <>
class root_result<void> : public spawn_state_with<void> {
public:
    void return_void() { result().set_value(); }
};

template <class T>
class root<T>::promise final : public promise_base, public root_result<T> {
public:
    // `call` is the coroutine's parameter.
    template <class Call>
    explicit promise(Call& call) noexcept
        : call_(&call), drop_call_([](void* c) noexcept { static_cast<Call*>(c)->reset(); }) {
        stop = &this->own_stop();
    }

    root get_return_object() noexcept { return {std::coroutine_handle<promise>::from_promise(*this)}; }
    [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
    void unhandled_exception() noexcept { this->result().set_exception(std::current_exception()); }

    struct finisher {
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<promise> self) const noexcept { self.promise().finish(); }
        void await_resume() const noexcept {}
    };
    [[nodiscard]] finisher final_suspend() const noexcept { return {}; }

    // The one await of a root: of the task that was spawned. It stays within reach of drop_body().
    class body_awaiter : public task_awaiter<T> {
    public:
        body_awaiter(task<T> body, promise& p) noexcept : task_awaiter<T>(std::move(body).release()), promise_(p) {
            promise_.body_ = this;
        }
        body_awaiter(const body_awaiter&) = delete;
        body_awaiter& operator=(const body_awaiter&) = delete;
        ~body_awaiter() { promise_.body_ = nullptr; }

    private:
        promise& promise_;
    };
    body_awaiter await_transform(task<T> body) noexcept { return body_awaiter(std::move(body), *this); }

private:
    void destroy() noexcept override { std::coroutine_handle<promise>::from_promise(*this).destroy(); }
    void drop_body() noexcept override {
        if (body_ != nullptr) {
            body_->drop();
        }
        drop_call_(call_);
    }

    body_awaiter* body_ = nullptr;
    void* call_;
    void (*drop_call_)(void*) noexcept;
};

template <class T, class F, class... Args>
root<T> run_as_root(std::optional<invocation<F, Args...>> call) {
    const reset_at_exit drop(call);  // before the final suspension; the parameter stays as long as the frame
    co_return co_await std::apply([&call](Args&... args) { return std::invoke(call->function, std::move(args)...); },
                                  call->args);
}

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
    // it reports and terminates. Handles may outlive the executor. Tasks of other executors must have left it.
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
        using call = std::optional<detail::invocation<std::decay_t<F>, std::decay_t<Args>...>>;
        return start(detail::run_as_root<result>(
                         call(std::in_place, std::in_place, std::forward<F>(function), std::forward<Args>(args)...)),
                     typeid(std::decay_t<F>).name());
    }
    template <class T>
    join_handle<T> spawn(task<T> body) {
        auto itself = [](task<T>&& t) { return std::move(t); };
        using call = std::optional<detail::invocation<decltype(itself), task<T>>>;
        return start(detail::run_as_root<T>(call(std::in_place, std::in_place, itself, std::move(body))),
                     typeid(task<T>).name());
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
        submit(*state, *state, typeid(std::decay_t<F>).name());
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
    join_handle<T> start(detail::root<T> r, const char* type_name) {
        join_handle<T> handle(&r.handle.promise());
        launch(r.handle.promise(), r.handle, type_name);
        return handle;
    }
    template <class T>
    static T wait_for(join_handle<T> handle) {
        auto* const state = static_cast<detail::spawn_state_with<T>*>(handle.state());
        state->wait_blocking();
        return state->take_last();
    }

    void refuse_on_worker() const;
    void launch(detail::spawn_state& state, std::coroutine_handle<> handle, const char* type_name);
    void submit(detail::spawn_state& state, detail::blocking_job_base& job, const char* type_name);

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
