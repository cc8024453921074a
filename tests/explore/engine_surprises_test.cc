// Time limits, spurious wake-ups and failures, exceptions, invariants, thread-local pointers; printing and replaying;
// and the searches by dice.
#include <chrono>
#include <stdexcept>
#include <string>

#include <gmock/gmock.h>
#include <brigade/detail/sync.hpp>

#include <brigade/detail/deque.hpp>
#include "tests/explore/model.hpp"

namespace explore {
namespace {

namespace sync = brigade::detail::sync;
using sync::atomic;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

constexpr auto relaxed = std::memory_order_relaxed;

// Whether some schedule makes the body call the function that it is given. Nothing else may go wrong.
bool can_happen(const std::function<void(const std::function<void()>&)>& body, const settings& s = {}) {
    bool happened = false;
    const std::function<void()> mark = [&] { happened = true; };
    const report r = search(s, [&] { body(mark); });
    EXPECT_FALSE(r.failed) << r.message << "\n" << r.trace;
    EXPECT_TRUE(r.complete);
    return happened;
}

settings with(unsigned spurious, unsigned timeouts) {
    settings s;
    s.bounds.spurious = spurious;
    s.bounds.timeouts = timeouts;
    return s;
}

// --------------------------------------------------------------------------------------------------------- surprises

void wait_for_a_second(const std::function<void()>& on_timeout) {
    sync::mutex m;
    sync::condition_variable c;
    bool ready = false;
    const model_thread other([&] {
        {
            const sync::lock l(m);
            ready = true;
        }
        c.notify_one();
    });
    sync::lock l(m);
    const auto before = sync::clock::now();
    if (!c.wait_for(l, std::chrono::seconds(1), [&] { return ready; })) {
        require(sync::clock::now() >= before + std::chrono::seconds(1), "time has passed");
        on_timeout();
    }
}

TEST(explorer_time, a_limit_ends_a_wait_as_often_as_the_budget_says) {
    EXPECT_TRUE(can_happen(wait_for_a_second, with(0, 1)));
    EXPECT_FALSE(can_happen(wait_for_a_second, with(0, 0)));
}

TEST(explorer_time, comes_when_nobody_can_go_on) {
    const auto body = [](const std::function<void()>& on_timeout) {
        sync::mutex m;
        sync::condition_variable c;
        sync::lock l(m);
        if (!c.wait_for(l, std::chrono::seconds(1), [] { return false; })) {
            on_timeout();
        }
    };
    EXPECT_TRUE(can_happen(body, with(0, 0)));
}

TEST(explorer_spurious, futexes_and_conditions_return_for_no_reason) {
    const auto futex = [](const std::function<void()>& on_return) {
        atomic<std::uint32_t> word(0);
        const model_thread waiter([&] {
            sync::futex_wait(word, 0);
            if (word.load(std::memory_order_seq_cst) == 0) {
                on_return();
            }
        });
        word.store(1, std::memory_order_seq_cst);
        sync::futex_wake(word);
    };
    EXPECT_TRUE(can_happen(futex, with(1, 0)));
    EXPECT_FALSE(can_happen(futex, with(0, 0)));
    const auto condition = [](const std::function<void()>& on_return) {
        sync::mutex m;
        sync::condition_variable c;
        bool ready = false;
        const model_thread waiter([&] {
            sync::lock l(m);
            if (!ready) {
                c.wait(l);
                if (!ready) {
                    on_return();
                }
            }
        });
        const sync::lock l(m);
        ready = true;
        c.notify_one();
    };
    EXPECT_TRUE(can_happen(condition, with(1, 0)));
    EXPECT_FALSE(can_happen(condition, with(0, 0)));
}

TEST(explorer_spurious, weak_compare_exchanges_fail_and_strong_ones_do_not) {
    const auto weak = [](const std::function<void()>& on_failure) {
        atomic<int> a(0);
        int expected = 0;
        if (!a.compare_exchange_weak(expected, 1, relaxed, relaxed)) {
            require(expected == 0, "what was there is given");
            on_failure();
        }
    };
    EXPECT_TRUE(can_happen(weak, with(1, 0)));
    EXPECT_FALSE(can_happen(weak, with(0, 0)));
    const auto strong = [](const std::function<void()>& on_failure) {
        atomic<int> a(0);
        int expected = 0;
        if (!a.compare_exchange_strong(expected, 1, relaxed, relaxed)) {
            on_failure();
        }
    };
    EXPECT_FALSE(can_happen(strong, with(1, 0)));
}

TEST(explorer_exceptions, of_two_threads_that_are_handled_at_the_same_time_do_not_mix) {
    const auto body = [](const std::function<void()>& on_end) {
        atomic<int> a(0);
        const auto handle = [&](const char* mine) {
            try {
                throw std::runtime_error(mine);
            } catch (const std::exception&) {
                a.fetch_add(1, relaxed);  // others run
                try {
                    throw;
                } catch (const std::exception& again) {
                    a.fetch_add(1, relaxed);
                    require(std::string(again.what()) == mine, "the exception is the thread's own");
                }
            }
            require(std::current_exception() == nullptr, "nothing is being handled any more");
            require(std::uncaught_exceptions() == 0, "nothing is on its way");
        };
        {
            const model_thread other([&] { handle("one"); });
            handle("two");
        }
        on_end();
    };
    EXPECT_TRUE(can_happen(body));
}

void throw_it(const char* what) {
    throw std::runtime_error(what);
}

TEST(explorer_exceptions, that_leave_a_thread_or_a_noexcept_function_are_failures) {
    EXPECT_THAT(search({}, [] { const model_thread t([] { throw std::runtime_error("lost"); }); }).message,
                HasSubstr("an exception left a thread: lost"));
    EXPECT_THAT(search({}, [] { []() noexcept { throw_it("stopped"); }(); }).message,
                HasSubstr("std::terminate was called: stopped"));
}

TEST(explorer_invariant, that_does_not_hold_is_named) {
    const report r = search({}, [] {
        atomic<int> a(0);
        const model_thread other([&] { a.store(1, relaxed); });
        a.fetch_add(0, relaxed);
        sync::invariant("INV7", [&] { return a.load(relaxed) == 0; });
    });
    EXPECT_TRUE(r.failed);
    EXPECT_THAT(r.message, ContainsRegex("the invariant INV7 does not hold \\(.*engine_surprises_test.cc:[0-9]+\\)"));
}

TEST(explorer_thread_local, each_thread_has_its_own_pointer_and_it_is_null_at_first) {
    const auto body = [](const std::function<void()>& on_end) {
        using pointer = sync::thread_pointer<int>;
        atomic<int> a(0);
        const auto use = [&] {
            int mine = 0;
            require(pointer::get() == nullptr, "null at first");
            pointer::set(&mine);
            a.fetch_add(1, relaxed);  // others run
            require(pointer::get() == &mine, "its own");
        };
        {
            const model_thread one(use);
            const model_thread two(use);
            use();
        }
        on_end();
    };
    EXPECT_TRUE(can_happen(body));
}

// ----------------------------------------------------------------------------------------------- printing, replaying

void lose_an_update() {
    atomic<int> a(0);
    {
        const auto add = [&] { a.store(a.load(relaxed) + 1, relaxed); };
        const model_thread other(add);
        add();
    }
    require(a.load(relaxed) == 2, "both have counted");
}

TEST(explorer_print, has_one_line_a_step_with_thread_operation_values_and_source) {
    const report r = search({}, &lose_an_update);
    ASSERT_TRUE(r.failed);
    EXPECT_THAT(r.message, ContainsRegex("not so: both have counted \\(.*engine_surprises_test.cc:[0-9]+\\)"));
    EXPECT_THAT(r.trace, ContainsRegex("  1  T0  start T1 +tests/explore/engine_surprises_test.cc:[0-9]+ "));
    EXPECT_THAT(r.trace, ContainsRegex("T[01]  load #0 relaxed = 0 "));
    EXPECT_THAT(r.trace, ContainsRegex("T[01]  store #0 relaxed := 1 "));
    EXPECT_THAT(r.trace, ContainsRegex("  T0  join T1 "));
}

TEST(explorer_print, quotes_the_source_of_the_runtime) {
    const report r = replay({}, "0", [] {
        brigade::detail::deque d(2);
        int item = 0;
        d.push(&item);
    });
    EXPECT_THAT(r.trace, ContainsRegex("brigade/detail/fifo.hpp:[0-9]+  newest_ring_.slot\\(bottom\\).store\\(item"));
}

TEST(explorer_print, marks_a_load_that_reads_an_old_value) {
    const report r = search({}, [] {
        atomic<int> a(0);
        atomic<bool> done(false);
        const model_thread other([&] {
            a.store(1, relaxed);
            done.store(true, relaxed);
        });
        require(!done.load(relaxed) || a.load(relaxed) == 1, "the stores are seen in order");
    });
    ASSERT_TRUE(r.failed);
    EXPECT_THAT(r.trace, HasSubstr("= 0 (old)"));
}

TEST(explorer_replay, of_a_printed_schedule_fails_in_the_same_way_and_of_another_program_does_not_hang) {
    const report r = search({}, &lose_an_update);
    ASSERT_TRUE(r.failed);
    const report again = replay({}, r.schedule, &lose_an_update);
    EXPECT_EQ(again.message, r.message);
    EXPECT_EQ(again.trace, r.trace);
    EXPECT_EQ(again.schedule, r.schedule);
    EXPECT_FALSE(replay({}, r.schedule, [] { const atomic<int> a(0); }).failed);
}

TEST(explorer_replay, rejects_what_is_not_a_schedule) {
    for (const char* const nonsense :
         {"x", "1,,2", "1,x", "*3", "1*", "1*x", "-1", "1;2", "1 2", "99999999999999999999", "1*99999999999"}) {
        EXPECT_THROW((void)replay({}, nonsense, &lose_an_update), std::invalid_argument) << nonsense;
    }
}

// -------------------------------------------------------------------------------------------------------------- dice

// Fails only if the other thread runs between two steps of this one: depth 2.
void planted_at_depth_two() {
    atomic<int> a(0);
    atomic<int> noise(0);
    {
        const model_thread other([&] {
            for (int i = 0; i < 5; ++i) {
                noise.store(i, relaxed);
            }
            a.fetch_add(1, relaxed);
        });
        const int before = a.fetch_add(0, relaxed);
        const int after = a.fetch_add(0, relaxed);
        require(before == after, "nobody comes in between");
    }
}

TEST(explorer_dice, find_a_planted_bug_of_depth_two) {
    for (const bool pct : {false, true}) {
        settings s;
        s.exhaustive = 0;
        s.random = pct ? 0 : 2'000;
        s.pct = pct ? 2'000 : 0;
        s.pct_depth = 2;
        const report r = search(s, &planted_at_depth_two);
        EXPECT_TRUE(r.failed) << (pct ? "PCT" : "random");
        EXPECT_EQ(replay(s, r.schedule, &planted_at_depth_two).message, r.message);
        RecordProperty(pct ? "pct" : "random", static_cast<int>(r.schedules));
    }
}

TEST(explorer_dice, say_that_they_have_not_tried_everything) {
    settings s;
    s.exhaustive = 1;
    s.random = 10;
    s.pct = 10;
    EXPECT_FALSE(search(s, [] {
                     atomic<int> a(0);
                     const model_thread other([&] { a.store(1, relaxed); });
                     a.store(2, relaxed);
                 }).complete);
}

}  // namespace
}  // namespace explore
