// What every coroutine of the runtime has in common, and how control passes from one to the next.
//
// A finished coroutine resumes its continuation, and an awaited one is resumed by its parent, without the stack
// growing: a million awaits in a row and a chain a hundred thousand deep run on a few frames. Clang turns the hand-over
// ("symmetric transfer") into a jump at every optimisation level. GCC does so only when it optimises and no sanitizer
// is in the way, so there the hand-over goes through the worker: await_suspend leaves the next coroutine in the
// worker's transfer slot and returns to the loop that resumed it, which resumes the slot. One extra return and an
// indirect call; transfer() below knows. A child that was forked or called, and has ended, hands over through the slot
// with both compilers, as a rule: it destroys itself on the way (hand_over(), and fork_join.hpp).
#pragma once

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <utility>

#include <brigade/detail/compiler.hpp>
#include <brigade/detail/fork_join.hpp>
#include <brigade/detail/frame_memory.hpp>
#include <brigade/detail/worker_core.hpp>

namespace brigade {
class stop_source;
}

namespace brigade::detail {

#if defined(__clang__)
inline constexpr bool has_symmetric_transfer = true;
#else
inline constexpr bool has_symmetric_transfer = false;
#endif

// Puts `next` into the calling worker's transfer slot. Reports and terminates on any other thread.
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

struct promise_base : fork_child, fork_state {
    // Where the frames of all coroutines of the runtime are kept.
    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

    [[nodiscard]] static promise_base& of(fork_state& state) noexcept { return static_cast<promise_base&>(state); }
    // Not of a promise that has virtual functions: they stand in front of this.
    [[nodiscard]] std::coroutine_handle<> handle() noexcept {
        return std::coroutine_handle<promise_base>::from_promise(*this);
    }

    caller continuation;  // goes on when this coroutine has ended
    stop_source* stop;    // inherited from whoever awaits this coroutine
};

// A coroutine of the runtime: from its promise an awaited operation inherits the stop source. Parents and children know
// each other by their promise_base alone; a frame begins two pointers before its promise, unless that is aligned more
// strictly than frames are.
template <class P>
concept runtime_promise = std::derived_from<P, promise_base> && alignof(P) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__;
static_assert(2 * sizeof(void*) % __STDCPP_DEFAULT_NEW_ALIGNMENT__ == 0);

// What await_suspend returns to run `child`, one that the suspended `parent` calls, forks, or forks and keeps. After a
// fork the parent may be gone.
[[gnu::always_inline]] inline std::coroutine_handle<> run_child(promise_base& parent, promise_base& child,
                                                                caller::kind how) noexcept {
    if (how == caller::kind::kept) {
        parent.suspend_in_kept_child();
    } else {
        parent.suspend_in(child);
    }
    child.continuation.set_parent(parent, how);
    child.stop = parent.stop;
    if (how == caller::kind::called) {
        return transfer(child.handle());
    }
    worker_core* const worker = worker_core::current();
    if (worker == nullptr) [[unlikely]] {
        end_for_want_of_worker();
    }
    const std::coroutine_handle<> next = worker->fork(parent.as_item(), child.handle());
    return next ? transfer(next) : std::noop_coroutine();
}

// Throws std::logic_error: `operation` was to run a task that is none.
[[noreturn]] void refuse_empty_task(const char* operation);

// A child has ended that cannot hand over as most do: gives what runs next on this thread. Destroys its frame, unless
// somebody else owns that. The parent may be gone when this returns. It takes the handle because that is the one
// address which a coroutine has at hand in any case.
BRIGADE_RARELY_CALLED [[nodiscard]] std::coroutine_handle<> end_child(std::coroutine_handle<> ended) noexcept;

// Whether a coroutine that has ended is a child that hands over to its parent at once: then the parent stands in the
// worker's transfer slot, and the coroutine destroys itself by flowing off its end.
[[nodiscard, gnu::always_inline]] inline bool hand_over(promise_base& ended) noexcept {
    if (ended.open()) [[unlikely]] {
        end_unjoined(nullptr);
    }
    const caller::seen next = ended.continuation.get();
    worker_core* const worker = worker_core::current();
    if (worker == nullptr) [[unlikely]] {
        return false;
    }
    const bool forked = next.is_unregistered(caller::kind::forked);
    if (!forked && !next.is_unregistered(caller::kind::called)) [[unlikely]] {
        return false;
    }
    fork_state& parent = next.parent();
    if (forked && !worker->take_back(parent.as_item())) [[unlikely]] {
        return false;
    }
    parent.ended_in_place();
    worker->transfer_to(promise_base::of(parent).handle());
    return true;
}

// What a coroutine does when it has ended.
class final_awaiter {
public:
    explicit final_awaiter(bool handed_over) noexcept : handed_over_(handed_over) {}
    [[nodiscard]] bool await_ready() const noexcept { return handed_over_; }
    template <runtime_promise P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> ended) const noexcept {
        const caller::seen next = ended.promise().continuation.get();
        if (next.how() == caller::kind::awaits) {
            return transfer(next.awaiting());
        }
        const std::coroutine_handle<> after = end_child(ended);
        return after ? transfer(after) : std::noop_coroutine();
    }
    void await_resume() const noexcept {}

private:
    bool handed_over_;
};

}  // namespace brigade::detail
