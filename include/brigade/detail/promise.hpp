// What every coroutine of the runtime has in common, and how control passes from one to the next.
//
// A finished coroutine resumes its continuation, and an awaited one is resumed by its parent, without the stack
// growing: a million awaits in a row and a chain a hundred thousand deep run on a few frames. Clang turns the hand-over
// ("symmetric transfer") into a jump at every optimisation level. GCC does so only when it optimises and no sanitizer
// is in the way, so there the hand-over goes through the worker: await_suspend leaves the next coroutine in the
// worker's transfer slot and returns to the loop that resumed it, which resumes the slot. One extra return and an
// indirect call; transfer() below is the only place that knows.
#pragma once

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <utility>

#include <brigade/detail/fork_join.hpp>
#include <brigade/detail/frame_memory.hpp>

namespace brigade {
class stop_source;
}

namespace brigade::detail {

#if defined(__clang__)
inline constexpr bool has_symmetric_transfer = true;
#else
inline constexpr bool has_symmetric_transfer = false;
#endif

// Puts `next` into the calling worker's transfer slot.
void set_transfer(std::coroutine_handle<> next) noexcept;

// What await_suspend returns to let `next` run in place of the suspended coroutine. Workers only.
inline std::coroutine_handle<> transfer(std::coroutine_handle<> next) noexcept {
    if constexpr (has_symmetric_transfer) {
        return next;
    } else {
        set_transfer(next);
        return std::noop_coroutine();
    }
}

struct promise_base : fork_child {
    // Where the frames of all coroutines of the runtime are kept.
    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

    caller continuation;          // goes on when this coroutine has ended
    stop_source* stop = nullptr;  // inherited from whoever awaits this coroutine
    fork_state forks;             // its children
};

// A registered child is destroyed by its promise_base alone (FORK8). Its frame begins two pointers before its promise,
// unless that is aligned more strictly than frames are.
template <class P>
inline constexpr bool may_be_registered =
    std::derived_from<P, promise_base> && alignof(P) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__;
static_assert(2 * sizeof(void*) % __STDCPP_DEFAULT_NEW_ALIGNMENT__ == 0);

// A coroutine of the runtime: from its promise an awaited operation inherits the stop source.
template <class P>
concept runtime_promise = std::derived_from<P, promise_base>;

// Makes `child` one of the children of `parent`, which is suspended.
inline void attach(std::coroutine_handle<> parent, promise_base& parents, promise_base& childs,
                   caller::kind how) noexcept {
    parents.forks.suspend_at(parent);
    childs.continuation = caller::parent(parents.forks, how);
    childs.stop = parents.stop;
}

// What await_suspend returns to run the child and to offer the parent's continuation, after which the parent may be
// gone.
inline std::coroutine_handle<> fork_from(std::coroutine_handle<> parent, promise_base& parents,
                                         std::coroutine_handle<> child, promise_base& childs,
                                         caller::kind how) noexcept {
    attach(parent, parents, childs, how);
    const std::coroutine_handle<> next = fork_out(parents.forks, child);
    return next ? transfer(next) : std::noop_coroutine();
}

struct final_awaiter {
    [[nodiscard]] bool await_ready() const noexcept { return false; }

    template <runtime_promise P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> finished) const noexcept {
        if (finished.promise().forks.open()) [[unlikely]] {
            end_unjoined(finished.promise().take_exception());
        }
        const caller next = finished.promise().continuation;
        switch (next.how()) {
            case caller::kind::awaits:
                return transfer(next.awaiting());
            case caller::kind::called:
                leave(finished, next.parent());
                return transfer(next.parent().parent());
            case caller::kind::forked:
                return end_fork<true>(finished, next.parent());
            case caller::kind::forked_kept:
                return end_fork<false>(finished, next.parent());
        }
        std::unreachable();
    }

    void await_resume() const noexcept {}

private:
    // This awaiter is part of the frame.
    template <bool OwnsItself, class P>
    static std::coroutine_handle<> end_fork(std::coroutine_handle<P> finished, fork_state& parent) noexcept {
        if (const std::coroutine_handle<> next = take_back(parent, finished.promise())) [[likely]] {
            if constexpr (OwnsItself) {
                leave(finished, parent);
            }
            return transfer(next);
        }
        if constexpr (OwnsItself) {
            parent.leave(finished.promise());
            leave(finished, parent);
        }
        const std::coroutine_handle<> next = arrive_at(parent);
        return next ? transfer(next) : std::noop_coroutine();
    }

    // FORK5
    template <class P>
    static void leave(std::coroutine_handle<P> finished, fork_state& parent) noexcept {
        if (finished.promise().failed()) [[unlikely]] {
            parent.add_error(finished.promise().take_exception());
        }
        finished.destroy();
    }
};

}  // namespace brigade::detail
