// Timers in the order of their deadlines: a pairing heap (Fredman, Sedgewick, Sleator, Tarjan 1986) that is made of the
// timers themselves, so that it allocates nothing. Setting takes O(1), taking one out O(log n) amortised. Not
// thread-safe.
#pragma once

#include <utility>

#include <brigade/detail/timer.hpp>

namespace brigade::detail {

// Takes a timer out of the list in which it stands; its children stay with it.
inline void unlink(timer& t) noexcept {
    *t.link = t.next;
    if (t.next != nullptr) {
        t.next->link = t.link;
    }
    t.next = nullptr;
    t.link = nullptr;
}

// Puts a timer that is in no list at the beginning of one.
inline void push_front(timer*& first, timer& t) noexcept {
    t.next = first;
    if (first != nullptr) {
        first->link = &t.next;
    }
    first = &t;
    t.link = &first;
}

class timer_heap {
public:
    timer_heap() = default;
    timer_heap(const timer_heap&) = delete;
    timer_heap& operator=(const timer_heap&) = delete;

    // The earliest one, or null.
    [[nodiscard]] timer* earliest() const noexcept { return root_; }

    // `t` has its deadline, and is in no list.
    void insert(timer& t) noexcept { set_root(root_ == nullptr ? t : meld(*root_, t)); }

    // Gives `t` back with no children, and in no list.
    void remove(timer& t) noexcept {
        unlink(t);
        adopt(t);
    }
    // The second half of remove(): what is left to do once `t` is unlinked.
    void adopt(timer& t) noexcept {
        if (timer* const orphans = std::exchange(t.child, nullptr)) {
            timer& first = meld_all(orphans);
            set_root(root_ == nullptr ? first : meld(*root_, first));
        }
    }

private:
    void set_root(timer& t) noexcept {
        root_ = &t;
        t.link = &root_;
    }

    // Makes one heap of two; neither root is in a list afterwards.
    [[nodiscard]] static timer& meld(timer& a, timer& b) noexcept {
        timer& earlier = b.deadline < a.deadline ? b : a;
        timer& later = &earlier == &a ? b : a;
        push_front(earlier.child, later);
        return earlier;
    }

    // Makes one heap of a list of them: in pairs from the front, and those together from the back.
    [[nodiscard]] static timer& meld_all(timer* first) noexcept {
        timer* pairs = nullptr;  // the last one first
        while (first != nullptr) {
            timer* one = first;
            timer* const other = one->next;
            first = other != nullptr ? std::exchange(other->next, nullptr) : nullptr;
            one->next = nullptr;
            if (other != nullptr) {
                one = &meld(*one, *other);
            }
            one->next = std::exchange(pairs, one);
        }
        timer* whole = std::exchange(pairs, pairs->next);
        whole->next = nullptr;
        while (pairs != nullptr) {
            timer& one = *std::exchange(pairs, pairs->next);
            one.next = nullptr;
            whole = &meld(*whole, one);
        }
        return *whole;
    }

    timer* root_ = nullptr;
};

}  // namespace brigade::detail
