// What stands behind a spawned task: its spawn_state, what was given to spawn(), and the end of the task itself.
//
// The task that was spawned (the *body*) is awaited by an object, not by another coroutine: that would be a frame more,
// with a promise that nobody forks from. The object is the body's continuation, as a resumable:
//
//   spawn(body)      the body is posted -----------------------------+
//                                                                    v
//   spawn(f, args)   the object is posted --> begin() calls f --> the body runs --> end(): result, body, callable go
//
// The end of a body is past all suspensions. So end() may destroy the body that resumes it: by Clang that is a jump out
// of the body, and by GCC the worker resumes it, by the transfer slot (promise.hpp).
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <new>
#include <optional>
#include <tuple>
#include <typeinfo>
#include <utility>

#include <brigade/detail/frame_memory.hpp>
#include <brigade/detail/promise.hpp>
#include <brigade/detail/resumable.hpp>
#include <brigade/detail/spawn_state.hpp>
#include <brigade/task.hpp>

namespace brigade::detail {

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

// Of spawn(task<T>).
template <class T>
class spawned_task : public spawn_state_with<T>, public resumable {
public:
    explicit spawned_task(task<T> body) noexcept : resumable(&end), body_(std::move(body).release()) { prepare(); }

    // Kept like frames, unless it is aligned more strictly than they are.
    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void* operator new(std::size_t size, std::align_val_t alignment) { return ::operator new(size, alignment); }
    static void operator delete(void* memory, std::size_t size) noexcept { free_frame(memory, size); }
    static void operator delete(void* memory, std::size_t size, std::align_val_t alignment) noexcept {
        ::operator delete(memory, size, alignment);
    }

    // Whom to resume so that the task begins. An empty one ends at once, by an exception.
    [[nodiscard]] std::coroutine_handle<> beginning() noexcept { return body_ ? body_.handle() : this->handle(); }

protected:
    explicit spawned_task(resume_function begin) noexcept : resumable(begin) {}

    void set_body(task<T> body) {
        body_ = std::move(body).release();
        prepare();
        this->set_resume(&end);
    }
    void finish() noexcept {
        drop_body();
        spawn_state_with<T>::finish();
    }
    void drop_body() noexcept override { body_ = {}; }

private:
    void prepare() noexcept {
        if (body_) {
            body_.promise().continuation.set_awaiting(this->handle());
            body_.promise().stop = &this->own_stop();
        }
    }
    static void end(void* address) noexcept {
        auto& self = static_cast<spawned_task&>(*static_cast<resumable*>(address));
        try {
            if (!self.body_) {
                refuse_empty_task("spawn");
            }
            self.result().take_over(self.body_.promise().result());
        } catch (...) {
            self.result().set_exception(std::current_exception());
        }
        self.finish();
    }

    void destroy() noexcept final { delete this; }
    [[nodiscard]] spawn_state::description describe() const noexcept override {
        return {.type_name = typeid(task<T>).name(), .is_task = true};
    }

    frame<task_promise<T>> body_;
};

// Of spawn(function, args...).
template <class T, class F, class... Args>
class spawned_call final : public spawned_task<T> {
public:
    template <class G, class... As>
    explicit spawned_call(std::in_place_t /*tag*/, G&& function, As&&... args)
        : spawned_task<T>(&begin),
          call_(std::in_place, std::in_place, std::forward<G>(function), std::forward<As>(args)...) {}

private:
    static void begin(void* address) noexcept {
        auto& self = static_cast<spawned_call&>(*static_cast<resumable*>(address));
        try {
            self.set_body(
                std::apply([&self](Args&... args) { return std::invoke(self.call_->function, std::move(args)...); },
                           self.call_->args));
        } catch (...) {
            self.result().set_exception(std::current_exception());
            self.finish();
            return;
        }
        self.beginning().resume();  // the task may end in it
    }
    void drop_body() noexcept override {
        spawned_task<T>::drop_body();
        call_.reset();
    }
    [[nodiscard]] spawn_state::description describe() const noexcept override {
        return {.type_name = typeid(F).name(), .is_task = true};
    }

    std::optional<invocation<F, Args...>> call_;
};

}  // namespace brigade::detail
