// What the explorer must find, must not find, and how it says so.
#include <chrono>
#include <stdexcept>
#include <string>

#include <gmock/gmock.h>
#include <brigade/detail/sync.hpp>

#include "tests/explore/model.hpp"

namespace explore {
namespace {

namespace sync = brigade::detail::sync;
using sync::atomic;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

constexpr auto relaxed = std::memory_order_relaxed;
constexpr auto acquire = std::memory_order_acquire;
constexpr auto release = std::memory_order_release;

void expect_failure(const char* message, const std::function<void()>& body, const settings& s = {}) {
    const report r = search(s, body);
    EXPECT_TRUE(r.failed) << "not found in " << r.schedules << " schedules: " << message;
    EXPECT_THAT(r.message, ContainsRegex(message)) << r.trace;
    // What was printed leads there again.
    const report again = replay(s, r.schedule, body);
    EXPECT_EQ(again.message, r.message);
    EXPECT_EQ(again.trace, r.trace);
}

void expect_none(const std::function<void()>& body, const settings& s = {}) {
    const report r = search(s, body);
    EXPECT_FALSE(r.failed) << r.message << "\n" << r.trace;
    EXPECT_TRUE(r.complete);
}

// -------------------------------------------------------------------------------------------------------- data races

TEST(explorer_data_race, on_a_plain_object_is_found_and_both_places_are_named) {
    expect_failure("data race: T[01] (reads|writes) at .*engine_test.cc.*, and T[01] (read|wrote) at .*engine_test.cc",
                   [] {
                       int plain = 0;
                       const model_thread writer([&] { plain = 1; });
                       [[maybe_unused]] const volatile int seen = plain;
                   });
}

TEST(explorer_data_race, needs_a_write) {
    expect_none([] {
        int plain = 7;
        const model_thread reader([&] { require(plain == 7, "the value"); });
        require(plain == 7, "the value");
    });
}

TEST(explorer_data_race, of_neighbours_in_one_word_is_none) {
    expect_none([] {
        struct {
            char left = 0;
            char right = 0;
        } pair;
        const model_thread writer([&] { pair.left = 1; });
        pair.right = 1;
    });
}

// A message in a plain object, published with the given orders.
void pass_message(std::memory_order published, std::memory_order seen) {
    int message = 0;
    atomic<bool> ready(false);
    const model_thread writer([&] {
        message = 42;
        ready.store(true, published);
    });
    if (ready.load(seen)) {
        require(message == 42, "the message");
    }
}

TEST(explorer_data_race, is_ordered_by_release_and_acquire_and_by_nothing_less) {
    expect_none([] { pass_message(release, acquire); });
    expect_failure("data race", [] { pass_message(relaxed, acquire); });
    expect_failure("data race", [] { pass_message(release, relaxed); });
}

TEST(explorer_data_race, is_ordered_by_a_lock) {
    expect_none([] {
        sync::mutex m;
        int plain = 0;
        const auto count = [&] {
            const sync::lock l(m);
            ++plain;
        };
        const model_thread other(count);
        count();
    });
    expect_failure("data race", [] {
        sync::mutex one;
        sync::mutex another;
        int plain = 0;
        const model_thread other([&] {
            const sync::lock l(one);
            ++plain;
        });
        const sync::lock l(another);
        ++plain;
    });
}

TEST(explorer_data_race, is_ordered_by_the_start_and_the_end_of_a_thread) {
    expect_none([] {
        int plain = 1;
        model_thread other([&] { ++plain; });
        other.join();
        require(plain == 2, "both have been there");
    });
}

// A futex wakes; it does not publish.
TEST(explorer_data_race, is_not_ordered_by_a_futex) {
    expect_failure("data race", [] {
        int plain = 0;
        atomic<std::uint32_t> word(0);
        const model_thread waiter([&] {
            while (word.load(relaxed) == 0) {
                sync::futex_wait(word, 0);
            }
            require(plain == 1, "the value");
        });
        plain = 1;
        word.store(1, relaxed);
        sync::futex_wake(word);
    });
}

// ------------------------------------------------------------------------------------------------------------ memory

TEST(explorer_memory, use_after_free_is_found) {
    expect_failure("(read of|write to) memory that was freed|data race", [] {
        int* const p = new int(1);
        model_thread other([&] { delete p; });
        *p = 2;
    });
    expect_failure("write to memory that was freed, at .*engine_test.cc", [] {
        atomic<int*> p(new int(1));  // so that the compiler does not know what it is
        delete p.load(relaxed);
        *p.load(relaxed) = 2;
    });
}

TEST(explorer_memory, double_free_is_found) {
    expect_failure("delete of a block that was deleted before", [] {
        int* volatile p = new int(1);
        atomic<int> who(0);
        const auto drop = [&] {
            if (who.load(acquire) == 0) {  // two may pass
                who.store(1, release);
                delete p;
            }
        };
        const model_thread other(drop);
        drop();
    });
}

TEST(explorer_memory, leak_is_found) {
    expect_failure("1 blocks were not freed, 4 bytes", [] {
        void* const p = ::operator new(4);  // unlike a new expression, not to be left out by the compiler
        atomic<bool> taken(false);
        const model_thread other([&] { taken.store(true, relaxed); });
        if (!taken.load(relaxed)) {
            ::operator delete(p);
        }
    });
    settings without;
    without.bounds.check_leaks = false;
    expect_none(
        [] {
            atomic<void*> p(nullptr);
            p.store(::operator new(4), relaxed);
        },
        without);
}

TEST(explorer_memory, that_a_model_keeps_for_reuse_is_not_to_be_touched) {
    expect_failure("memory that was freed", [] {
        const std::unique_ptr<volatile long[]> block(new volatile long[4]);
        sync::retire(const_cast<long*>(block.get()), 4 * sizeof(long), sizeof(long));
        block[0] = 1;
        block[1] = 1;
    });
    expect_none([] {
        const std::unique_ptr<volatile long[]> block(new volatile long[4]);
        sync::retire(const_cast<long*>(block.get()), 4 * sizeof(long), sizeof(long));
        sync::reuse(const_cast<long*>(block.get()), 4 * sizeof(long));
        block[1] = 1;
    });
}

// ---------------------------------------------------------------------------------------------------- atomic objects

// Through the engine itself: around an object of sync::atomic, the access to its members is reported first.
location& bare_atomic() {
    static const char address = 0;
    return engine::the().create_atomic(&address, 0);
}
constexpr auto here = [](std::source_location where = std::source_location::current()) { return where; };

TEST(explorer_atomic, used_before_its_construction_happens_before_is_found) {
    static location* published = nullptr;  // a static is not checked for races
    expect_failure("atomic #1 is used by T1 although its construction does not happen before that", [] {
        published = nullptr;
        atomic<int> step(0);
        const model_thread other([&] {
            (void)step.load(relaxed);
            if (published != nullptr) {
                (void)engine::the().load(*published, relaxed, here());
            }
        });
        published = &bare_atomic();
        step.store(1, relaxed);
    });
}

TEST(explorer_atomic, used_after_its_destruction_is_found) {
    expect_failure("atomic #0 is used after its destruction", [] {
        location& a = bare_atomic();
        engine::the().destroy_atomic(a);
        engine::the().store(a, relaxed, 1, here());
    });
    expect_failure("memory that was freed", [] {
        auto a = std::make_unique<atomic<int>>(0);
        atomic<int>* const p = a.get();
        const model_thread other([&] { p->store(1, relaxed); });
        a.reset();
    });
}

TEST(explorer_atomic, destroyed_while_another_thread_may_still_use_it_is_found) {
    expect_failure("atomic #0 is destroyed by T0 although T1 may still use it", [] {
        location& a = bare_atomic();
        const model_thread other([&] { engine::the().store(a, relaxed, 1, here()); });
        while (engine::the().load(a, relaxed, here()) == 0) {  // sees the store, and does not synchronize with it
            sync::yield_thread();
        }
        engine::the().destroy_atomic(a);
    });
}

// ----------------------------------------------------------------------------------------------- nobody can go on

TEST(explorer_deadlock, of_two_locks_is_found_and_says_who_waits_for_what) {
    expect_failure("deadlock: T0 waits for a (lock|thread).*; T1 waits for a lock \\(.*engine_test.cc:[0-9]+\\)", [] {
        sync::mutex a;
        sync::mutex b;
        const model_thread other([&] {
            const sync::lock first(b);
            const sync::lock second(a);
        });
        const sync::lock first(a);
        const sync::lock second(b);
    });
}

TEST(explorer_deadlock, by_a_lost_wake_up_is_found) {
    const auto lose = [](bool stores_first) {
        atomic<std::uint32_t> word(0);
        const model_thread waiter([&] {
            while (word.load(acquire) == 0) {
                sync::futex_wait(word, 0);
            }
        });
        if (stores_first) {
            word.store(1, release);
        }
        sync::futex_wake(word);
        if (!stores_first) {
            word.store(1, release);
        }
    };
    settings s;
    s.bounds.spurious = 0;
    expect_failure("deadlock: .*T1 waits for a futex", [&] { lose(false); }, s);
    expect_none([&] { lose(true); }, s);
}

TEST(explorer_livelock, is_found) {
    settings s;
    s.bounds.steps = 500;
    expect_failure(
        "livelock: no end after 500 steps",
        [] {
            const atomic<int> a(0);
            while (a.load(relaxed) == 0) {
                sync::yield_thread();
            }
        },
        s);
}

TEST(explorer_livelock, is_none_where_two_threads_yield_until_a_third_has_come) {
    expect_none([] {
        atomic<int> a(0);
        const auto wait = [&] {
            while (a.load(relaxed) == 0) {
                sync::yield_thread();
            }
        };
        const model_thread second(wait);
        const model_thread third([&] { a.store(1, relaxed); });
        wait();
    });
}

}  // namespace
}  // namespace explore
