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
        // pairs: pick(); orders nothing by itself, but stays in the sequence of read-modify-writes of IDLE2.
    } while (
        !word_.compare_exchange_weak(word, word + one_searching, std::memory_order_acq_rel, std::memory_order_relaxed));
    return true;
}

bool idle::stop_searching() noexcept {
    // pairs: pick() (IDLE2): acquires what a producer published that relied on this searcher. Releases to those who
    // still search what this one has moved to its own queue beside the task that it runs now.
    const std::uint64_t before = word_.fetch_sub(one_searching, std::memory_order_acq_rel);
    sync::invariant("IDLE3", [&] { return searching(before) >= 1; });
    return searching(before) == 1;
}

void idle::sleep(unsigned worker, bool searching) noexcept {
    const sync::lock lock(mutex_);
    sync::invariant("IDLE3", [this] { return all_are_counted(); });
    // pairs: the RMW in pick() (IDLE1).
    word_.fetch_sub(one_awake + (searching ? one_searching : 0), std::memory_order_acq_rel);
    sleepers_.push_back(worker);
}

std::optional<unsigned> idle::pick() noexcept {
    // pairs: sleep() and stop_searching() (IDLE1, IDLE2): releases the task to them, acquires their sleep.
    const std::uint64_t word = word_.fetch_add(0, std::memory_order_acq_rel);
    if (searching(word) != 0 || awake(word) == workers_) {
        return std::nullopt;
    }
    const sync::lock lock(mutex_);
    // Others may have woken the sleeper, or begun to search, in the meantime. pairs: as above.
    if (searching(word_.fetch_add(0, std::memory_order_acq_rel)) != 0 || sleepers_.empty()) {
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
    word_.fetch_add(one_awake + one_searching, std::memory_order_acq_rel);  // IDLE3; pairs: as in start_searching()
    sync::invariant("IDLE3", [this] { return all_are_counted(); });
    return worker;
}

bool idle::all_are_counted() const noexcept {
    // Relaxed: the lock is held, and under it alone the number of the awake changes.
    const std::uint64_t word = word_.load(std::memory_order_relaxed);
    return awake(word) + sleepers_.size() == workers_ && searching(word) <= awake(word);
}

}  // namespace brigade::detail
