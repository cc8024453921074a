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

#include <brigade/detail/frame_memory.hpp>
#include <brigade/detail/sync.hpp>

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

// Children that have not finished yet. The one that brings it to zero resumes the parent.
class join_counter {
public:
    explicit join_counter(std::size_t children) noexcept : pending_(children) {}

    // Called by a child that has finished. Returns whether it was the last. Unless it was, the counter and the child
    // may be gone as soon as this returns.
    [[nodiscard]] bool arrive() noexcept {
        // pairs: itself. Each child releases its result, and the last one acquires them all for the parent.
        return pending_.fetch_sub(1, std::memory_order_acq_rel) == 1;
    }

private:
    sync::atomic<std::size_t> pending_;
};

struct promise_base {
    // Where the frames of all coroutines of the runtime are kept.
    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

    std::coroutine_handle<> continuation;  // resumed when this coroutine has finished
    stop_source* stop = nullptr;           // inherited from whoever awaits this coroutine
    join_counter* join = nullptr;          // set when the continuation waits for several children
};

// A coroutine of the runtime: from its promise an awaited operation inherits the stop source.
template <class P>
concept runtime_promise = std::derived_from<P, promise_base>;

struct final_awaiter {
    [[nodiscard]] bool await_ready() const noexcept { return false; }

    template <runtime_promise P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> finished) const noexcept {
        // Read first: after arrive() the parent may run elsewhere and destroy this frame.
        const std::coroutine_handle<> continuation = finished.promise().continuation;
        join_counter* const join = finished.promise().join;
        if (join != nullptr && !join->arrive()) {
            return std::noop_coroutine();
        }
        return transfer(continuation);
    }

    void await_resume() const noexcept {}
};

}  // namespace brigade::detail
