// The outcomes of a program as the explorer finds them.
#include <memory>

#include <brigade/detail/sync.hpp>

#include "tests/explore/engine.hpp"
#include "tests/explore/litmus/program.hpp"
#include "tests/explore/trace.hpp"

namespace explore::litmus {

namespace {

using brigade::detail::sync::atomic;
using objects = std::vector<std::unique_ptr<atomic<int>>>;

// Gives what it read, if it reads.
int execute(const instruction& i, const objects& all) {
    const auto here = std::source_location::current();
    atomic<int>* const a = i.what < action::fence ? all[i.object].get() : nullptr;
    switch (i.what) {
        case action::load:
            return a->load(i.order);
        case action::store:
            a->store(i.value, i.order);
            break;
        case action::add:
            return a->fetch_add(i.value, i.order);
        case action::swap:
            return a->exchange(i.value, i.order);
        case action::compare_swap: {
            int expected = i.expected;
            a->compare_exchange_strong(expected, i.value, i.order, i.failure);
            return expected;
        }
        case action::fence:
            engine::the().fence(operation::fence, i.order, here);
            break;
        case action::light_fence:
            brigade::detail::sync::asymmetric_fence_light();
            break;
        case action::heavy_fence:
            brigade::detail::sync::asymmetric_fence_heavy();
            break;
    }
    return 0;
}

// `result` has room already: what is allocated here belongs to the model.
void run(const program& p, outcome& result) {
    objects all;
    for (unsigned o = object_count(p); o != 0; --o) {
        all.push_back(std::make_unique<atomic<int>>(0));
    }
    std::vector<brigade::detail::sync::thread> threads;
    std::size_t at = 0;
    for (const thread_code& code : p) {
        threads.emplace_back([&code, &all, &result, at] {
            std::size_t next = at;
            for (const instruction& i : code) {
                const int value = execute(i, all);
                if (reads(i)) {
                    result[next++] = value;
                }
            }
        });
        for (const instruction& i : code) {
            at += reads(i) ? 1U : 0U;
        }
    }
    for (brigade::detail::sync::thread& t : threads) {
        t.join();
    }
    for (const auto& a : all) {
        result[at++] = a->load(rlx);
    }
}

const char* name_of(action a) {
    static constexpr const char* names[] = {"load",         "store", "add",         "swap",
                                            "compare_swap", "fence", "light fence", "heavy fence"};
    return names[static_cast<std::size_t>(a)];
}

}  // namespace

explored_outcomes explored(const program& p, const exploration& how) {
    std::size_t room = object_count(p);
    for (const thread_code& code : p) {
        for (const instruction& i : code) {
            room += reads(i) ? 1U : 0U;
        }
    }
    outcome result(room);
    explored_outcomes all;
    const limits bounds{.stale_reads = how.stale_reads, .early_stores = true, .future_reads = how.future_reads};
    const std::unique_ptr<choices> search = exhaustive_search(how.preemptions, how.limit, how.reduce);
    while (search->begin()) {
        const run_result r = engine::the().run(*search, bounds, [&] { run(p, result); });
        ++all.schedules;
        if (r.failed) {
            all.found.insert(outcome{-1});  // never expected
            return all;
        }
        if (!r.infeasible) {
            all.found.insert(result);
        }
    }
    all.complete = search->complete();
    return all;
}

std::string print(const program& p) {
    std::string text;
    for (const thread_code& code : p) {
        text += "  thread:";
        for (const instruction& i : code) {
            text += std::string(" ") + name_of(i.what);
            if (i.what < action::fence) {
                text += std::string(" ") + "xyz"[i.object];
            }
            if (i.what == action::compare_swap) {
                text += " from " + std::to_string(i.expected);
            }
            if (i.what != action::load && i.what < action::fence) {
                text += " " + std::to_string(i.value);
            }
            if (i.what <= action::fence) {
                text += std::string(" ") + explore::name_of(i.order);
            }
            if (i.what == action::compare_swap) {
                text += std::string("/") + explore::name_of(i.failure);
            }
            text += ";";
        }
        text += "\n";
    }
    return text;
}

std::string print(const outcomes& all) {
    std::string text;
    for (const outcome& o : all) {
        text += " (";
        for (std::size_t i = 0; i < o.size(); ++i) {
            text += (i == 0 ? "" : ",") + std::to_string(o[i]);
        }
        text += ")";
    }
    return text;
}

}  // namespace explore::litmus
