#include "executor/worker.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "executor/event_source.hpp"
#include "executor/frame_memory.hpp"
#include "executor/scheduler.hpp"

namespace brigade::detail {

[[gnu::noinline]] worker* worker::current() noexcept {
    return sync::thread_pointer<worker>::get();
}

worker::worker(scheduler& home, unsigned index) : home_(home), index_(index), random_(index + 1) {}

void worker::run() noexcept {
    sync::thread_pointer<worker>::set(this);
    process_frame_pool().watch();
    while (void* const work = find_work()) {
        run_item(work);
    }
    process_frame_pool().unwatch();
    sync::thread_pointer<worker>::set(nullptr);
}

void worker::run_item(void* item) {
    if (fork_state* const parent = fork_state::from_item(item)) {
        parent->count_steal();  // FORK2
        resume(parent->parent());
    } else {
        resume(std::coroutine_handle<>::from_address(item));
    }
}

// An exception cannot come out of a coroutine of the runtime: its promise keeps it. Out of a foreign one it terminates,
// by run()'s noexcept.
void worker::resume(std::coroutine_handle<> handle) {
    ++resumed_;
    budget_ = budget_of_a_task;
    do {
        handle.resume();
        handle = std::exchange(transfer_, nullptr);  // see promise.hpp
    } while (handle);
}

void* worker::find_work() noexcept {
    for (;;) {
        ++turn_;
        if (home_.current_phase() == scheduler::phase::leaving) {
            stop_searching();
            return nullptr;
        }
        pull_injected();
        void* work = take_local();
        if (work == nullptr) {
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

void* worker::take_local() noexcept {
    if (next_ != nullptr) {
        if (next_in_a_row_ < most_next_in_a_row) {
            ++next_in_a_row_;
            return std::exchange(next_, nullptr);
        }
        push_ready(std::coroutine_handle<>::from_address(std::exchange(next_, nullptr)));
    }
    next_in_a_row_ = 0;
    if (turn_ % forked_turn == 0) {
        if (void* const work = forked_.pop()) {
            if (ready_.size() != 0) {
                home_.wake_one();  // WRK1: who has yielded was not announced
            }
            return work;
        }
    }
    if (void* const work = ready_.take()) {
        return work;
    }
    return forked_.pop();
}

void worker::pull_injected() noexcept {
    const std::size_t waiting = home_.injected().size();
    if (waiting == 0) {
        return;
    }
    const std::size_t ready = ready_.size();
    if (ready >= ready_enough && turn_ % 2 != 0) {
        return;
    }
    std::array<void*, largest_batch> batch;
    const std::size_t share = waiting / home_.worker_count() + 1;
    const std::size_t room = ready < ready_enough ? ready_enough - ready : 1;
    const std::size_t taken = home_.injected().take(batch.data(), std::min({share, room, batch.size()}));
    injected_ += taken;
    for (std::size_t i = 0; i < taken; ++i) {
        ready_.push(batch[i]);
    }
    // WRK1: while they were in the batch nobody saw them. A searching worker wakes others in stop_searching().
    if (taken != 0 && (ready_.size() > 1 || next_ != nullptr) && !searching_) {
        home_.wake_one();
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
    const std::size_t half = (victim.ready_.size() + 1) / 2;
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

void worker::stop_searching() noexcept {
    if (std::exchange(searching_, false) && home_.idlers().stop_searching()) {
        home_.wake_one();  // IDLE2
    }
}

void worker::sleep() noexcept {
    sync::invariant("WRK2", [this] { return next_ == nullptr && !transfer_; });
    ++parked_;
    take_seat();
    if (seat_ != nullptr) {
        home_.idlers().sleep_in_seat(index_, std::exchange(searching_, false));
    } else {
        home_.idlers().sleep(index_, std::exchange(searching_, false));
    }
    // S2: everything, once more, now that producers can see the sleeper.
    if (home_.has_visible_work() || home_.current_phase() != scheduler::phase::running) {
        home_.wake_one();
    }
    if (!woken_while_giving_back_frames()) {
        process_frame_pool().unwatch();
        while (!rest(event_source::no_limit)) {
        }
        process_frame_pool().watch();
    }
    get_up();
}

void worker::take_seat() noexcept {
    event_source* const events = home_.events();
    if (events != nullptr && events->seat().try_take()) {
        seat_ = events;
    }
}

// Sleeps for `limit` at most. Whether there is a reason to get up; with the seat, the token stays.
bool worker::rest(std::chrono::nanoseconds limit) noexcept {
    if (seat_ != nullptr) {
        if (!parker_.begin_polling()) {
            return true;
        }
        events_found_ = seat_->wait(limit);
        return parker_.end_polling() || events_found_;
    }
    if (limit != event_source::no_limit) {
        return parker_.wait_for(limit);
    }
    parker_.wait();
    return true;
}

bool worker::woken_while_giving_back_frames() noexcept {
    if (!settle_frames()) {
        return false;
    }
    if (rest(frame_patience)) {
        return true;
    }
    while (give_back_some_frames()) {
        if (rest(std::chrono::nanoseconds(0))) {
            return true;
        }
    }
    return false;
}

void worker::get_up() noexcept {
    searching_ = true;  // IDLE3
    if (seat_ == nullptr) {
        return;
    }
    if (home_.idlers().rejoin(index_)) {
        searching_ = false;
    } else {
        parker_.wait();
    }
    if (std::exchange(events_found_, false)) {
        seat_->deliver();  // SEAT3
    }
    std::exchange(seat_, nullptr)->seat().leave();
    // WRK1: the first of them runs next. A searching worker wakes others in stop_searching().
    if (ready_.size() > 1 && !searching_) {
        home_.wake_one();
    }
}

void worker::push_ready(std::coroutine_handle<> handle) {
    ready_.push(handle.address());
    if (seat_ == nullptr) {  // or get_up() does it for all of them
        home_.wake_one();
    }
}

void worker::push_next(std::coroutine_handle<> handle) {
    if (next_ != nullptr) {
        push_ready(std::coroutine_handle<>::from_address(std::exchange(next_, nullptr)));
    }
    next_ = handle.address();
}

std::coroutine_handle<> worker::fork(fork_state& parent, std::coroutine_handle<> child) {
    forked_.push(parent.as_item());  // the parent may be gone (FORK1)
    const bool put_off = others_are_due();
    if (put_off) {
        forked_.push(child.address());
    }
    if (home_.idlers().needs_waking()) {
        home_.wake_one();  // WRK1
    }
    return put_off ? nullptr : child;
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
    // Nobody is woken: what stood here before was announced when it came, and this worker looks here next.
    ready_.push(handle.address());
}

void worker::set_transfer(std::coroutine_handle<> handle) {
    if (transfer_) {
        // A task was resumed inside another, by somebody's awaitable, and has ended: what follows it is in the slot.
        push_ready(transfer_);
    }
    transfer_ = handle;
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
