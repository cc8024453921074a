// The timers that are set, the earliest first: a binary heap of pointers. Each timer knows its place in it, so a cancel
// finds it at once. Setting and cancelling take O(log n). Not thread-safe: the reactor locks it.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include <brigade/detail/timer.hpp>

namespace brigade::detail {

class timer_heap {
public:
    // `t` is not set yet. May allocate.
    void set(timer& t, sync::clock::time_point deadline) {
        timers_.push_back(&t);
        t.deadline = deadline;
        t.place = timers_.size() - 1;
        rise(t.place);
    }

    // Whether it was set.
    bool cancel(timer& t) noexcept {
        if (t.place == timer::not_set) {
            return false;
        }
        const std::size_t hole = std::exchange(t.place, timer::not_set);
        timer* const last = timers_.back();
        timers_.pop_back();
        if (last != &t) {
            put(*last, hole);
            rise(hole);
            sink(last->place);
        }
        return true;
    }

    // The earliest one, or null.
    [[nodiscard]] timer* earliest() const noexcept { return timers_.empty() ? nullptr : timers_.front(); }

    [[nodiscard]] std::size_t size() const noexcept { return timers_.size(); }

private:
    void put(timer& t, std::size_t place) noexcept {
        timers_[place] = &t;
        t.place = place;
    }

    void swap(std::size_t a, std::size_t b) noexcept {
        timer& at_a = *timers_[a];
        put(*timers_[b], a);
        put(at_a, b);
    }

    void rise(std::size_t place) noexcept {
        while (place > 0 && timers_[place]->deadline < timers_[(place - 1) / 2]->deadline) {
            swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
    }

    void sink(std::size_t place) noexcept {
        for (;;) {
            std::size_t smallest = place;
            for (const std::size_t child : {2 * place + 1, 2 * place + 2}) {
                if (child < timers_.size() && timers_[child]->deadline < timers_[smallest]->deadline) {
                    smallest = child;
                }
            }
            if (smallest == place) {
                return;
            }
            swap(place, smallest);
            place = smallest;
        }
    }

    std::vector<timer*> timers_;
};

}  // namespace brigade::detail
