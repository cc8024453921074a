// How a worker without work goes to sleep, what it does there, and how it gets up; see idle.hpp and poller_seat.hpp.
#include <utility>

#include "executor/event_source.hpp"
#include "executor/frame_memory.hpp"
#include "executor/scheduler.hpp"
#include "executor/worker.hpp"

namespace brigade::detail {

void worker::sleep() noexcept {
    sync::invariant("WRK2", [this] { return next_ == nullptr && !transfer_; });
    ++parked_;
    has_looked_ = false;  // WRK7
    turns_to_look_ = turns_between_looks_;
    take_seat();
    const bool searching = std::exchange(searching_, false);
    const bool stands_by =
        seat_ != nullptr ? home_.idlers().sleep_in_seat(index_, searching) : home_.idlers().sleep(index_, searching);
    // S2: everything, once more, now that producers can see the sleeper.
    home_.rely_for_holders();
    const bool awake = wake_for_what_is_there(false);
    if (home_.current_phase() != scheduler::phase::running) {
        home_.wake_any();  // SCH2
    }
    searching_ = true;  // IDLE3
    if (awake || (stands_by && woken_while_standing_by())) {
        return;
    }
    wait_until_woken();
    if (seat_ != nullptr) {
        get_up_from_seat();
    }
}

// S2 and S3 of a sleeper. True when it has picked itself, and left the seat.
bool worker::wake_for_what_is_there(bool has_polled) noexcept {
    if (!home_.has_visible_work()) {
        return false;
    }
    if (seat_ == nullptr) {
        home_.wake_one();
        return false;
    }
    if (!home_.idlers().pick_itself(index_)) {
        return false;
    }
    std::exchange(seat_, nullptr)->seat().leave(has_polled);
    return true;
}

void worker::take_seat() noexcept {
    away_from_seat_.ends();  // WRK4
    event_source* const events = home_.events();
    if (events != nullptr && !home_.somebody_holds() && events->seat().try_take()) {
        seat_ = events;
        if (measures_batch_) {
            home_.batches().ran(resumed_.get() - resumed_before_batch_, sync::clock::now() - begin_of_batch_);
        }
    }
    measures_batch_ = false;
}

// IDLE7. True when the worker is up.
bool worker::woken_while_standing_by() noexcept {
    sync::clock::duration rested{0};
    do {
        bool woken = woken_within(standby);
        rested += standby;
        if (!woken && rested >= frame_patience) {
            rested = {};
            woken = woken_while_shrinking(settle_frames());
        }
        if (woken) {
            if (seat_ != nullptr) {
                get_up_from_seat();
            }
            return true;
        }
        if (!home_.idlers().go_on_standing_by(index_)) {
            return false;
        }
        home_.rely_for_holders();
    } while (!wake_for_what_is_there(true));
    return true;
}

void worker::wait_until_woken() noexcept {
    if (woken_while_giving_back_memory()) {
        return;
    }
    process_frame_pool().unwatch();
    while (!rest(event_source::no_limit)) {
    }
    process_frame_pool().watch();
}

bool worker::woken_while_giving_back_memory() noexcept {
    const bool frames_in_excess = settle_frames();
    if (!frames_in_excess && !ready_.is_large() && !forked_.is_large()) {
        return false;
    }
    return woken_within(frame_patience) || woken_while_shrinking(frames_in_excess);
}

bool worker::woken_while_shrinking(bool frames_in_excess) noexcept {
    ready_.shrink();
    forked_.shrink();
    while (frames_in_excess && give_back_some_frames()) {
        if (rest(std::chrono::nanoseconds(0))) {
            return true;
        }
    }
    return false;
}

bool worker::woken_within(std::chrono::nanoseconds limit) noexcept {
    const sync::clock::time_point until = sync::clock::now() + limit;
    for (sync::clock::time_point now = until - limit; now < until; now = sync::clock::now()) {
        if (rest(until - now)) {
            return true;
        }
    }
    return false;
}

// Sleeps for `limit` at most. Whether there is a reason to get up. A token that comes to the seat stays.
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

void worker::get_up_from_seat() noexcept {
    const idle::rejoined how = home_.idlers().rejoin(index_);
    searching_ = how != idle::rejoined::running;
    if (std::exchange(events_found_, false)) {
        stop_searching();      // who relies on it must not wait for stop callbacks
        deliver_from(*seat_);  // SEAT3
    }
    const bool for_one_task = ready_.size() == 1;
    if (for_one_task) {
        away_from_seat_.begins();
    }
    if (delivered_ > 1) {
        measure_batch();
    }
    delivered_ = 0;
    std::exchange(seat_, nullptr)->seat().leave(true);
    if (how == idle::rejoined::picked) {
        parker_.wait();
    }
    if (for_one_task && away_from_seat_.was_long()) {
        home_.wake_one();  // WRK4
    }
}

void worker::deliver_from(event_source& events) noexcept {
    delivers_ = true;
    static_cast<void>(events.deliver());
    queue_what_was_handed_over();
    delivers_ = false;
}

// WRK6, for the second task of a batch.
void worker::announce_batch() noexcept {
    if (home_.batches().keeps()) {
        const sync::clock::time_point end = sync::clock::now() + standby;
        // Relaxed: rely_on_standby() orders it, as it does the queues.
        end_of_hold_.store(end.time_since_epoch().count(), std::memory_order_relaxed);
        if (home_.idlers().rely_on_standby()) {
            return;
        }
    }
    announce_ready();
}

void worker::measure_batch() noexcept {
    home_.batches().found(delivered_);
    if (home_.batches().measures()) {
        measures_batch_ = true;
        resumed_before_batch_ = resumed_.get();
        begin_of_batch_ = sync::clock::now();
    }
}

// A stop callback may have resumed a coroutine by hand, which ended: what follows it is in the slot, outside resume().
void worker::queue_what_was_handed_over() noexcept {
    if (transfer_) [[unlikely]] {
        displaced_.push_back(std::exchange(transfer_, nullptr));
    }
    for (; !displaced_.empty(); displaced_.pop_back()) {
        push_ready(displaced_.back());
    }
}

}  // namespace brigade::detail
