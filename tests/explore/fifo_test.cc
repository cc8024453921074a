// Models of the queue that is not stolen from, and of what only load buffering can break in its ring.
#include <array>

#include "tests/explore/model.hpp"

#include <brigade/detail/fifo.hpp>

namespace explore {
namespace {

using brigade::detail::fifo;

// Counts what comes out, by item.
class items {
public:
    void* operator[](std::size_t i) noexcept { return &all_[i]; }
    void take(void* item) noexcept {
        if (item != nullptr) {
            ++*static_cast<int*>(item);
        }
    }
    void require_once_each(const char* what) const {
        for (const int taken : all_) {
            require(taken == 1, what);
        }
    }

private:
    std::array<int, 3> all_{};
};

MODEL(fifo_model, the_owner_and_a_thief_take_each_item_once) {
    fifo f(2);
    items all;
    void* stolen = nullptr;
    std::array<void*, 3> taken{};
    {
        f.push(all[0]);
        const model_thread thief([&] { stolen = f.take(); });
        f.push(all[1]);
        taken[0] = f.take();
        f.push(all[2]);
    }
    taken[1] = f.take();
    taken[2] = f.take();
    all.take(stolen);
    for (void* const item : taken) {
        all.take(item);
    }
    all.require_once_each("RING1");
}

MODEL(fifo_model, two_thieves_while_the_ring_grows) {
    fifo f(1);
    items all;
    std::array<void*, 2> stolen{};
    {
        f.push(all[0]);
        const model_thread first([&] { stolen[0] = f.take(); });
        const model_thread second([&] { stolen[1] = f.take(); });
        f.push(all[1]);
        f.push(all[2]);
    }
    all.take(stolen[0]);
    all.take(stolen[1]);
    while (void* const item = f.take()) {
        all.take(item);
    }
    all.require_once_each("RING1");
}

void shrink_beside_a_thief() {
    fifo f(1);
    items all;
    void* stolen = nullptr;
    {
        f.push(all[0]);
        f.push(all[1]);
        const model_thread thief([&] { stolen = f.take(); });
        while (void* const item = f.take()) {
            all.take(item);
        }
        f.shrink();
        require(!f.is_large(), "it was empty");
        f.push(all[2]);
    }
    all.take(stolen);
    while (void* const item = f.take()) {
        all.take(item);
    }
    all.require_once_each("RING3");
}

MODEL(fifo_model, the_owner_shrinks_the_ring_while_a_thief_takes) {
    shrink_beside_a_thief();
}

MODEL(fifo_model, a_ring_that_grew_again_after_it_shrank_has_each_item_once) {
    fifo f(1);
    items all;
    void* stolen = nullptr;
    int none = 0;
    {
        f.push(&none);
        f.push(&none);
        const model_thread thief([&] { stolen = f.take(); });
        while (f.take() != nullptr) {
        }
        f.shrink();
        f.push(all[0]);
        f.push(all[1]);
        f.push(all[2]);
    }
    if (stolen != &none) {
        all.take(stolen);
    }
    while (void* const item = f.take()) {
        all.take(item);
    }
    all.require_once_each("RING3");
}

settings with_load_buffering() {
    settings s;
    s.bounds.future_reads = true;
    s.bounds.spurious = 0;
    s.exhaustive = 20'000;
    s.random = 0;
    s.pct = 0;
    return s;
}

MODEL_WITH(fifo_model, a_slot_is_read_before_its_ring_is_emptied, with_load_buffering()) {
    shrink_beside_a_thief();
}

// The thief reads the slot and then moves top; the owner sees the new top and writes the slot anew. Without order
// between the thief's two steps it may have read what the owner wrote afterwards.
MODEL_WITH(fifo_model, a_slot_is_read_before_it_may_be_written_anew, with_load_buffering()) {
    fifo f(2);
    items all;
    void* stolen = nullptr;
    bool has_third = false;
    {
        f.push(all[0]);
        const model_thread thief([&] { stolen = f.take(); });
        f.push(all[1]);
        if (f.size() < 2) {  // the ring must not grow: it would be another slot
            f.push(all[2]);
            has_third = true;
        }
    }
    if (!has_third) {
        f.push(all[2]);
    }
    all.take(stolen);
    while (void* const item = f.take()) {
        all.take(item);
    }
    all.require_once_each("RING2");
}

}  // namespace
}  // namespace explore
