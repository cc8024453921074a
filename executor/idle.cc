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

bool idle::sleep(unsigned worker, bool searching) noexcept {
    sync::lock lock(mutex_);
    const bool last = count_asleep(worker, searching);
    sleepers_.push_back(worker);
    return fence_of_sleeper(std::move(lock), worker, last);
}

bool idle::sleep_in_seat(unsigned worker, bool searching) noexcept {
    sync::lock lock(mutex_);
    const bool last = count_asleep(worker, searching);
    sync::invariant("SEAT1", [this] { return !in_seat_; });
    in_seat_ = worker;
    return fence_of_sleeper(std::move(lock), worker, last);
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

bool idle::count_asleep(unsigned worker, bool searching) noexcept {
    sync::invariant("IDLE3", [this] { return all_are_counted(); });
    const std::uint64_t leaves = one_awake + (searching ? one_searching : 0);
    // Relaxed: under the lock alone the number of the awake changes, and who stands by.
    const bool last = awake(word_.load(std::memory_order_relaxed)) == 1;
    const bool stands_by = !last && !on_standby_;
    if (stands_by) {
        on_standby_ = worker;
    }
    // Relaxed: the fence acquires what another searcher has released in stop_searching().
    word_.fetch_sub(leaves - (stands_by ? one_stands_by : 0), std::memory_order_relaxed);
    return last;
}

bool idle::fence_of_sleeper(sync::lock lock, unsigned worker, bool last) noexcept {
    const bool stands_by = on_standby_ == worker;
    lock.unlock();
    if (last) {
        sync::full_fence();  // pairs: the full fence in scheduler::inject(), IDLE5
    } else {
        sync::asymmetric_fence_heavy();  // pairs: the light fence in needs_waking(), IDLE1
    }
    return stands_by;
}

bool idle::count_awake(unsigned worker, bool searching) noexcept {
    const bool stood_by = on_standby_ == worker;
    std::uint64_t word = word_.load(std::memory_order_relaxed);  // a guess; the exchange decides
    std::uint64_t next = 0;
    bool relied_on = false;
    do {
        relied_on = stood_by && (word & is_relied_on) != 0;
        next = stood_by ? word & ~(one_stands_by | is_relied_on) : word;
        next += one_awake + (searching || relied_on ? one_searching : 0);
    } while (!word_.compare_exchange_weak(word, next, std::memory_order_relaxed));  // IDLE3, IDLE7
    if (stood_by) {
        on_standby_.reset();
    }
    return relied_on;
}

bool idle::rely_on_standby() noexcept {
    sync::asymmetric_fence_light();  // pairs: the heavy fence in go_on_standing_by(), IDLE7
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    while (needs_waking(word)) {
        if ((word & one_stands_by) == 0) {
            return false;
        }
        // Relaxed: the fences order it against the queues.
        if ((word & is_relied_on) != 0 ||
            word_.compare_exchange_weak(word, word | is_relied_on, std::memory_order_relaxed)) {
            return true;
        }
    }
    return true;
}

bool idle::go_on_standing_by(unsigned worker) noexcept {
    {
        const sync::lock lock(mutex_);
        if (on_standby_ != worker) {
            return false;  // it has been picked
        }
        std::uint64_t word = word_.load(std::memory_order_relaxed);  // a guess; the exchange decides
        bool relied_on = false;
        do {
            relied_on = (word & is_relied_on) != 0;
            // Relaxed: the fences order it against the queues.
        } while (!word_.compare_exchange_weak(word, word & ~(relied_on ? is_relied_on : one_stands_by),
                                              std::memory_order_relaxed));
        if (!relied_on) {
            on_standby_.reset();
            return false;
        }
    }
    sync::asymmetric_fence_heavy();  // pairs: the light fence in rely_on_standby(), IDLE7
    return true;
}

bool idle::pick_itself(unsigned worker) noexcept {
    const sync::lock lock(mutex_);
    // As in pick(). When somebody else has picked it, the token is on its way.
    if (in_seat_ != worker || !needs_waking(word_.load(std::memory_order_relaxed))) {
        return false;
    }
    in_seat_.reset();
    count_awake(worker, true);
    return true;
}

idle::rejoined idle::rejoin(unsigned worker) noexcept {
    const sync::lock lock(mutex_);
    if (in_seat_ != worker) {
        return rejoined::picked;
    }
    in_seat_.reset();
    return count_awake(worker, false) ? rejoined::searching : rejoined::running;
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
    count_awake(*worker, true);
    sync::invariant("IDLE3", [this] { return all_are_counted(); });
    return worker;
}

bool idle::all_asleep() const noexcept {
    const sync::lock lock(mutex_);
    return sleepers_.size() + (in_seat_ ? 1 : 0) == workers_;
}

bool idle::all_are_counted() const noexcept {
    // Relaxed: the lock is held, and under it alone the number of the awake changes.
    const std::uint64_t word = word_.load(std::memory_order_relaxed);
    return awake(word) + sleepers_.size() + (in_seat_ ? 1 : 0) == workers_ && searching(word) <= awake(word);
}

}  // namespace brigade::detail
