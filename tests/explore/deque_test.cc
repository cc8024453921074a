// Models of the work-stealing deque.
#include "tests/explore/model.hpp"

#include <brigade/detail/deque.hpp>

namespace explore {
namespace {

using brigade::detail::deque;

void* item(std::uintptr_t n) {
    return reinterpret_cast<void*>(n * 16);
}

MODEL(deque_model, the_last_item_goes_to_the_owner_or_to_a_thief) {
    deque d(2);
    int taken = 0;
    d.push(item(1));
    void* stolen = nullptr;
    {
        const model_thread thief([&] { stolen = d.steal(); });
        taken += d.pop() != nullptr ? 1 : 0;
    }
    taken += stolen != nullptr ? 1 : 0;
    require(taken == 1, "one of them has it");
}

MODEL(deque_model, two_thieves_and_the_owner_while_it_grows) {
    deque d(2);
    std::array<void*, 2> stolen{};
    std::array<void*, 4> popped{};
    {
        d.push(item(1));
        d.push(item(2));
        const model_thread thief([&] { stolen[0] = d.steal(); });
        const model_thread other([&] { stolen[1] = d.steal(); });
        d.push(item(3));
        popped[0] = d.pop();
        popped[1] = d.pop();
        popped[2] = d.pop();
    }
    popped[3] = d.pop();
    std::uintptr_t sum = 0;
    int count = 0;
    for (void* const p : {stolen[0], stolen[1], popped[0], popped[1], popped[2], popped[3]}) {
        sum += reinterpret_cast<std::uintptr_t>(p) / 16;
        count += p != nullptr ? 1 : 0;
    }
    require(count == 3 && sum == 6, "each item is taken once");
}

MODEL(deque_model, the_owner_shrinks_the_ring_while_a_thief_steals) {
    deque d(1);
    void* stolen = nullptr;
    std::uintptr_t sum = 0;
    {
        d.push(item(1));
        d.push(item(2));
        const model_thread thief([&] { stolen = d.steal(); });
        while (void* const popped = d.pop()) {
            sum += reinterpret_cast<std::uintptr_t>(popped) / 16;
        }
        d.shrink();
        require(!d.is_large(), "it was empty");
        d.push(item(4));
    }
    while (void* const popped = d.pop()) {
        sum += reinterpret_cast<std::uintptr_t>(popped) / 16;
    }
    require(sum + reinterpret_cast<std::uintptr_t>(stolen) / 16 == 7, "each item is taken once");
}

MODEL(deque_model, a_thief_sees_what_was_written_before_the_push) {
    deque d(2);
    int payload = 0;
    const model_thread thief([&] {
        if (void* const stolen = d.steal()) {
            require(*static_cast<int*>(stolen) == 7, "the payload");
        }
    });
    payload = 7;
    d.push(&payload);
}

MODEL(deque_model, a_thief_sees_what_was_written_before_the_ring_grew) {
    deque d(2);
    std::array<int, 3> payloads{};
    const model_thread thief([&] {
        if (void* const stolen = d.steal()) {
            require(*static_cast<int*>(stolen) == 1, "the oldest, through the old ring or the new one");
        }
    });
    for (int& p : payloads) {
        p = 1;
        d.push(&p);
    }
}

MODEL(deque_model, the_owner_frees_what_a_thief_did_not_get) {
    deque d(2);
    const auto free_one = [](void* p) { delete static_cast<int*>(p); };
    const model_thread thief([&] { free_one(d.steal()); });
    d.push(new int(1));
    d.push(new int(2));
    free_one(d.pop());
    free_one(d.pop());
}

MODEL(deque_model, one_thief_gets_the_oldest_first) {
    deque d(2);
    std::array<void*, 2> stolen{};
    {
        const model_thread thief([&] {
            for (void*& s : stolen) {
                s = d.steal();
            }
        });
        d.push(item(1));
        d.push(item(2));
        d.push(item(3));
    }
    require(stolen[0] == nullptr || stolen[1] == nullptr || stolen[0] < stolen[1], "first in, first out");
    require(stolen[0] == nullptr || stolen[0] == item(1), "from the oldest on");
}

MODEL(deque_model, the_owner_gets_the_newest_first) {
    deque d(2);
    {
        const model_thread thief([&] { (void)d.steal(); });
        d.push(item(1));
        d.push(item(2));
        d.push(item(3));
        // One thief takes at most one item, and that is the oldest.
        require(d.pop() == item(3), "last in, first out");
        require(d.pop() == item(2), "last in, first out");
        void* const oldest = d.pop();
        require(oldest == item(1) || oldest == nullptr, "or the thief has it");
    }
}

MODEL(deque_model, a_slot_is_not_written_anew_under_a_thief) {
    deque d(2);
    std::array<int, 4> payloads{1, 10, 100, 1'000};
    int stolen = 0;
    int popped = 0;
    {
        const model_thread thief([&] {
            if (void* const s = d.steal()) {
                stolen = *static_cast<int*>(s);
            }
        });
        for (int& p : payloads) {
            d.push(&p);
            if (void* const own = d.pop()) {
                popped += *static_cast<int*>(own);
            }
        }
    }
    require(stolen + popped == 1'111, "DEQ3: each once");
}

MODEL(deque_model, a_thief_takes_two_while_another_takes_one) {
    deque d(4);
    for (std::uintptr_t i = 1; i <= 3; ++i) {
        d.push(item(i));
    }
    std::array<void*, 3> stolen{};
    {
        const model_thread thief([&] {
            stolen[0] = d.steal();
            stolen[1] = d.steal();
        });
        stolen[2] = d.steal();
    }
    require(stolen[0] != nullptr && stolen[1] != nullptr && stolen[2] != nullptr, "there was one for each");
    require(stolen[0] < stolen[1] && stolen[2] != stolen[0] && stolen[2] != stolen[1], "DEQ1");
}

}  // namespace
}  // namespace explore
