#include "executor/idle.hpp"

#include <utility>

namespace brigade::detail {

idle::idle(unsigned workers) : worker_counts(workers) {
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
    bool last = false;
    {
        const sync::lock lock(mutex_);
        last = count_asleep(searching);
        sleepers_.push_back(worker);
    }
    fence_of_sleeper(last);
}

void idle::sleep_in_seat(unsigned worker, bool searching) noexcept {
    bool last = false;
    {
        const sync::lock lock(mutex_);
        last = count_asleep(searching);
        sync::invariant("SEAT1", [this] { return !in_seat_; });
        in_seat_ = worker;
    }
    fence_of_sleeper(last);
}

bool idle::is_last_awake() noexcept {
    // Relaxed: who is awake and is not counted in this value, or a later one, has been woken since, and reads what
    // stop_searching() left.
    if (awake(word_.load(std::memory_order_relaxed)) != 1) {
        return false;
    }
    sync::full_fence();  // pairs: the full fence in scheduler::inject(), IDLE2
    return true;
}

bool idle::count_asleep(bool searching) noexcept {
    sync::invariant("IDLE3", [this] { return all_are_counted(); });
    // Relaxed: the fence acquires what another searcher has released in stop_searching().
    const std::uint64_t before =
        word_.fetch_sub(one_awake + (searching ? one_searching : 0), std::memory_order_relaxed);
    return awake(before) == 1;
}

void idle::fence_of_sleeper(bool last) noexcept {
    if (last) {
        sync::full_fence();  // pairs: the full fence in scheduler::inject(), IDLE5
    } else {
        sync::asymmetric_fence_heavy();  // pairs: the light fence in needs_waking(), IDLE1
    }
}

bool idle::pick_itself(unsigned worker) noexcept {
    const sync::lock lock(mutex_);
    // As in pick(). When somebody else has picked it, the token is on its way.
    if (in_seat_ != worker || !needs_waking(word_.load(std::memory_order_relaxed))) {
        return false;
    }
    in_seat_.reset();
    word_.fetch_add(one_awake + one_searching, std::memory_order_relaxed);  // IDLE3
    return true;
}

bool idle::rejoin(unsigned worker) noexcept {
    const sync::lock lock(mutex_);
    if (in_seat_ != worker) {
        return false;
    }
    in_seat_.reset();
    word_.fetch_add(one_awake, std::memory_order_relaxed);  // IDLE3
    return true;
}

std::optional<unsigned> idle::pick() noexcept {
    if (!needs_waking()) {
        return std::nullopt;
    }
    const sync::lock lock(mutex_);
    // Others may have woken the sleeper, or begun to search, in the meantime: whom P2 may rely on as well (IDLE2).
    return needs_waking(word_.load(std::memory_order_relaxed)) ? pop_sleeper() : std::nullopt;
}

std::optional<unsigned> idle::pick_any() noexcept {
    const sync::lock lock(mutex_);
    return pop_sleeper();
}

std::optional<unsigned> idle::pop_sleeper() noexcept {
    std::optional<unsigned> worker;
    if (!sleepers_.empty()) {
        worker = sleepers_.back();  // the one that has slept least: its caches are the warmest
        sleepers_.pop_back();
    } else {
        worker = std::exchange(in_seat_, std::nullopt);  // IDLE6
    }
    if (!worker) {
        return std::nullopt;
    }
    word_.fetch_add(one_awake + one_searching, std::memory_order_relaxed);  // IDLE3
    sync::invariant("IDLE3", [this] { return all_are_counted(); });
    return worker;
}

bool idle::all_are_counted() const noexcept {
    // Relaxed: the lock is held, and under it alone the number of the awake changes.
    const std::uint64_t word = word_.load(std::memory_order_relaxed);
    return awake(word) + sleepers_.size() + (in_seat_ ? 1 : 0) == workers_ && searching(word) <= awake(word);
}

}  // namespace brigade::detail
