// Whether the tasks that events have woken all at once stay with the worker that heard of them, or are announced to the
// others as well.
//
// To announce them costs the wake-up of a thread, and caches that are cold there. Tasks of a few microseconds, as those
// of most servers are, do not earn that back while one worker is enough, and here the load generator needs the other
// processor too: an echo on 64 connections and two workers took 2228 ns of processor time when each batch was
// announced, 1716 when none was, and the echoes per second were the same (medians of 3). So a batch is kept, unless
//   - its tasks are long: `long_task` each, in two batches in a row of those that are measured; or
//   - to announce it gets more done. That is tried: a window of `window` batches is the trial of the other way, and its
//     time for each task decides, against that of the window before. To announce must be better by `worth_it`, as it
//     takes a second processor. The trials become rare as long as they change nothing.
// Where there is little to do the two ways take the same time, that between two requests, and batches are kept.
//
// Rejected: to look at how many tasks there are. Hundreds of echoes in a batch are still best left alone where all
// other processors have their own work, and a thread does not know that.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <brigade/detail/sync.hpp>

namespace brigade::detail {

// Of who holds the poller's seat (SEAT1).
class batch_spreading {
public:
    // Whether the next batch is kept.
    [[nodiscard]] bool keeps() const noexcept { return !long_tasks_ && spreads_ == in_trial_; }

    // A batch has come, of so many tasks, at least two.
    void found(std::size_t tasks) noexcept {
        tasks_ += tasks;
        if (++batches_ == window) {
            const sync::clock::time_point now = sync::clock::now();
            window_ends(now - begun_);
            begun_ = now;
            tasks_ = 0;
            batches_ = 0;
        }
    }

    // Whether it is worth while to measure how long the batch that was found last keeps its worker.
    [[nodiscard]] bool measures() const noexcept { return was_long_ || batches_ % measured == 0; }
    // It did for so long, in which the worker took up so many tasks.
    void ran(std::uint64_t tasks, sync::clock::duration time) noexcept {
        const bool is_long = time >= long_task * static_cast<std::int64_t>(tasks);
        long_tasks_ = is_long && was_long_;
        was_long_ = is_long;
    }

private:
    static constexpr unsigned window = 32;
    static constexpr unsigned measured = 8;
    static constexpr std::chrono::microseconds long_task{20};
    static constexpr std::chrono::milliseconds longest_window{50};
    static constexpr double worth_it = 0.85;
    static constexpr unsigned shortest_pause = 16;  // in windows
    static constexpr unsigned longest_pause = 256;

    void window_ends(sync::clock::duration took) noexcept {
        if (long_tasks_ || took > longest_window) {
            in_trial_ = false;  // the two ways were not compared
            until_trial_ = pause_;
            return;
        }
        const double time = static_cast<double>(took.count()) / static_cast<double>(tasks_);
        if (!in_trial_) {
            before_ = time;
            in_trial_ = --until_trial_ == 0;
            return;
        }
        const double spread = spreads_ ? before_ : time;
        const double kept = spreads_ ? time : before_;
        const bool better = spread < worth_it * kept;
        pause_ = better == spreads_ ? std::min(2 * pause_, longest_pause) : shortest_pause;
        spreads_ = better;
        in_trial_ = false;
        until_trial_ = pause_;
    }

    bool spreads_ = false;
    bool in_trial_ = false;  // of the other way
    bool was_long_ = false;
    bool long_tasks_ = false;
    unsigned pause_ = shortest_pause;
    unsigned until_trial_ = shortest_pause;

    // The window.
    unsigned batches_ = 0;
    std::size_t tasks_ = 0;
    sync::clock::time_point begun_;
    double before_ = 0;  // time for each task in the one before, in the clock's ticks
};

}  // namespace brigade::detail
