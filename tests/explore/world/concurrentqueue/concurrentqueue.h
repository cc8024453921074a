// The explorer's stand-in for moodycamel::ConcurrentQueue: what its users may rely on, and no more.
//
// Items of one producer come out in their order; those of different producers in any. A dequeue may find nothing, or
// less than there is, although items are there. Who takes an item sees what was done before it was enqueued, and learns
// nothing else.
#pragma once

#include <cstddef>
#include <list>
#include <source_location>
#include <utility>

#include "tests/explore/engine.hpp"

namespace moodycamel {

template <class T>
class ConcurrentQueue {
public:
    ConcurrentQueue() : order_(explore::engine::the().create_object()) {}

    bool enqueue(T item, std::source_location where = std::source_location::current()) {
        explore::engine& e = explore::engine::the();
        explore::sync_object& hand_over = e.create_object();
        e.change_object(order_, explore::operation::hand_over, where);
        e.publish_to(hand_over);
        const bool was_in_model = std::exchange(explore::engine::in_model, false);
        items_.push_back({std::move(item), e.current(), &hand_over});
        explore::engine::in_model = was_in_model;
        return true;
    }

    template <class Out>
    std::size_t try_dequeue_bulk(Out out, std::size_t most,
                                 std::source_location where = std::source_location::current()) {
        explore::engine& e = explore::engine::the();
        e.change_object(order_, explore::operation::hand_over, where);
        std::size_t taken = 0;
        while (taken < most && !items_.empty() && !e.fails_spuriously(where)) {
            const auto from = e.pick_one(items_, [](const entry& x) { return x.producer; });
            e.learn_from(*from->hand_over);
            *out++ = static_cast<T&&>(from->item);
            const bool was_in_model = std::exchange(explore::engine::in_model, false);
            items_.erase(from);
            explore::engine::in_model = was_in_model;
            ++taken;
        }
        if (taken < most) {
            e.yield(where);  // who needs the rest comes again
        }
        return taken;
    }

private:
    struct entry {
        T item;
        unsigned producer;
        explore::sync_object* hand_over;
    };

    explore::sync_object& order_;
    std::list<entry> items_;  // in the order of arrival; not the model's memory
};

}  // namespace moodycamel
