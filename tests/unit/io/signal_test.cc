// Signals of the system: who gets them, what a set leaves behind, in which thread they may come.
#include <brigade/signal.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>
#include <brigade/brigade.hpp>

#include "tests/support/latch.hpp"
#include "tests/support/this_process.hpp"
#include "tests/support/throws.hpp"
#include "tests/unit/io/on_workers.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::signal_set;
using brigade::task;
using test::let_others_run;
using test::on_workers;
using next_signal = std::expected<int, std::error_code>;

task<next_signal> next(signal_set& signals) {
    co_return co_await signals.next();
}

// What SIGUSR1 does in this process, until the guard goes.
class former_disposition {
public:
    explicit former_disposition(void (*handler)(int)) {
        struct sigaction action{};
        action.sa_handler = handler;
        EXPECT_EQ(::sigaction(SIGUSR1, &action, &before_), 0);
    }
    former_disposition(const former_disposition&) = delete;
    former_disposition& operator=(const former_disposition&) = delete;
    ~former_disposition() { EXPECT_EQ(::sigaction(SIGUSR1, &before_, nullptr), 0); }

private:
    struct sigaction before_{};
};

std::atomic<int> handled_by_the_former{0};

TEST(signal, is_given_to_the_task_that_waits) {
    on_workers(1, []() -> task<> {
        signal_set signals({SIGUSR1, SIGUSR2});
        auto waiting = brigade::spawn(next(signals));
        co_await let_others_run();
        EXPECT_FALSE(waiting.done());
        ::raise(SIGUSR2);
        const next_signal got = co_await waiting;
        EXPECT_EQ(got, SIGUSR2);
    });
}

TEST(signal, that_came_before_the_wait_is_given_at_once) {
    on_workers(1, []() -> task<> {
        signal_set signals({SIGUSR1});
        ::raise(SIGUSR1);
        const next_signal got = co_await signals.next();
        EXPECT_EQ(got, SIGUSR1);
    });
}

TEST(signal, that_came_twice_before_the_wait_counts_once_and_of_several_the_lowest_is_first) {
    on_workers(1, []() -> task<> {
        signal_set signals({SIGUSR1, SIGUSR2});
        ::raise(SIGUSR2);
        ::raise(SIGUSR1);
        ::raise(SIGUSR2);
        const next_signal first = co_await signals.next();
        EXPECT_EQ(first, SIGUSR1);
        const next_signal second = co_await signals.next();
        EXPECT_EQ(second, SIGUSR2);
        const next_signal third = co_await brigade::with_timeout(1ms, signals.next());
        EXPECT_EQ(third.error(), std::errc::timed_out);
    });
}

TEST(signal, reaches_every_set_on_every_executor) {
    brigade::executor one({.workers = 1});
    brigade::executor other({.workers = 2});
    signal_set of_one(one, {SIGUSR1});
    signal_set also_of_one(one, {SIGUSR1, SIGUSR2});
    signal_set of_other(other, {SIGUSR1});
    auto first = one.spawn(next(of_one));
    auto second = one.spawn(next(also_of_one));
    auto third = other.spawn(next(of_other));
    ::raise(SIGUSR1);
    one.block_on([&]() -> task<> {
        const next_signal a = co_await first;
        const next_signal b = co_await second;
        const next_signal c = co_await third;
        EXPECT_EQ(a, SIGUSR1);
        EXPECT_EQ(b, SIGUSR1);
        EXPECT_EQ(c, SIGUSR1);
    });
}

TEST(signal, that_nobody_asked_for_does_not_wake) {
    on_workers(1, []() -> task<> {
        signal_set all({SIGUSR1, SIGUSR2});
        signal_set signals({SIGUSR1});
        ::raise(SIGUSR2);
        const next_signal got = co_await brigade::with_timeout(1ms, signals.next());
        EXPECT_EQ(got.error(), std::errc::timed_out);
    });
}

TEST(signal, is_not_lost_by_a_stop) {
    on_workers(1, []() -> task<> {
        signal_set signals({SIGUSR1});
        auto waiting = brigade::spawn(next(signals));
        co_await let_others_run();
        waiting.request_stop();
        const next_signal stopped = co_await waiting;
        EXPECT_EQ(stopped.error(), std::errc::operation_canceled);
        ::raise(SIGUSR1);
        const next_signal got = co_await signals.next();
        EXPECT_EQ(got, SIGUSR1);
    });
}

TEST(signal, set_that_is_closed_wakes_who_waits) {
    on_workers(1, []() -> task<> {
        signal_set signals({SIGUSR1});
        auto waiting = brigade::spawn(next(signals));
        co_await let_others_run();
        signals.close();
        const next_signal got = co_await waiting;
        EXPECT_EQ(got.error(), brigade::errc::closed);
        const next_signal later = co_await signals.next();
        EXPECT_EQ(later.error(), brigade::errc::closed);
    });
}

TEST(signal, set_has_one_waiter_at_a_time) {
    on_workers(1, []() -> task<> {
        signal_set signals({SIGUSR1});
        auto waiting = brigade::spawn(next(signals));
        co_await let_others_run();
        const next_signal refused = co_await signals.next();
        EXPECT_EQ(refused.error(), brigade::errc::busy);
        ::raise(SIGUSR1);
        const next_signal got = co_await waiting;
        EXPECT_EQ(got, SIGUSR1);
    });
}

TEST(signal, set_that_was_moved_goes_on_listening) {
    on_workers(1, []() -> task<> {
        signal_set first({SIGUSR1});
        ::raise(SIGUSR1);
        signal_set signals({SIGUSR2});
        signals = std::move(first);
        const next_signal got = co_await signals.next();
        EXPECT_EQ(got, SIGUSR1);
    });
}

TEST(signal, that_waits_does_not_keep_the_executor_from_its_end) {
    brigade::executor executor({.workers = 1});
    executor
        .spawn([]() -> task<> {
            const next_signal got = co_await brigade::shutdown_signal();
            EXPECT_EQ(got.error(), std::errc::operation_canceled);
        })
        .detach();
}

TEST(signal, of_the_shutdown_is_SIGTERM_or_SIGINT) {
    on_workers(1, []() -> task<> {
        for (const int signal : {SIGTERM, SIGINT}) {
            auto waiting = brigade::spawn(brigade::shutdown_signal());
            co_await let_others_run();
            ::raise(signal);
            const next_signal got = co_await waiting;
            EXPECT_EQ(got, signal);
        }
    });
}

TEST(signal, of_the_shutdown_is_not_lost_by_a_stop_just_before) {
    on_workers(1, []() -> task<> {
        auto waiting = brigade::spawn(brigade::shutdown_signal());
        co_await let_others_run();
        waiting.request_stop();
        ::raise(SIGTERM);
        const next_signal got = co_await waiting;
        EXPECT_EQ(got, SIGTERM);
    });
}

// Counts `stopped` down when the stop has been passed on to the wait.
task<next_signal> shutdown_or_stop(test::latch& stopped) {
    const brigade::stop_callback tell(co_await brigade::get_stop_token(), [&stopped] { stopped.count_down(); });
    const next_signal got = co_await brigade::shutdown_signal();
    co_return got;
}

task<next_signal> shutdown_or_deadline(test::latch& expired) {
    const next_signal got = co_await brigade::with_timeout(5ms, shutdown_or_stop(expired));
    co_return got;
}

// The one worker is held from before the deadline until after the signal, so the wait is resumed after both.
TEST(signal, of_the_shutdown_is_not_lost_by_a_deadline_just_before) {
    on_workers(1, []() -> task<> {
        for (bool too_late = true; too_late;) {
            test::latch expired;
            auto waiting = brigade::spawn(shutdown_or_deadline(expired));
            co_await let_others_run();
            too_late = waiting.done();
            if (!too_late) {
                expired.wait();
                ::raise(SIGTERM);
            }
            const next_signal got = co_await waiting;
            EXPECT_TRUE(too_late || got == SIGTERM);
        }
    });
}

TEST(signal, that_cannot_be_listened_for_is_refused_with_its_name) {
    brigade::executor executor({.workers = 1});
    const auto message = [&executor](int signal) {
        return test::message_of_call<std::invalid_argument>(
            [&executor, signal] { return signal_set(executor, {SIGUSR1, signal}); });
    };
    EXPECT_EQ(message(SIGKILL), "brigade: signal_set: SIGKILL cannot be caught");
    EXPECT_EQ(message(SIGSTOP), "brigade: signal_set: SIGSTOP cannot be caught");
    EXPECT_THAT(message(SIGSEGV), testing::StartsWith("brigade: signal_set: SIGSEGV says that"));
    EXPECT_EQ(message(0), "brigade: signal_set: signal 0 does not exist");
    EXPECT_EQ(message(32), "brigade: signal_set: signal 32 does not exist");
    EXPECT_EQ(message(65), "brigade: signal_set: signal 65 does not exist");
    EXPECT_EQ(message(-1), "brigade: signal_set: signal -1 does not exist");
    struct sigaction now{};
    EXPECT_EQ(::sigaction(SIGUSR1, nullptr, &now), 0);
    EXPECT_TRUE(now.sa_handler == SIG_DFL);
}

TEST(signal, does_what_it_did_before_when_the_last_set_is_gone) {
    handled_by_the_former = 0;
    const former_disposition before([](int) { ++handled_by_the_former; });
    brigade::executor executor({.workers = 1});
    {
        signal_set first(executor, {SIGUSR1});
        {
            const signal_set second(executor, {SIGUSR1});
            ::raise(SIGUSR1);
        }
        ::raise(SIGUSR1);
        EXPECT_EQ(handled_by_the_former, 0);
    }
    ::raise(SIGUSR1);
    EXPECT_EQ(handled_by_the_former, 1);
}

TEST(signal, needs_a_thread_only_while_there_are_sets) {
    brigade::executor executor({.workers = 1});
    EXPECT_EQ(test::threads_named("brigade-signals").size(), 0U);
    {
        const signal_set one(executor, {SIGUSR1});
        const signal_set two(executor, {SIGUSR2});
        EXPECT_EQ(test::threads_named("brigade-signals").size(), 1U);
    }
    EXPECT_EQ(test::threads_named("brigade-signals").size(), 0U);
}

TEST(signal, that_is_blocked_in_all_other_threads_comes_all_the_same) {
    sigset_t blocked;
    sigset_t before;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGUSR1);
    ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &blocked, &before), 0);
    {
        brigade::executor executor({.workers = 2});
        signal_set signals(executor, {SIGUSR1});
        ::kill(::getpid(), SIGUSR1);
        EXPECT_EQ(executor.block_on(next(signals)), SIGUSR1);
    }
    // And is as harmless as before when the set is gone.
    ::kill(::getpid(), SIGUSR1);
    sigset_t pending;
    EXPECT_EQ(::sigpending(&pending), 0);
    EXPECT_EQ(::sigismember(&pending, SIGUSR1), 1);
    const timespec no_time{};
    EXPECT_EQ(::sigtimedwait(&blocked, nullptr, &no_time), SIGUSR1);
    ASSERT_EQ(::pthread_sigmask(SIG_SETMASK, &before, nullptr), 0);
}

TEST(signal, leaves_errno_as_it_was) {
    brigade::executor executor({.workers = 1});
    const signal_set signals(executor, {SIGUSR1});
    errno = ERANGE;
    ::raise(SIGUSR1);
    EXPECT_EQ(errno, ERANGE);
}

// Each set has asked before the raise, so it gets the signal; others come and go meanwhile.
TEST(signal, reaches_all_that_listen_while_others_come_and_go) {
    brigade::executor executor({.workers = 2});
    std::atomic<bool> done{false};
    signal_set keeps_the_disposition(executor, {SIGUSR1});
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
        threads.emplace_back([&executor, &done] {
            while (!done) {
                const signal_set passing(executor, {SIGUSR1, SIGUSR2});
                std::this_thread::yield();
            }
        });
    }
    for (int i = 0; i < 300; ++i) {
        signal_set signals(executor, {SIGUSR1});
        auto waiting = executor.spawn(next(signals));
        ::raise(SIGUSR1);
        EXPECT_EQ(executor.block_on([&waiting]() -> task<next_signal> { co_return co_await waiting; }), SIGUSR1);
    }
    done = true;
    for (std::thread& thread : threads) {
        thread.join();
    }
}

}  // namespace
