// Litmus tests: for each program, the outcomes that C++20 allows and those that the explorer finds are the same.
//
// Each case names one outcome and says by hand whether it is allowed; the whole set is compared with the axioms
// (litmus/axioms.cc). The hand checks the axioms, and the axioms check the explorer.
#include <gtest/gtest.h>

#include "tests/explore/litmus/program.hpp"
#include "tests/explore/litmus/verdict.hpp"

namespace explore::litmus {
namespace {

// ---------------------------------------------------------------------------------------------------- store buffering

program store_buffering(std::memory_order w, std::memory_order r, const thread_code& between = {}) {
    program p{{store(x, 1, w)}, {store(y, 1, w)}};
    for (thread_code& t : p) {
        t.insert(t.end(), between.begin(), between.end());
    }
    p[0].push_back(load(y, r));
    p[1].push_back(load(x, r));
    return p;
}

TEST(litmus_store_buffering, is_allowed_short_of_seq_cst) {
    expect(allowed_outcome, {0, 0}, store_buffering(rlx, rlx));
    // Surprising to many: acquire and release order nothing here, since neither load reads from a store.
    expect(allowed_outcome, {0, 0}, store_buffering(rel, acq));
    expect(allowed_outcome, {0, 0}, store_buffering(sc, acq));
    expect(allowed_outcome, {0, 0}, store_buffering(rel, sc));
    expect(forbidden_outcome, {0, 0}, store_buffering(sc, sc));
}

TEST(litmus_store_buffering, is_forbidden_by_seq_cst_fences_only) {
    expect(allowed_outcome, {0, 0}, store_buffering(rlx, rlx, {fence(acq_rel)}));
    expect(forbidden_outcome, {0, 0}, store_buffering(rlx, rlx, {fence(sc)}));
    // One fence is not enough.
    expect(allowed_outcome, {0, 0}, {{store(x, 1, rlx), fence(sc), load(y, rlx)}, {store(y, 1, rlx), load(x, rlx)}});
    // A fence on one side and sequentially consistent accesses on the other are (since P0668).
    expect(forbidden_outcome, {0, 0}, {{store(x, 1, rlx), fence(sc), load(y, rlx)}, {store(y, 1, sc), load(x, sc)}});
}

TEST(litmus_store_buffering, is_allowed_with_read_modify_writes_of_a_third_object_unless_it_is_the_same) {
    // An RMW is no fence for other objects, even a sequentially consistent one (oneTBB #2136).
    expect(allowed_outcome, {0, 0, 0, 0},
           {{store(x, 1, rlx), add(z, 1, sc), load(y, acq)}, {store(y, 1, rlx), add(z + 1, 1, sc), load(x, acq)}});
    // But of two on the same object the later one acquires what the earlier one released.
    expect(
        forbidden_outcome, {any, 0, any, 0},
        {{store(x, 1, rlx), add(z, 1, acq_rel), load(y, rlx)}, {store(y, 1, rlx), add(z, 1, acq_rel), load(x, rlx)}});
}

// ---------------------------------------------------------------------------------------------------- message passing

program message_passing(std::memory_order w, std::memory_order r) {
    return {{store(x, 1, rlx), store(y, 1, w)}, {load(y, r), load(x, rlx)}};
}

TEST(litmus_message_passing, needs_both_release_and_acquire) {
    expect(allowed_outcome, {1, 0}, message_passing(rlx, rlx));
    expect(allowed_outcome, {1, 0}, message_passing(rel, rlx));
    expect(allowed_outcome, {1, 0}, message_passing(rlx, acq));
    expect(forbidden_outcome, {1, 0}, message_passing(rel, acq));
    expect(forbidden_outcome, {1, 0}, message_passing(sc, sc));
}

TEST(litmus_message_passing, works_through_fences) {
    const auto with = [](std::memory_order before, std::memory_order behind) -> program {
        return {{store(x, 1, rlx), fence(before), store(y, 1, rlx)}, {load(y, rlx), fence(behind), load(x, rlx)}};
    };
    expect(forbidden_outcome, {1, 0}, with(rel, acq));
    expect(forbidden_outcome, {1, 0}, with(acq_rel, acq_rel));
    expect(forbidden_outcome, {1, 0}, with(sc, sc));
    expect(allowed_outcome, {1, 0}, with(acq, acq));
    expect(allowed_outcome, {1, 0}, with(rel, rel));
    // A fence and an access.
    expect(forbidden_outcome, {1, 0}, {{store(x, 1, rlx), fence(rel), store(y, 1, rlx)}, {load(y, acq), load(x, rlx)}});
    expect(forbidden_outcome, {1, 0}, {{store(x, 1, rlx), store(y, 1, rel)}, {load(y, rlx), fence(acq), load(x, rlx)}});
    // The release store orders what comes before it, not what comes after.
    expect(allowed_outcome, {1, 0}, {{store(y, 1, rel), store(x, 1, rlx)}, {load(y, acq), load(x, rlx)}});
}

// --------------------------------------------------------------------------------------------------------- coherence

TEST(litmus_coherence, of_one_object_holds_for_relaxed_operations) {
    // CoRR: two reads of one thread do not go back.
    expect(forbidden_outcome, {1, 0}, {{store(x, 1, rlx)}, {load(x, rlx), load(x, rlx)}});
    // Nor do two readers disagree about the order of two stores.
    expect(forbidden_outcome, {1, 2, 2, 1},
           {{store(x, 1, rlx)}, {store(x, 2, rlx)}, {load(x, rlx), load(x, rlx)}, {load(x, rlx), load(x, rlx)}});
    // CoWW: the last value is the later store's.
    expect(forbidden_outcome, {1}, {{store(x, 1, rlx), store(x, 2, rlx)}});
    // CoRW: a read does not see a store that stands behind the thread's own later one.
    expect(forbidden_outcome, {2, 2}, {{load(x, rlx), store(x, 1, rlx)}, {store(x, 2, rlx)}});
    expect(forbidden_outcome, {1, any}, {{load(x, rlx), store(x, 1, rlx)}, {store(x, 2, rlx)}});
    // CoWR: a read sees the thread's own store or a later one.
    expect(forbidden_outcome, {0, any}, {{store(x, 1, rlx), load(x, rlx)}, {store(x, 2, rlx)}});
    expect(forbidden_outcome, {2, 1}, {{store(x, 1, rlx), load(x, rlx)}, {store(x, 2, rlx)}});
}

TEST(litmus_coherence, many_reads_before_one_store_all_read_what_was_there) {
    const program p{{store(x, 1, rlx)}, {load(x, rlx), load(x, rlx), load(x, rlx), load(x, rlx)}};
    expect(allowed_outcome, {0, 0, 0, 0}, p);
    // Even where a thread does not read the same old value for ever: it can go first.
    EXPECT_EQ(explored(p, {.stale_reads = 2}).found, allowed(p, letter::standard));
}

TEST(litmus_coherence, a_store_may_stand_before_one_that_was_made_earlier) {
    // 2+2W
    const auto both = [](std::memory_order o) -> program {
        return {{store(x, 1, o), store(y, 2, o)}, {store(y, 1, o), store(x, 2, o)}};
    };
    expect(allowed_outcome, {1, 1}, both(rlx));
    expect(allowed_outcome, {1, 1}, both(rel));
    expect(forbidden_outcome, {1, 1}, both(sc));
    expect(forbidden_outcome, {1, 1},
           {{store(x, 1, rlx), fence(sc), store(y, 2, rlx)}, {store(y, 1, rlx), fence(sc), store(x, 2, rlx)}});
}

TEST(litmus_coherence, s_and_r_need_seq_cst) {
    const auto s = [](std::memory_order w, std::memory_order r, std::memory_order last) -> program {
        return {{store(x, 2, rlx), store(y, 1, w)}, {load(y, r), store(x, 1, last)}};
    };
    expect(allowed_outcome, {1, 2, 1}, s(rlx, rlx, rlx));
    expect(allowed_outcome, {1, 2, 1}, s(rel, rlx, rlx));
    expect(forbidden_outcome, {1, 2, 1}, s(rel, acq, rlx));
    const auto r = [](std::memory_order o, std::memory_order last, const thread_code& between) -> program {
        program p{{store(x, 1, o), store(y, 1, o)}, {store(y, 2, o), load(x, last)}};
        for (thread_code& t : p) {
            t.insert(t.begin() + 1, between.begin(), between.end());
        }
        return p;
    };
    expect(allowed_outcome, {0, 1, 2}, r(rlx, rlx, {}));
    expect(allowed_outcome, {0, 1, 2}, r(rel, acq, {}));
    expect(allowed_outcome, {0, 1, 2}, r(sc, acq, {}));
    expect(forbidden_outcome, {0, 1, 2}, r(sc, sc, {}));
    expect(forbidden_outcome, {0, 1, 2}, r(rlx, rlx, {fence(sc)}));
    expect(allowed_outcome, {0, 1, 2}, r(rlx, rlx, {fence(acq_rel)}));
}

// -------------------------------------------------------------------------------------------- more than two threads

TEST(litmus_iriw, readers_agree_about_independent_stores_under_seq_cst_only) {
    const auto iriw = [](std::memory_order w, std::memory_order r) -> program {
        return {{store(x, 1, w)}, {store(y, 1, w)}, {load(x, r), load(y, r)}, {load(y, r), load(x, r)}};
    };
    expect(allowed_outcome, {1, 0, 1, 0}, iriw(rlx, rlx));
    expect(allowed_outcome, {1, 0, 1, 0}, iriw(rel, acq));
    // Surprising: the stores need not be. Each load that missed a store is ordered before every load that saw it.
    expect(forbidden_outcome, {1, 0, 1, 0}, iriw(rel, sc));
    expect(allowed_outcome, {1, 0, 1, 0}, iriw(sc, acq));
    expect(forbidden_outcome, {1, 0, 1, 0}, iriw(sc, sc));
}

// Two loads do not commute in S: who has read a newer store keeps a later one from reading an older. The reduction once
// took them for independent.
TEST(litmus_iriw, a_seq_cst_load_before_another_may_read_what_is_older) {
    expect(allowed_outcome, {7, 0, 30, 1},
           {{store(y, 1, rel), store(x, 30, rel)}, {load(x, rlx), load(y, sc)}, {swap(x, 7, acq), load(y, sc)}});
}

TEST(litmus_iriw, fences_between_the_reads_make_readers_agree) {
    const auto iriw = [](std::memory_order f) -> program {
        return {{store(x, 1, rlx)},
                {store(y, 1, rlx)},
                {load(x, rlx), fence(f), load(y, rlx)},
                {load(y, rlx), fence(f), load(x, rlx)}};
    };
    expect(forbidden_outcome, {1, 0, 1, 0}, iriw(sc));  // since P0668; C++11 allowed it
    expect(allowed_outcome, {1, 0, 1, 0}, iriw(acq_rel));
}

TEST(litmus_causality, happens_before_is_transitive) {
    const auto wrc = [](std::memory_order w, std::memory_order r) -> program {
        return {{store(x, 1, w)}, {load(x, r), store(y, 1, w)}, {load(y, r), load(x, rlx)}};
    };
    expect(allowed_outcome, {1, 1, 0}, wrc(rlx, rlx));
    expect(forbidden_outcome, {1, 1, 0}, wrc(rel, acq));
    const auto isa2 = [](std::memory_order w, std::memory_order r) -> program {
        return {{store(x, 1, rlx), store(y, 1, w)}, {load(y, r), store(z, 1, w)}, {load(z, r), load(x, rlx)}};
    };
    expect(allowed_outcome, {1, 1, 0}, isa2(rlx, rlx));
    expect(forbidden_outcome, {1, 1, 0}, isa2(rel, acq));
    expect(allowed_outcome, {1, 1, 0}, isa2(rel, rlx));
    // Read to write: the sequentially consistent fences of two threads order a third thread's store.
    expect(allowed_outcome, {1, 0, 0},
           {{store(x, 1, rlx)}, {load(x, acq), load(y, acq)}, {store(y, 1, rel), load(x, acq)}});
    expect(forbidden_outcome, {1, 0, 0},
           {{store(x, 1, rlx)}, {load(x, rlx), fence(sc), load(y, rlx)}, {store(y, 1, rlx), fence(sc), load(x, rlx)}});
}

}  // namespace
}  // namespace explore::litmus
