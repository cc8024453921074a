// Models of the work-stealing deque.
#include "tests/explore/model.hpp"

#include "executor/deque.hpp"

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

}  // namespace
}  // namespace explore
