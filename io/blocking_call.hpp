// `co_await blocking_call(function)`: a call that blocks, made on the blocking pool for a task that waits for its end.
//
// The job lives in the awaiting frame, so it takes no memory of its own, and the function may use what the task owns:
// the task does not go on before the call has ended. A stop that has come before it begins is
// std::errc::operation_canceled and makes no call; after that it is not noticed, since nothing can call the thread back
// out of the system. (spawn_blocking() is the other choice: there a stop abandons the call, which therefore may touch
// only what it owns.)
//
//   CALL1  The pool's thread does not touch the call after it has set `over_`. By then it holds the scheduler
//          (prepared_post).
//   CALL2  A task that is destroyed where it waits, at the end of its executor, waits until its call is over. Calls
//          that no thread has begun have been given up before.
#pragma once

#include <coroutine>
#include <exception>
#include <expected>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

#include <brigade/detail/promise.hpp>
#include <brigade/detail/sync.hpp>
#include <brigade/detail/waiter.hpp>
#include <brigade/executor.hpp>
#include <brigade/stop.hpp>

#include "executor/executor_parts.hpp"

namespace brigade::detail {

// F gives a std::expected<T, std::error_code>. An exception of the function comes out of the co_await, as does
// std::system_error when no thread at all can be started.
template <class F>
class [[nodiscard]] blocking_call final : private blocking_job_base {
public:
    using result = std::invoke_result_t<F&>;

    explicit blocking_call(F function) : function_(std::move(function)) {}
    blocking_call(const blocking_call&) = delete;
    blocking_call& operator=(const blocking_call&) = delete;
    ~blocking_call() {
        if (submitted_) {
            // pairs: the store in end(). CALL2.
            for (sync::backoff turn; !over_.load(std::memory_order_acquire); turn.pause()) {
            }
        }
    }

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <runtime_promise P>
    bool await_suspend(std::coroutine_handle<P> self) {
        const stop_source* const stop = self.promise().stop;
        if (stop != nullptr && stop->stop_requested()) {
            result_.emplace(std::unexpect, std::make_error_code(std::errc::operation_canceled));
            return false;
        }
        waiter_.suspend(self);
        submitted_ = true;  // from submit() on another thread may resume the coroutine
        try {
            executor_access::parts(executor::current()).blocking.submit(*this);
        } catch (...) {
            submitted_ = false;
            throw;
        }
        return true;
    }
    result await_resume() {
        if (error_ != nullptr) {
            std::rethrow_exception(error_);
        }
        return *std::move(result_);
    }

private:
    void run() noexcept override {
        try {
            result_.emplace(function_());
        } catch (...) {
            error_ = std::current_exception();
        }
        end([](const prepared_post& prepared) { prepared.post(); });
    }
    void give_up() noexcept override {
        end([](const prepared_post&) {});  // the task is about to be destroyed
    }
    template <class Then>
    void end(Then then) noexcept {
        const prepared_post prepared(waiter_);
        over_.store(true, std::memory_order_release);  // pairs: the load in the destructor. CALL1.
        then(prepared);
    }

    F function_;
    std::optional<result> result_;
    std::exception_ptr error_;
    waiter waiter_;
    bool submitted_ = false;
    sync::atomic<bool> over_{false};
};

}  // namespace brigade::detail
