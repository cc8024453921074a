#include "executor/worker.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <brigade/detail/promise.hpp>

#include "executor/event_source.hpp"
#include "executor/frame_memory.hpp"
#include "executor/scheduler.hpp"

namespace brigade::detail {

worker::worker(scheduler& home, unsigned index)
    : worker_core(home.idlers(), home.injected().count(), home.phase_word()),
      home_(home),
      index_(index),
      random_(index + 1) {}

void worker::run() noexcept {
    sync::thread_pointer<worker_core>::set(this);
    process_frame_pool().watch();
    while (void* const work = find_work()) {
        run_item(work);
    }
    process_frame_pool().unwatch();
    sync::thread_pointer<worker_core>::set(nullptr);
}

void worker::run_item(void* item) {
    if (fork_state* const parent = fork_state::from_item(item)) {
        parent->taken_away();  // FORK2, FORK6
        resume(promise_base::of(*parent).handle());
    } else {
        resume(std::coroutine_handle<>::from_address(item));
    }
}

// An exception cannot come out of a coroutine of the runtime: its promise keeps it. Out of a foreign one it terminates,
// by run()'s noexcept.
void worker::resume(std::coroutine_handle<> handle) {
    ++resumed_;
    budget_ = budget_of_a_task;
    for (;;) {
        handle.resume();
        if (transfer_) [[likely]] {
            handle = std::exchange(transfer_, nullptr);  // see promise.hpp
        } else if (displaced_.empty()) [[likely]] {
            return;
        } else {
            handle = displaced_.back();
            displaced_.pop_back();
        }
    }
}

void* worker::find_work() noexcept {
    with_lone_task_.ends();
    for (;;) {
        ++turn_;
        if (home_.current_phase() == scheduler::phase::leaving) {
            stop_searching();
            return nullptr;
        }
        pull_injected();
        if (--turns_to_look_ == 0) {
            look_at_clock();
        }
        void* work = take_local();
        if (work == nullptr) {
            let_go();  // what is robbed is for all to see
            work = search();
        }
        if (work != nullptr) {
            stop_searching();
            return work;
        }
        if (home_.current_phase() != scheduler::phase::running) {
            stop_searching();
            return nullptr;
        }
        sleep();
    }
}

void* worker::take_next() noexcept {
    if (next_in_a_row_ < most_next_in_a_row) {
        ++next_in_a_row_;
        return std::exchange(next_, nullptr);
    }
    ready_.push(std::exchange(next_, nullptr));
    if (ready_.size() > 1 || turn_ % forked_turn == 0) {
        announce_ready();  // WRK1; alone it is taken by take_local()
    }
    return nullptr;
}

void* worker::take_local() noexcept {
    if (next_ != nullptr) {
        if (void* const work = take_next()) {
            return work;
        }
    }
    next_in_a_row_ = 0;
    if (turn_ % forked_turn == 0) {
        if (void* const work = forked_.pop()) {
            if (ready_.size() != 0) {
                announce_ready();  // WRK1: who has yielded was not announced
            }
            return work;
        }
    }
    if (void* const work = ready_.take()) {
        ready_.prefetch_oldest();
        return work;
    }
    return forked_.pop();
}

void worker::pull_injected() noexcept {
    // Each look takes the count's cache line from those who inject, and they take it back.
    if (turn_ % look_turn != 0 && ready_.size() >= sync::sizes.ready_many) {
        return;
    }
    if (const std::size_t waiting = home_.injected().size(); waiting != 0) [[unlikely]] {
        take_share_of(waiting);
    }
}

void worker::take_share_of(std::size_t injected) noexcept {
    const std::size_t ready = ready_.size();
    std::array<void*, largest_batch> batch;
    const std::size_t share = injected / home_.worker_count() + 1;
    const std::size_t room = ready < ready_enough ? ready_enough - ready : look_turn / 2;
    const std::size_t taken = home_.injected().take(batch.data(), std::min({share, room, batch.size()}));
    injected_ += taken;
    for (std::size_t i = 0; i < taken; ++i) {
        ready_.push(batch[i]);
    }
    // WRK1: while they were in the batch nobody saw them. A searching worker wakes others in stop_searching().
    if (taken != 0 && (ready_.size() > 1 || next_ != nullptr) && !searching_) {
        announce_ready();
    }
}

// WRK7
void worker::look_at_clock() noexcept {
    const sync::clock::time_point now = sync::clock::now();
    if (!std::exchange(has_looked_, true)) {
        glanced_ = now;
    } else {
        // So that the next looks are half a period apart, if the turns take as long as these did.
        const sync::clock::rep took = std::max<sync::clock::rep>((now - looked_).count(), 1);
        const sync::clock::rep turns = turns_between_looks_ * (glance_period / 2).count() / took;
        turns_between_looks_ = static_cast<unsigned>(std::clamp<sync::clock::rep>(turns, 1, most_turns_between_looks));
    }
    looked_ = now;
    turns_to_look_ = turns_between_looks_;
    if (now - glanced_ >= glance_period) {
        if (next_ != nullptr) {
            turns_to_look_ = 1;  // WRK2: stop callbacks, which a glance may run, would keep it waiting
            return;
        }
        glanced_ = now;
        glance_at_events();
    }
}

void worker::glance_at_events() noexcept {
    event_source* const events = home_.events();
    if (events == nullptr || !events->seat().try_take()) {
        return;
    }
    if (events->wait(std::chrono::nanoseconds(0))) {
        announce_unless_held(1);  // those that have yielded: stop callbacks may take long
        deliver_from(*events);
        if (std::exchange(delivered_, 0) != 0) {
            announce_unless_held(2);
        }
    }
    events->seat().leave(true);
}

// WRK1, for `several` or more that are ready. Those that are kept stay so (WRK6).
void worker::announce_unless_held(std::size_t several) noexcept {
    if (ready_.size() >= several && !holds() && home_.idlers().needs_waking()) {
        announce_ready();
    }
}

void* worker::search() noexcept {
    if (!searching_) {
        searching_ = home_.idlers().start_searching();
        if (!searching_) {
            return nullptr;
        }
    }
    const unsigned workers = home_.worker_count();
    const unsigned first = static_cast<unsigned>(random_() % workers);
    for (unsigned i = 0; i < workers; ++i) {
        const unsigned victim = (first + i) % workers;
        if (victim == index_) {
            continue;
        }
        if (void* const work = rob(home_.worker_at(victim))) {
            return work;
        }
    }
    return nullptr;
}

void* worker::rob(worker& victim) noexcept {
    const std::size_t half = victim.holds() ? 0 : (victim.ready_.size() + 1) / 2;  // WRK6
    void* first = nullptr;
    for (std::size_t i = 0; i < std::min(half, largest_batch); ++i) {
        void* const work = victim.ready_.take();
        if (work == nullptr) {
            break;
        }
        ++stolen_;
        if (first == nullptr) {
            first = work;
        } else {
            ready_.push(work);
        }
    }
    if (first == nullptr) {
        first = victim.forked_.steal();
        if (first != nullptr) {
            ++stolen_;
        }
    }
    return first;
}

void worker::end_search() noexcept {
    searching_ = false;
    if (!home_.idlers().stop_searching()) {
        return;
    }
    const event_source* const events = home_.events();
    if (!home_.idlers().is_last_awake() || home_.has_visible_work() ||
        (events != nullptr && events->seat().is_free())) {
        home_.wake_one();  // IDLE2, SEAT4
    }
}

void worker::push_ready(std::coroutine_handle<> handle) {
    ready_.push(handle.address());
    if (delivers_) {
        // What is delivered in the seat first runs here, next. Who only glances announces all at once.
        ++delivered_;
        if (seat_ != nullptr && ready_.size() == 2) {
            announce_batch();
        }
        return;
    }
    let_go();
    if (home_.idlers().needs_waking()) {  // first: it costs less than to look at what thieves have left
        wake_for_ready_tasks();
    }
}

void worker::announce_ready() noexcept {
    let_go();
    home_.wake_one();
}

void worker::wake_for_ready_tasks() noexcept {
    if (ready_.size() > 1) {
        announce_ready();
        return;
    }
    // WRK5
    if (with_lone_task_.was_long() || !home_.idlers().rely_on_standby()) {
        announce_ready();
    }
    with_lone_task_.begins();  // without the wake-up, which may be the longest part
}

void worker::push_next(std::coroutine_handle<> handle) {
    if (delivers_) {
        push_ready(handle);  // a stop callback of a timer ends it: no task is about to end (WRK2)
        return;
    }
    if (next_ != nullptr) {
        push_ready(std::coroutine_handle<>::from_address(std::exchange(next_, nullptr)));
    }
    next_ = handle.address();
}

BRIGADE_RARELY_CALLED std::coroutine_handle<> worker_core::announce(std::coroutine_handle<> child) noexcept {
    worker& self = static_cast<worker&>(*this);
    const bool put_off = self.others_are_due();
    if (put_off) {
        forked_.push(child.address());
    }
    if (counts_.needs_waking()) {
        self.home_.wake_one();  // WRK1
    }
    return put_off ? nullptr : child;
}

BRIGADE_RARELY_CALLED void worker_core::displace(std::coroutine_handle<> handle) noexcept {
    // A task was resumed inside another, by somebody's awaitable, and has ended: what follows it is in the slot. It
    // must go on even in `leaving`, and not on another worker while the child is still being destroyed (FORK5).
    static_cast<worker&>(*this).displaced_.push_back(handle);
}

bool worker::make_way(std::coroutine_handle<> running) {
    if (!others_are_due()) [[likely]] {
        return false;
    }
    forked_.push(running.address());
    if (home_.idlers().needs_waking()) {
        home_.wake_one();  // WRK1
    }
    return true;
}

// WRK3
bool worker::others_are_due() noexcept {
    if (home_.current_phase() == scheduler::phase::leaving) [[unlikely]] {
        return true;
    }
    if (ready_.size() == 0 && home_.injected().size() == 0) [[likely]] {
        return false;
    }
    const sync::clock::time_point now = sync::clock::now();
    if (turn_of_notice_ != turn_) {
        turn_of_notice_ = turn_;
        notice_ = now;
    }
    return now - notice_ >= fork_patience;
}

void worker::push_yielded(std::coroutine_handle<> handle) {
    // Nobody is woken: what stood here before was announced when it came, or left to who stands by (WRK5), and this
    // worker looks here next.
    ready_.push(handle.address());
}

bool worker::consume_budget() noexcept {
    if (budget_ == 0) {
        return false;
    }
    --budget_;
    return true;
}

executor_counters worker::counters() const noexcept {
    return {.resumed = resumed_.get(), .injected = injected_.get(), .stolen = stolen_.get(), .parked = parked_.get()};
}

}  // namespace brigade::detail
