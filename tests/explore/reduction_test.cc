// Partial-order reduction and the bound on preemptions lose nothing: programs with locks, futexes, conditions, threads
// and queues end in the same ways when every thread is tried everywhere.
//
// The litmus tests say the same of atomic operations.
#include <chrono>
#include <set>
#include <string>

#include <concurrentqueue/concurrentqueue.h>
#include <brigade/detail/sync.hpp>

#include "tests/explore/model.hpp"

namespace explore {
namespace {

namespace sync = brigade::detail::sync;
using sync::atomic;
constexpr auto relaxed = std::memory_order_relaxed;

using ends = std::set<std::string>;

// Notes what each thread has seen: what two threads saw at the same time has no order. Lives outside of the model.
struct note {
    char text[3][8] = {};
    std::size_t length[3] = {};
    void operator()(char c) {
        const unsigned thread = sync::this_thread_number();
        if (thread < 3 && length[thread] < sizeof(text[0])) {
            text[thread][length[thread]++] = c;
        }
    }
    [[nodiscard]] std::string all() const {
        return std::string(text[0], length[0]) + "|" + std::string(text[1], length[1]) + "|" +
               std::string(text[2], length[2]);
    }
};

ends ends_of(const std::function<void(note&)>& body, unsigned preemptions, bool reduce, const limits& bounds) {
    ends found;
    const std::unique_ptr<choices> all = exhaustive_search(preemptions, 3'000'000, reduce);
    while (all->begin()) {
        note n;
        const run_result r = engine::the().run(*all, bounds, [&] { body(n); });
        found.insert(r.failed ? r.message.substr(0, r.message.find(':')) : n.all());
    }
    EXPECT_TRUE(all->complete());
    return found;
}

void expect_nothing_lost(const std::function<void(note&)>& body, const limits& bounds = {}) {
    const ends everything = ends_of(body, ~0U - 1, false, bounds);
    EXPECT_GT(everything.size(), 1U) << "a poor test: " << *everything.begin();
    EXPECT_EQ(ends_of(body, ~0U - 1, true, bounds), everything) << "with reduction";
    EXPECT_EQ(ends_of(body, 100, true, bounds), everything) << "with a bound beyond what there can be";
}

TEST(reduction, of_two_threads_that_take_a_lock) {
    expect_nothing_lost([](note& n) {
        sync::mutex m;
        atomic<int> x(0);
        {
            const model_thread one([&] {
                const sync::lock l(m);
                x.store(1, relaxed);
                n('a');
            });
            const model_thread two([&] {
                const sync::lock l(m);
                n(static_cast<char>('0' + x.load(relaxed)));
            });
            n(static_cast<char>('0' + x.load(relaxed)));
        }
    });
}

TEST(reduction, of_an_attempt_to_lock_in_the_middle_of_a_critical_section) {
    expect_nothing_lost(
        [](note& n) {
            sync::mutex m;
            atomic<int> x(0);
            {
                const model_thread one([&] {
                    const sync::lock l(m);
                    x.store(1, relaxed);
                    x.store(2, relaxed);
                });
                if (m.try_lock()) {
                    n('+');
                    m.unlock();
                } else {
                    n('-');
                }
            }
        },
        {.spurious = 0});
}

TEST(reduction, of_a_futex) {
    for (const unsigned spurious : {0U, 1U}) {
        expect_nothing_lost(
            [](note& n) {
                atomic<std::uint32_t> word(0);
                const model_thread waiter([&] {
                    while (word.load(relaxed) == 0) {
                        n('w');
                        sync::futex_wait(word, 0);
                    }
                });
                word.store(1, relaxed);
                sync::futex_wake(word);
            },
            {.spurious = spurious});
    }
}

TEST(reduction, of_a_lost_wake_up) {
    // Ends in a deadlock when the wake-up comes between the look and the sleep.
    expect_nothing_lost(
        [](note& n) {
            atomic<std::uint32_t> word(0);
            atomic<bool> ready(false);
            const model_thread waiter([&] {
                if (!ready.load(relaxed)) {
                    n('w');
                    sync::futex_wait(word, 0);
                }
            });
            ready.store(true, relaxed);
            sync::futex_wake(word);
        },
        {.spurious = 0});
}

TEST(reduction, of_a_condition_with_a_time_limit) {
    expect_nothing_lost([](note& n) {
        sync::mutex m;
        sync::condition_variable c;
        bool ready = false;
        const model_thread waiter([&] {
            sync::lock l(m);
            n(c.wait_for(l, std::chrono::seconds(1), [&] { return ready; }) ? 'r' : 't');
        });
        {
            const sync::lock l(m);
            ready = true;
            n('s');
        }
        c.notify_one();
    });
}

TEST(reduction, of_two_waiters_and_one_notification) {
    expect_nothing_lost(
        [](note& n) {
            sync::mutex m;
            sync::condition_variable c;
            int tokens = 0;
            const auto wait = [&] {
                sync::lock l(m);
                c.wait(l, [&] { return tokens > 0; });
                n(static_cast<char>('0' + tokens--));
            };
            const model_thread a(wait);
            const model_thread b(wait);
            for (int i = 0; i < 2; ++i) {
                const sync::lock l(m);
                ++tokens;
                c.notify_one();
            }
        },
        {.spurious = 0});
}

TEST(reduction, of_a_loop_that_yields) {
    expect_nothing_lost([](note& n) {
        atomic<int> x(0);
        const model_thread other([&] {
            x.store(1, relaxed);
            x.store(2, relaxed);
        });
        while (x.load(relaxed) != 2) {
            n(static_cast<char>('0' + x.load(relaxed)));
            sync::yield_thread();
        }
    });
}

TEST(reduction, of_a_thread_that_starts_another) {
    expect_nothing_lost([](note& n) {
        atomic<int> x(0);
        const model_thread outer([&] {
            x.store(1, relaxed);
            const model_thread inner([&] { x.store(2, relaxed); });
            n(static_cast<char>('0' + x.load(relaxed)));
        });
        n(static_cast<char>('0' + x.load(relaxed)));
        x.store(3, relaxed);
    });
}

TEST(reduction, of_a_queue_that_may_say_empty) {
    expect_nothing_lost([](note& n) {
        moodycamel::ConcurrentQueue<int> q;
        const model_thread one([&] {
            q.enqueue(1);
            q.enqueue(2);
        });
        const model_thread two([&] { q.enqueue(3); });
        int item = 0;
        for (int i = 0; i < 2; ++i) {
            n(q.try_dequeue_bulk(&item, 1) == 1 ? static_cast<char>('0' + item) : '-');
        }
    });
}

TEST(reduction, of_a_weak_compare_exchange) {
    expect_nothing_lost([](note& n) {
        atomic<int> x(0);
        const auto raise = [&](char name) {
            int seen = x.load(relaxed);
            while (!x.compare_exchange_weak(seen, seen + 1, relaxed, relaxed)) {
                n(name);
            }
        };
        const model_thread other([&] { raise('a'); });
        raise('b');
    });
}

}  // namespace
}  // namespace explore
