// Models of the injection queue: what is counted is there, once, and complete.
#include <array>

#include "tests/explore/parts_of_models.hpp"

#include "executor/injection_queue.hpp"

namespace explore {
namespace {

using brigade::detail::injection_queue;
namespace sync = brigade::detail::sync;

// Takes until it has `wanted` items, and gives the sum of what they point to.
int take_all(injection_queue& q, int wanted, std::size_t at_once) {
    int sum = 0;
    while (wanted > 0) {
        std::array<void*, 4> out{};
        const std::size_t taken = q.take(out.data(), at_once);
        for (std::size_t i = 0; i < taken; ++i) {
            sum += *static_cast<int*>(out[i]);
        }
        wanted -= static_cast<int>(taken);
        if (taken == 0) {
            sync::yield_thread();
        }
    }
    return sum;
}

MODEL(injection_model, what_was_written_before_the_push_is_seen_by_the_consumer) {
    injection_queue q;
    int payload = 0;
    const model_thread producer([&] {
        payload = 7;
        q.push(&payload);
    });
    require(take_all(q, 1, 1) == 7, "the payload");
}

MODEL(injection_model, the_consumer_frees_what_the_producer_made) {
    injection_queue q;
    const model_thread producer([&] { q.push(new int(5)); });
    std::array<void*, 1> out{};
    while (q.take(out.data(), 1) == 0) {
        sync::yield_thread();
    }
    require(*static_cast<int*>(out[0]) == 5, "the payload");
    delete static_cast<int*>(out[0]);
}

MODEL(injection_model, two_producers_lose_nothing) {
    injection_queue q;
    std::array<int, 2> payloads{1, 10};
    {
        const model_thread first([&] { q.push(&payloads[0]); });
        const model_thread second([&] { q.push(&payloads[1]); });
    }
    require(q.size() == 2, "both are counted");
    require(take_all(q, 2, 2) == 11, "both are there");
    require(q.size() == 0, "nothing is left");
}

MODEL(injection_model, two_producers_and_a_consumer_that_takes_one_by_one) {
    injection_queue q;
    std::array<int, 2> payloads{};
    const model_thread first([&] {
        payloads[0] = 1;
        q.push(&payloads[0]);
    });
    const model_thread second([&] {
        payloads[1] = 10;
        q.push(&payloads[1]);
    });
    require(take_all(q, 2, 1) == 11, "each once");
}

MODEL(injection_model, one_item_goes_to_one_of_two_consumers) {
    injection_queue q;
    int payload = 3;
    q.push(&payload);
    std::array<std::size_t, 2> taken{};
    std::array<void*, 2> out{};
    {
        const model_thread other([&] { taken[1] = q.take(&out[1], 1); });
        taken[0] = q.take(&out[0], 1);
    }
    require(taken[0] + taken[1] == 1, "one of them has it");
    require(out[taken[0] == 1 ? 0 : 1] == &payload, "and has it whole");
}

MODEL(injection_model, two_consumers_share_three_items) {
    injection_queue q;
    std::array<int, 3> payloads{1, 10, 100};
    for (int& p : payloads) {
        q.push(&p);
    }
    std::array<std::array<void*, 2>, 2> out{};
    std::array<std::size_t, 2> taken{};
    {
        const model_thread other([&] { taken[1] = q.take(out[1].data(), 2); });
        taken[0] = q.take(out[0].data(), 2);
    }
    int sum = 0;
    for (const auto& batch : out) {
        for (void* const item : batch) {
            sum += item != nullptr ? *static_cast<int*>(item) : 0;
        }
    }
    require(taken[0] + taken[1] == 3, "all are claimed");
    require(sum == 111, "each item once");
}

MODEL(injection_model, items_of_one_producer_keep_their_order) {
    injection_queue q;
    std::array<int, 3> payloads{};
    const model_thread producer([&] {
        for (int& p : payloads) {
            q.push(&p);
        }
    });
    int next = 0;
    while (next < 3) {
        std::array<void*, 2> out{};
        const std::size_t taken = q.take(out.data(), 2);
        for (std::size_t i = 0; i < taken; ++i) {
            require(out[i] == &payloads[static_cast<std::size_t>(next++)], "first in, first out");
        }
        if (taken == 0) {
            sync::yield_thread();
        }
    }
}

MODEL(injection_model, a_batch_leaves_what_is_beyond_its_size) {
    injection_queue q;
    std::array<int, 3> payloads{1, 10, 100};
    q.push(&payloads[0]);
    q.push(&payloads[1]);
    std::array<void*, 2> out{};
    {
        const model_thread producer([&] { q.push(&payloads[2]); });
        require(q.take(out.data(), 2) >= 1, "what was there before can be claimed");
    }
    const int first = *static_cast<int*>(out[0]) + (out[1] != nullptr ? *static_cast<int*>(out[1]) : 0);
    require(first + take_all(q, out[1] != nullptr ? 1 : 2, 2) == 111, "the rest comes later");
}

MODEL(injection_model, the_only_consumer_gets_what_the_size_said) {
    injection_queue q;
    int payload = 1;
    const model_thread producer([&] {
        q.push(&payload);
        q.push(&payload);
    });
    const std::size_t seen = q.size();
    std::array<void*, 2> out{};
    require(q.take(out.data(), 2) >= seen, "INJ1: what is counted can be claimed");
}

MODEL(injection_model, a_count_of_zero_means_that_all_is_claimed) {
    injection_queue q;
    int payload = 1;
    sync::atomic<bool> pushed{false};
    const model_thread producer([&] {
        q.push(&payload);
        pushed.store(true, std::memory_order_release);  // pairs: the load below
    });
    if (pushed.load(std::memory_order_acquire)) {  // pairs: the store above
        require(q.size() == 1, "INJ2: it is counted and nobody has claimed it");
    }
}

MODEL_WITH(injection_model, a_take_survives_failures_without_a_reason, [] {
    settings s;
    s.bounds.spurious = 4;
    return s;
}()) {
    injection_queue q;
    int payload = 2;
    q.push(&payload);
    q.push(&payload);
    std::array<void*, 2> out{};
    require(q.take(out.data(), 2) == 2, "a claim is fetched whole, however often the queue says that it is empty");
}

MODEL_WITH(injection_model, producers_and_consumers_in_pairs, thorough(2, 6'000)) {
    injection_queue q;
    std::array<int, 2> payloads{};
    std::array<int, 2> sums{};
    {
        const model_thread first([&] {
            payloads[0] = 1;
            q.push(&payloads[0]);
        });
        const model_thread second([&] {
            payloads[1] = 10;
            q.push(&payloads[1]);
        });
        const model_thread consumer([&] { sums[1] = take_all(q, 1, 1); });
        sums[0] = take_all(q, 1, 1);
    }
    require(sums[0] + sums[1] == 11, "each item once, and complete");
}

}  // namespace
}  // namespace explore
