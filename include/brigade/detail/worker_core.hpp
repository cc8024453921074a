// The part of a worker that code inlined into coroutines touches: where they fork, and where a child that was forked or
// called ends. The rest, and the rules by which it all works, are in executor/worker.hpp.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>

#include <brigade/detail/compiler.hpp>
#include <brigade/detail/deque.hpp>
#include <brigade/detail/fifo.hpp>
#include <brigade/detail/sync.hpp>

namespace brigade::detail {

// How many workers of an executor are awake, and how many of those search; see executor/idle.hpp.
class worker_counts {
public:
    explicit worker_counts(unsigned workers) noexcept : workers_(workers), word_(workers * one_awake) {}

    // P2, for work that has just been published: whether to call idle::pick(). One load, for those that push very
    // often.
    [[nodiscard]] bool needs_waking() const noexcept {
        sync::asymmetric_fence_light();  // pairs: the heavy fence in idle::sleep(), IDLE1
        return needs_waking(word_.load(std::memory_order_relaxed));
    }

    // As above where the fence is free; true where it would cost something: then needs_waking() is still to be asked.
    [[nodiscard]] bool needs_waking_or_fence() const noexcept {
        if (!sync::asymmetric_fence_light_if_free()) [[unlikely]] {  // pairs: the heavy fence in idle::sleep(), IDLE1
            return true;
        }
        return needs_waking(word_.load(std::memory_order_relaxed));
    }

protected:
    // Bits 0-29: searching; 30: somebody stands by; 31: and has been relied on; 32-63: awake.
    static constexpr std::uint64_t one_searching = 1;
    static constexpr std::uint64_t one_stands_by = std::uint64_t{1} << 30;
    static constexpr std::uint64_t is_relied_on = std::uint64_t{1} << 31;
    static constexpr std::uint64_t one_awake = std::uint64_t{1} << 32;
    static constexpr std::uint64_t searching(std::uint64_t word) noexcept { return word & (one_stands_by - 1); }
    static constexpr std::uint64_t awake(std::uint64_t word) noexcept { return word >> 32; }

    [[nodiscard]] bool needs_waking(std::uint64_t word) const noexcept {
        return searching(word) == 0 && awake(word) != workers_;
    }

    const std::uint64_t workers_;
    alignas(sync::cache_line) sync::atomic<std::uint64_t> word_;
};

// Only grows; see executor/scheduler.hpp.
enum class scheduler_phase : std::uint8_t { running, draining, leaving };

class worker_core {
public:
    // Of the calling thread; null when that is no worker.
    [[nodiscard]] static worker_core* current() noexcept { return sync::thread_pointer<worker_core>::get(); }

    worker_core(const worker_core&) = delete;
    worker_core& operator=(const worker_core&) = delete;

    // The functions below are for tasks on this worker.

    // Offers a parent's continuation, in the form of fork_state::as_item(), and gives what runs next: the child, or
    // null when others are due first (WRK3). The parent may be gone when this returns. Terminates when memory runs out.
    [[nodiscard, gnu::always_inline]] std::coroutine_handle<> fork(void* parent,
                                                                   std::coroutine_handle<> child) noexcept {
        forked_.push(parent);
        if (some_may_be_due() || counts_.needs_waking_or_fence()) [[unlikely]] {
            return announce(child);
        }
        return child;
    }
    // True when nobody has taken away the continuation, and nobody will.
    [[nodiscard, gnu::always_inline]] bool take_back(void* parent) noexcept { return forked_.pop_if(parent); }
    // What this worker runs when the coroutine that runs has suspended or ended.
    void transfer_to(std::coroutine_handle<> next) noexcept {
        if (transfer_) [[unlikely]] {
            displace(transfer_);
        }
        transfer_ = next;
    }

protected:
    worker_core(const worker_counts& counts, const sync::atomic<std::size_t>& injection_count,
                const sync::atomic<scheduler_phase>& phase) noexcept
        : counts_(counts), injection_count_(injection_count), phase_(phase) {}
    ~worker_core() = default;

    // WRK3. A hint.
    [[nodiscard]] bool some_may_be_due() const noexcept {
        return ready_.size() != 0 || injection_count_.load(std::memory_order_relaxed) != 0 ||
               phase_.load(std::memory_order_relaxed) == scheduler_phase::leaving;
    }

    fifo ready_;
    deque forked_;
    std::coroutine_handle<> transfer_;

private:
    BRIGADE_RARELY_CALLED [[nodiscard]] std::coroutine_handle<> announce(std::coroutine_handle<> child) noexcept;
    BRIGADE_RARELY_CALLED void displace(std::coroutine_handle<> handle) noexcept;

    const worker_counts& counts_;
    const sync::atomic<std::size_t>& injection_count_;
    const sync::atomic<scheduler_phase>& phase_;
};

// Reports that the calling thread is no worker, and terminates.
[[noreturn]] void end_for_want_of_worker() noexcept;

}  // namespace brigade::detail
