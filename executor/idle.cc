#include "executor/idle.hpp"

namespace brigade::detail {

idle::idle(unsigned workers) : workers_(workers), word_(workers * one_awake) {
    sleepers_.reserve(workers);  // sleep() must not fail
}

bool idle::start_searching() noexcept {
    std::uint64_t word = word_.load(std::memory_order_relaxed);  // a guess; the exchange decides
    do {
        if (2 * searching(word) >= workers_) {
            return false;
        }
    } while (!word_.compare_exchange_weak(word, word + one_searching, std::memory_order_relaxed));
    return true;
}

bool idle::stop_searching() noexcept {
    // pairs: the fence in sleep() of one that searches as well. It then sees what this worker has moved from where that
    // one has looked to its own queue, beside the task that it runs now.
    const std::uint64_t before = word_.fetch_sub(one_searching, std::memory_order_release);
    sync::invariant("IDLE3", [&] { return searching(before) >= 1; });
    return searching(before) == 1;
}

void idle::sleep(unsigned worker, bool searching) noexcept {
    {
        const sync::lock lock(mutex_);
        sync::invariant("IDLE3", [this] { return all_are_counted(); });
        // Relaxed: the fence acquires what another searcher has released in stop_searching().
        word_.fetch_sub(one_awake + (searching ? one_searching : 0), std::memory_order_relaxed);
        sleepers_.push_back(worker);
    }
    sync::asymmetric_fence_heavy();  // pairs: the light fence in needs_waking(), IDLE1
}

std::optional<unsigned> idle::pick() noexcept {
    if (!needs_waking()) {
        return std::nullopt;
    }
    const sync::lock lock(mutex_);
    // Others may have woken the sleeper, or begun to search, in the meantime: whom P2 may rely on as well (IDLE2).
    if (!needs_waking(word_.load(std::memory_order_relaxed)) || sleepers_.empty()) {
        return std::nullopt;
    }
    return pop_sleeper();
}

std::optional<unsigned> idle::pick_any() noexcept {
    const sync::lock lock(mutex_);
    if (sleepers_.empty()) {
        return std::nullopt;
    }
    return pop_sleeper();
}

unsigned idle::pop_sleeper() noexcept {
    const unsigned worker = sleepers_.back();  // the one that has slept least: its caches are the warmest
    sleepers_.pop_back();
    word_.fetch_add(one_awake + one_searching, std::memory_order_relaxed);  // IDLE3
    sync::invariant("IDLE3", [this] { return all_are_counted(); });
    return worker;
}

bool idle::all_are_counted() const noexcept {
    // Relaxed: the lock is held, and under it alone the number of the awake changes.
    const std::uint64_t word = word_.load(std::memory_order_relaxed);
    return awake(word) + sleepers_.size() == workers_ && searching(word) <= awake(word);
}

}  // namespace brigade::detail
