// Historic ways to lose a wake-up, planted beside the protocol that does not. The explorer finds each.
#include <optional>

#include <concurrentqueue/concurrentqueue.h>
#include <brigade/detail/sync.hpp>

#include "executor/idle.hpp"
#include "tests/explore/litmus/planted.hpp"

namespace explore {
namespace {

namespace sync = brigade::detail::sync;
using brigade::detail::idle;
using brigade::detail::parker;
using sync::atomic;

constexpr auto relaxed = std::memory_order_relaxed;
constexpr auto acquire = std::memory_order_acquire;
constexpr auto release = std::memory_order_release;
constexpr auto acq_rel = std::memory_order_acq_rel;
constexpr auto seq_cst = std::memory_order_seq_cst;

// One sleeper: what a wake-up must not miss.
struct bed {
    idle who{1};
    parker where;
    // By a thread that is no worker.
    void wake_if_asleep() {
        sync::full_fence();  // pairs: the fence of idle::sleep()
        if (who.pick()) {
            where.unpark();
        }
    }
    void wake_any() {
        if (who.pick_any()) {
            where.unpark();
        }
    }
};

// tokio #1768, #1788: the producer publishes and then looks at the state of the sleepers; a load, even a sequentially
// consistent one, may pass the store before it.
struct counted_sleeper {
    atomic<int> tasks{0};
    atomic<int> awake{1};
    parker bed;

    void work() {
        awake.fetch_sub(1, acq_rel);
        if (tasks.load(relaxed) == 0) {
            bed.wait();
        }
    }
    void produce() {
        tasks.store(1, release);
        if (awake.load(seq_cst) == 0) {
            bed.unpark();
        }
    }
};

TEST(planted, tokio_1788_load_of_the_sleepers_passes_the_store_of_the_task) {
    expect_found(
        "deadlock: .*T1 waits for a futex",
        [] {
            counted_sleeper s;
            const model_thread worker([&] { s.work(); });
            s.produce();
        },
        [] {
            atomic<int> tasks(0);
            bed b;
            const model_thread worker([&] {
                b.who.sleep(0, false);
                if (tasks.load(relaxed) != 0) {
                    b.wake_if_asleep();
                }
                b.where.wait();
                require(tasks.load(relaxed) == 1, "the task is seen");
            });
            tasks.store(1, relaxed);
            b.wake_if_asleep();
        });
}

// silk#152: the stop flag is looked at before the worker announces its sleep, and not once more behind that.
void stop_a_sleeper(bool looks_again) {
    atomic<bool> stop(false);
    bed b;
    const model_thread worker([&] {
        while (!stop.load(acquire)) {
            b.who.sleep(0, false);
            if (looks_again && stop.load(acquire)) {
                b.wake_any();
            }
            b.where.wait();
        }
    });
    stop.store(true, release);
    b.wake_any();
}

TEST(planted, silk_152_stop_flag_is_not_looked_at_again_before_sleeping) {
    expect_found("deadlock: .*T1 waits for a futex", [] { stop_a_sleeper(false); }, [] { stop_a_sleeper(true); });
}

// cobalt f24e917: the cancellation lands between the look at the flag and the suspension.
struct operation_with_cancel {
    enum : int { running, suspended, cancelled };
    atomic<int> state{running};
    parker bed;

    void suspend_after_a_look() {
        if (state.load(acquire) != cancelled) {
            state.store(suspended, release);
            bed.wait();
        }
    }
    void cancel_after_a_look() {
        if (state.load(acquire) == suspended) {
            bed.unpark();
        }
        state.store(cancelled, release);
    }
    void suspend() {
        if (state.exchange(suspended, acq_rel) != cancelled) {
            bed.wait();
        }
    }
    void cancel() {
        if (state.exchange(cancelled, acq_rel) == suspended) {
            bed.unpark();
        }
    }
};

TEST(planted, cobalt_f24e917_cancel_before_the_suspension_is_lost) {
    expect_found(
        "deadlock: .*T0 waits for a futex",
        [] {
            operation_with_cancel o;
            const model_thread other([&] { o.cancel_after_a_look(); });
            o.suspend_after_a_look();
        },
        [] {
            operation_with_cancel o;
            const model_thread other([&] { o.cancel(); });
            o.suspend();
        });
}

// A queue may say that it is empty although it is not (moodycamel's does, while others enqueue). At the last look
// before sleeping that answer is not good enough; a count that is changed by read-modify-writes is.
void sleep_on_a_queue(bool counts) {
    moodycamel::ConcurrentQueue<int> queue;
    atomic<int> count(0);
    bed b;
    const model_thread worker([&] {
        int item = 0;
        b.who.sleep(0, false);
        if (counts ? count.load(relaxed) != 0 : queue.try_dequeue_bulk(&item, 1) != 0) {
            b.wake_if_asleep();
        }
        b.where.wait();
    });
    queue.enqueue(1);
    count.fetch_add(1, relaxed);
    b.wake_if_asleep();
}

TEST(planted, moodycamel_empty_answer_is_trusted_at_park) {
    expect_found("deadlock: .*T1 waits for a futex", [] { sleep_on_a_queue(false); }, [] { sleep_on_a_queue(true); });
}

// oneTBB #2136: a sequentially consistent read-modify-write orders nothing but itself. The loads and stores of the
// other object beside it pass it (as on AArch64).
void wait_beside_an_rmw(std::memory_order stored, std::memory_order loaded) {
    atomic<int> waiters(0);
    atomic<int> ready(0);
    parker bed;
    const model_thread waiter([&] {
        waiters.fetch_add(1, seq_cst);
        if (ready.load(loaded) == 0) {
            bed.wait();
        }
    });
    ready.store(1, stored);
    if (waiters.load(seq_cst) != 0) {
        bed.unpark();
    }
}

TEST(planted, onetbb_2136_rmw_is_taken_for_a_fence) {
    expect_found(
        "deadlock: .*T1 waits for a futex", [] { wait_beside_an_rmw(release, acquire); },
        [] { wait_beside_an_rmw(seq_cst, seq_cst); });
}

}  // namespace
}  // namespace explore
