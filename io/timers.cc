#include "io/timers.hpp"

#include <algorithm>

#include <brigade/executor.hpp>

namespace brigade::detail {

namespace {

// How many timers are taken from a slot to others at a time, while the shard is locked.
constexpr std::size_t longest_hold = 64;

}  // namespace

bool timer_shard::set(timer& t, sync::clock::time_point deadline, const stop_source* stop) noexcept {
    const sync::spinlock_guard lock(lock_);
    // A stop whose reaction has run before this lock found nothing to cancel; see it here. One that comes later finds
    // the timer.
    if (stop != nullptr && stop->stop_requested()) {
        return false;
    }
    queue_.set(t, deadline);
    // Under the lock: once it is free the timer may expire, its task end, and the executor with it.
    home_->wake_by(deadline);
    return true;
}

bool timer_shard::cancel(timer& t) noexcept {
    const sync::spinlock_guard lock(lock_);
    return queue_.cancel(t);  // TIM1
}

void timer_shard::cancel_and_wait(timer& t) noexcept {
    sync::spinlock_guard lock(lock_);
    if (queue_.cancel(t)) {
        return;
    }
    for (sync::backoff turn; expiring_ == &t;) {  // TIM5; the functions are short: they post
        lock.unlock();
        turn.pause();
        lock.lock();
    }
}

bool timer_shard::expire(sync::clock::time_point now, std::size_t& budget) noexcept {
    bool some = false;
    sync::spinlock_guard lock(lock_);
    while (budget != 0) {
        const std::size_t hold = std::min(budget, longest_hold);
        std::size_t left = hold;
        timer* const due = queue_.take_due(now, left);  // TIM1
        budget -= hold - left;
        if (due == nullptr && left != 0) {
            break;
        }
        expiring_ = due;
        lock.unlock();  // also for who waits
        if (due != nullptr) {
            some = true;
            budget -= std::min<std::size_t>(budget, 1);
            due->expire(*due);  // may end the timer: not touched again
        }
        lock.lock();
        expiring_ = nullptr;
    }
    home_->wake_by(budget != 0 ? queue_.earliest() : now);  // TIM4
    return some;
}

timers::timers(event_source& poller, unsigned workers, const manual_clock* manual)
    : poller_(poller),
      manual_(manual),
      count_(manual != nullptr ? 1 : std::clamp(workers, 1U, most_shards)),
      shards_(std::make_unique<timer_shard[]>(count_)) {  // NOLINT(*-avoid-c-arrays)
    for (unsigned i = 0; i < count_; ++i) {
        shards_[i].home_ = this;
        std::size_t budget = 1;
        static_cast<void>(shards_[i].queue_.take_due(now(), budget));
    }
}

sync::clock::time_point timer_shard::now() const noexcept {
    return home_->now();
}

timer_shard& timers::here() noexcept {
    return at(this_worker_index().value_or(0));
}

void timers::wake_by(sync::clock::time_point deadline) noexcept {
    const std::int64_t since = std::chrono::nanoseconds(deadline.time_since_epoch()).count();
    const std::int64_t moment = since >= never ? never : std::max<std::int64_t>(since + (since & 1), 0);
    std::int64_t before = wakes_at_.load(std::memory_order_relaxed);  // TIM4: by the lock not older than the poller's
    while (moment < (before & ~asleep)) {
        // The exchange decides, and carries nothing: the shards have their locks.
        if (wakes_at_.compare_exchange_weak(before, moment | (before & asleep), std::memory_order_relaxed)) {
            if ((before & asleep) != 0) {
                poller_.interrupt();  // TIM2
            }
            return;
        }
    }
}

std::chrono::nanoseconds timers::time_to_sleep(std::chrono::nanoseconds limit) noexcept {
    if (limit <= std::chrono::nanoseconds(0) || manual_ != nullptr) {
        return limit;
    }
    const std::int64_t moment = wakes_at_.fetch_or(asleep, std::memory_order_relaxed) & ~asleep;  // TIM2
    if (moment == never) {
        return limit;
    }
    // The later of the two, and not the larger difference.
    const std::int64_t now = std::chrono::nanoseconds(sync::clock::now().time_since_epoch()).count();
    return std::min(std::chrono::nanoseconds(std::max(moment, now) - now), limit);
}

bool timers::end_of_sleep() noexcept {
    std::int64_t moment = wakes_at_.load(std::memory_order_relaxed);  // TIM2
    if ((moment & asleep) != 0) {
        moment = wakes_at_.fetch_and(~asleep, std::memory_order_relaxed) & ~asleep;
    }
    return manual_ == nullptr && moment != never &&
           moment <= std::chrono::nanoseconds(sync::clock::now().time_since_epoch()).count();
}

bool timers::expire() noexcept {
    if (manual_ != nullptr) {
        return false;
    }
    const sync::clock::time_point now = sync::clock::now();
    if (wakes_at_.load(std::memory_order_relaxed) > std::chrono::nanoseconds(now.time_since_epoch()).count()) {
        return false;  // who sets an earlier one has it done next time
    }
    wakes_at_.store(never, std::memory_order_relaxed);  // TIM4
    bool some = false;
    for (unsigned i = 0; i < count_; ++i) {
        std::size_t budget = portion;
        some |= shards_[i].expire(now, budget);
    }
    return some;
}

sync::clock::time_point timers::earliest() noexcept {
    sync::clock::time_point least = sync::clock::time_point::max();
    for (unsigned i = 0; i < count_; ++i) {
        const sync::spinlock_guard lock(shards_[i].lock_);
        least = std::min(least, shards_[i].queue_.earliest());
    }
    return least;
}

void timers::expire_by(sync::clock::time_point now) noexcept {
    for (unsigned i = 0; i < count_; ++i) {
        std::size_t budget = portion;
        static_cast<void>(shards_[i].expire(now, budget));
    }
}

}  // namespace brigade::detail
