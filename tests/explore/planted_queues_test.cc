// Historic bugs of work-stealing queues, planted in reduced copies of our own. The explorer finds each.
#include <array>
#include <memory>
#include <vector>

#include <brigade/detail/sync.hpp>

#include "tests/explore/litmus/planted.hpp"

namespace explore {
namespace {

namespace sync = brigade::detail::sync;
using sync::atomic;

constexpr auto relaxed = std::memory_order_relaxed;
constexpr auto acquire = std::memory_order_acquire;
constexpr auto release = std::memory_order_release;
constexpr auto acq_rel = std::memory_order_acq_rel;
constexpr auto seq_cst = std::memory_order_seq_cst;

void fence(std::memory_order order, std::source_location where = std::source_location::current()) {
    engine::the().fence(operation::fence, order, where);
}

// A set of items, each of which is to be taken once.
class takings {
public:
    void operator()(int item) {
        if (item != 0) {
            require(++times_[static_cast<std::size_t>(item)] == 1, "each item is taken once");
        }
    }

private:
    std::array<int, 8> times_{};
};

// -------------------------------------------------- Lê et al., PPoPP 2013

// brigade/detail/deque.hpp without pop(). PPoPP's C11 version publishes a bigger ring by a relaxed store; CDSChecker
// found that in 2013, and libfork still has it.
template <std::memory_order Published>
class growing_deque {
public:
    growing_deque() { grow(2, 0, 0); }

    void push(int item) {
        const int bottom = bottom_.load(relaxed);
        const int top = top_.load(acquire);
        if (bottom - top >= rings_.back()->capacity) {
            grow(2 * rings_.back()->capacity, top, bottom);
        }
        ring_.load(relaxed)->slot(bottom).store(item, relaxed);
        bottom_.store(bottom + 1, release);
    }
    int steal() {
        int top = top_.load(seq_cst);
        if (top >= bottom_.load(seq_cst)) {
            return 0;
        }
        const int item = ring_.load(acquire)->slot(top).load(relaxed);
        return top_.compare_exchange_strong(top, top + 1, seq_cst, seq_cst) ? item : 0;
    }

private:
    struct ring {
        explicit ring(int n) : capacity(n), slots(new atomic<int>[static_cast<std::size_t>(n)]) {}
        atomic<int>& slot(int index) const { return slots[static_cast<std::size_t>(index % capacity)]; }
        int capacity;
        std::unique_ptr<atomic<int>[]> slots;
    };
    void grow(int capacity, int top, int bottom) {
        auto bigger = std::make_unique<ring>(capacity);
        for (int i = top; i < bottom; ++i) {
            bigger->slot(i).store(rings_.back()->slot(i).load(relaxed), relaxed);
        }
        rings_.push_back(std::move(bigger));
        ring_.store(rings_.back().get(), Published);
    }

    atomic<int> top_{0};
    atomic<int> bottom_{0};
    atomic<ring*> ring_{nullptr};
    std::vector<std::unique_ptr<ring>> rings_;
};

template <std::memory_order Published>
void steal_while_it_grows() {
    growing_deque<Published> d;
    d.push(1);
    d.push(2);
    const model_thread thief([&] { require(d.steal() <= 1, "the oldest item, if any"); });
    d.push(3);
}

TEST(planted, le_2013_bigger_ring_is_published_relaxed) {
    expect_found("data race|construction does not happen before", &steal_while_it_grows<relaxed>,
                 &steal_while_it_grows<release>);
}

// The deque with fences in the place of sequentially consistent accesses: without the one in pop(), the owner's load of
// top passes its store of bottom.
template <bool FenceInPop>
class fenced_deque {
public:
    void push(int item) {
        const int bottom = bottom_.load(relaxed);
        slots_[static_cast<std::size_t>(bottom)].store(item, relaxed);
        fence(release);
        bottom_.store(bottom + 1, relaxed);
    }
    int pop() {
        const int bottom = bottom_.load(relaxed) - 1;
        bottom_.store(bottom, relaxed);
        if constexpr (FenceInPop) {
            fence(seq_cst);
        }
        int top = top_.load(relaxed);
        int item = 0;
        if (top <= bottom) {
            item = slots_[static_cast<std::size_t>(bottom)].load(relaxed);
            if (top < bottom) {
                return item;
            }
            item = top_.compare_exchange_strong(top, top + 1, seq_cst, relaxed) ? item : 0;
        }
        bottom_.store(bottom + 1, relaxed);
        return item;
    }
    int steal() {
        int top = top_.load(acquire);
        fence(seq_cst);
        const int bottom = bottom_.load(acquire);
        if (top >= bottom) {
            return 0;
        }
        const int item = slots_[static_cast<std::size_t>(top)].load(relaxed);
        return top_.compare_exchange_strong(top, top + 1, seq_cst, relaxed) ? item : 0;
    }

private:
    atomic<int> top_{0};
    atomic<int> bottom_{0};
    std::array<atomic<int>, 4> slots_;
};

template <bool FenceInPop>
void pop_while_two_are_stolen() {
    takings taken;
    fenced_deque<FenceInPop> d;
    d.push(1);
    d.push(2);
    std::array<int, 2> stolen{};
    int popped = 0;
    {
        const model_thread thief([&] {
            stolen[0] = d.steal();
            stolen[1] = d.steal();
        });
        popped = d.pop();
    }
    for (const int item : {stolen[0], stolen[1], popped}) {
        taken(item);
    }
}

TEST(planted, chase_lev_without_the_fence_in_pop) {
    expect_found("not so: each item is taken once", &pop_while_two_are_stolen<false>, &pop_while_two_are_stolen<true>);
}

// ----------------------------------------------------------------------------------------------------- tokio #5041

// A first-in-first-out ring of two slots with indices of `Bits` bits. A thief that has read the item sleeps until the
// index has come round: its compare-exchange succeeds, and it has an item that was taken long ago.
template <unsigned Bits>
class narrow_queue {
public:
    void push(int item) {
        const unsigned tail = tail_.load(relaxed);
        slots_[tail % 2].store(item, relaxed);
        tail_.store(next(tail), release);
    }
    int take() {
        unsigned head = head_.load(acquire);
        if (head == tail_.load(acquire)) {
            return 0;
        }
        const int item = slots_[head % 2].load(relaxed);
        return head_.compare_exchange_strong(head, next(head), acq_rel, relaxed) ? item : 0;
    }

private:
    static unsigned next(unsigned index) { return (index + 1) & ((1U << Bits) - 1); }

    atomic<unsigned> head_{0};
    atomic<unsigned> tail_{0};
    std::array<atomic<int>, 2> slots_;
};

template <unsigned Bits>
void go_round_under_a_thief() {
    takings taken;
    narrow_queue<Bits> q;
    std::array<int, 6> got{};
    {
        q.push(1);
        const model_thread thief([&] { got[0] = q.take(); });
        for (int item = 2; item <= 5; ++item) {
            got[static_cast<std::size_t>(item)] = q.take();
            q.push(item);
        }
    }
    for (const int item : got) {
        taken(item);
    }
}

TEST(planted, tokio_5041_narrow_index_comes_round) {
    expect_found("not so: each item is taken once", &go_round_under_a_thief<2>, &go_round_under_a_thief<16>);
}

}  // namespace
}  // namespace explore
