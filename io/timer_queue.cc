#include "io/timer_queue.hpp"

namespace brigade::detail {

std::uint64_t timer_queue::first_used(unsigned at) noexcept {
    level& l = levels_[at];
    const std::uint64_t from = base_ >> (at * level_bits);
    // Word by word, once round: the first word is looked at twice, from `from` on and up to it.
    for (std::uint64_t word_begin = from - from % 64; word_begin <= from + slots; word_begin += 64) {
        std::uint64_t& word = l.used[word_begin % slots / 64];
        std::uint64_t left = word;
        if (word_begin < from) {
            left &= ~std::uint64_t{0} << (from % 64);
        }
        for (; left != 0; left &= left - 1) {
            const std::uint64_t number = word_begin + static_cast<unsigned>(std::countr_zero(left));
            if (number >= from + slots) {
                break;
            }
            if (l.first[number % slots] != nullptr) {
                return number;
            }
            word &= ~(left & -left);  // WHL3
        }
    }
    return none;
}

void timer_queue::take_apart(slot_number s, std::size_t& budget) noexcept {
    timer*& first = list(s);
    for (; first != nullptr && budget != 0; --budget) {
        timer& t = *first;
        unlink(t);
        if (s.level == 0) {
            heap_.insert(t);
        } else {
            place(t);
        }
    }
}

bool timer_queue::advance(time_point now, std::size_t& budget) noexcept {
    // The slot that begins first; of two, the one at the higher level.
    slot_number first{0, none};
    for (unsigned at = 0; at < levels; ++at) {
        const slot_number s{at, first_used(at)};
        if (s.number != none && (first.number == none || s.begin() <= first.begin())) {
            first = s;
        }
    }
    const std::uint64_t target = tick_of(now) + 1;
    if (first.number != none && first.begin() < target) {
        base_ = std::max(base_, first.begin());  // WHL2
        take_apart(first, budget);
        if (first.level == 0 && list(first) == nullptr) {
            ++base_;
        }
        return true;
    }
    for (unsigned at = levels - 1; at > 0; --at) {
        take_apart({at, (std::max(base_, target) >> (at * level_bits)) + 1}, budget);
    }
    const bool later = base_ < target;
    base_ = std::max(base_, target);
    return later;
}

timer_queue::time_point timer_queue::bound(slot_number s) noexcept {
    time_point least = time_point::max();
    std::size_t count = 0;
    for (const timer* t = list(s); t != nullptr; t = t->next) {
        if (++count > few) {
            // From the beginning of the slot before; at the lowest level, its own.
            return begin_of(s.level == 0 ? s.begin() : slot_number{s.level, s.number - 1}.begin());
        }
        least = std::min(least, t->deadline);
    }
    return least;
}

timer_queue::time_point timer_queue::earliest() noexcept {
    time_point least = heap_.earliest() != nullptr ? heap_.earliest()->deadline : time_point::max();
    for (unsigned at = 0; at < levels; ++at) {
        if (const std::uint64_t number = first_used(at); number != none) {
            least = std::min(least, bound({at, number}));
        }
    }
    return least;
}

}  // namespace brigade::detail
