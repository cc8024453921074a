// with_timeout() and with_deadline() around whatever can be awaited. Time stands still, so nothing here depends on it.
#include <chrono>
#include <coroutine>
#include <expected>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/counted.hpp"
#include "tests/support/tcp_pair.hpp"
#include "tests/support/throws.hpp"
#include "tests/unit/io/on_workers.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::auto_reset_event;
using brigade::await_result_t;
using brigade::join_handle;
using brigade::operation_cancelled;
using brigade::task;
using brigade::with_deadline;
using brigade::with_timeout;
using test::error_of;

template <class T>
using outcome = std::expected<T, std::error_code>;

// ---------------------------------------------------------------------------------------------- awaitables of users

// Ready at once, or never, but for a stop, which it takes from the promise.
class user_made {
public:
    explicit user_made(bool ready) noexcept : ready_(ready) {}
    user_made(user_made&&) = default;

    bool await_ready() const noexcept { return ready_; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) {
        std::coroutine_handle<> handle = self;
        brigade::executor& home = brigade::executor::current();
        on_stop_ = std::make_unique<brigade::stop_callback<std::function<void()>>>(
            brigade::stop_token(self.promise().stop), std::function<void()>([handle, &home] {
                home.spawn([handle]() -> task<> {
                        handle.resume();
                        co_return;
                    })
                    .detach();
            }));
        return true;
    }
    int await_resume() {
        if (!ready_) {
            throw operation_cancelled();
        }
        return 7;
    }

private:
    bool ready_;
    std::unique_ptr<brigade::stop_callback<std::function<void()>>> on_stop_;
};

struct immovable : std::suspend_never {
    immovable() = default;
    immovable(immovable&&) = delete;
    int await_resume() const noexcept { return 8; }
};

struct with_free_operator {};
immovable operator co_await(with_free_operator /*self*/) noexcept {
    return {};
}

struct reference_giver : std::suspend_never {
    explicit reference_giver(int& i) noexcept : place(i) {}
    int& await_resume() const noexcept { return place; }
    int& place;
};

task<int> eight() {
    co_return co_await immovable();
}

struct thrower : std::suspend_always {
    void await_suspend(std::coroutine_handle<> /*self*/) const { throw std::runtime_error("cannot suspend"); }
};

// -------------------------------------------------------------------------------------------------- compile time

template <class A>
concept can_have_a_deadline = requires(A&& a) { with_timeout(1s, std::forward<A>(a)); };
static_assert(can_have_a_deadline<task<int>>);
static_assert(can_have_a_deadline<join_handle<int>&>);
static_assert(can_have_a_deadline<auto_reset_event&>);
static_assert(can_have_a_deadline<user_made>);
static_assert(can_have_a_deadline<immovable>);
static_assert(can_have_a_deadline<with_free_operator>);
static_assert(!can_have_a_deadline<task<int>&>, "a task is given away");
static_assert(!can_have_a_deadline<int>);
static_assert(!can_have_a_deadline<std::string>);
static_assert(!can_have_a_deadline<decltype([] { return task<>(); })>, "a function that gives a task is none");
static_assert(std::is_convertible_v<decltype(with_timeout(1s, std::declval<task<int>>())), task<outcome<int>>>);
static_assert(!std::is_convertible_v<decltype(with_timeout(1s, immovable())), task<outcome<int>>>,
              "it would refer to what has gone");
static_assert(std::is_same_v<await_result_t<decltype(with_timeout(1s, std::declval<reference_giver>()))>,
                             outcome<std::reference_wrapper<int>>>);

// ------------------------------------------------------------------------------------------------------- run time

class with_deadline_test : public testing::Test {
protected:
    template <class F>
    auto start(F body) {
        return executor_.spawn(std::move(body));
    }
    // Advances until the task has ended, by a second at a time.
    template <class T>
    T result_after(std::chrono::seconds time, join_handle<T> handle) {
        clock_.advance(time - 1ns);
        EXPECT_FALSE(handle.done());
        clock_.advance(1ns);
        EXPECT_TRUE(handle.done());
        return executor_.block_on(std::move(handle));
    }

    brigade::manual_clock clock_;
    brigade::executor executor_{{.workers = 2, .clock = &clock_}};
};

TEST_F(with_deadline_test, ends_the_wait_for_a_task_that_was_spawned_and_not_that_task) {
    auto slow = start([]() -> task<int> {
        co_await brigade::sleep_for(10s);
        co_return 3;
    });
    auto waiting = start([&slow]() -> task<outcome<int>> { co_return co_await with_timeout(2s, slow); });
    EXPECT_EQ(error_of(result_after(2s, std::move(waiting))), std::errc::timed_out);
    EXPECT_TRUE(slow);
    EXPECT_EQ(result_after(8s, std::move(slow)), 3);
}

TEST_F(with_deadline_test, takes_no_permit_of_an_event_when_it_ends_the_wait) {
    auto_reset_event event;
    auto waiting = start([&event]() -> task<outcome<void>> { co_return co_await with_timeout(1s, event); });
    EXPECT_EQ(error_of(result_after(1s, std::move(waiting))), std::errc::timed_out);
    event.set();
    EXPECT_TRUE(event.is_set());
    auto at_once = start([&event]() -> task<outcome<void>> { co_return co_await with_timeout(0s, event); });
    const bool got = executor_.block_on(std::move(at_once)).has_value();
    EXPECT_TRUE(got);
    EXPECT_FALSE(event.is_set());
}

TEST_F(with_deadline_test, ends_a_sleep_and_lets_a_shorter_one_end) {
    auto too_long = start([]() -> task<outcome<void>> { co_return co_await with_timeout(1s, brigade::sleep_for(1h)); });
    auto short_enough =
        start([]() -> task<outcome<void>> { co_return co_await with_timeout(1h, brigade::sleep_for(1s)); });
    EXPECT_EQ(error_of(result_after(1s, std::move(too_long))), std::errc::timed_out);
    EXPECT_TRUE(executor_.block_on(std::move(short_enough)).has_value());
}

TEST_F(with_deadline_test, counts_until_a_moment) {
    const auto deadline = clock_.now() + 5s;
    auto waiting = start([deadline]() -> task<outcome<void>> {
        co_await brigade::sleep_for(3s);
        co_return co_await with_deadline(deadline, brigade::sleep_for(1h));
    });
    EXPECT_EQ(error_of(result_after(5s, std::move(waiting))), std::errc::timed_out);
}

TEST_F(with_deadline_test, stops_what_a_user_has_made) {
    auto waiting = start([]() -> task<outcome<int>> { co_return co_await with_timeout(1s, user_made(false)); });
    EXPECT_EQ(error_of(result_after(1s, std::move(waiting))), std::errc::timed_out);
}

TEST_F(with_deadline_test, gives_what_is_ready_whatever_the_deadline) {
    executor_.block_on([]() -> task<> {
        int place = 0;
        const auto made = co_await with_timeout(-1s, user_made(true));
        EXPECT_EQ(made.value(), 7);
        const auto fixed = co_await with_timeout(0s, immovable());
        EXPECT_EQ(fixed.value(), 8);
        const auto by_operator = co_await with_timeout(0s, with_free_operator());
        EXPECT_EQ(by_operator.value(), 8);
        const auto reference = co_await with_timeout(0s, reference_giver(place));
        EXPECT_EQ(&reference->get(), &place);
        const auto nothing = co_await with_timeout(0s, std::suspend_never());
        EXPECT_TRUE(nothing.has_value());
    });
}

TEST_F(with_deadline_test, passes_on_what_the_awaitable_throws_before_it_suspends) {
    executor_.block_on([]() -> task<> {
        auto fails = []() -> task<> { co_await with_timeout(1h, thrower()); };
        const std::string what = co_await test::message_of<std::runtime_error>(fails());
        EXPECT_EQ(what, "cannot suspend");
    });
}

TEST_F(with_deadline_test, leaves_the_task_with_its_own_stop_source) {
    auto stopped = start([]() -> task<bool> {
        auto fails = []() -> task<> { co_await with_timeout(1h, thrower()); };
        static_cast<void>(co_await test::throws<std::runtime_error>(fails()));
        static_cast<void>(co_await with_timeout(1s, brigade::sleep_for(1h)));
        const brigade::stop_token own = co_await brigade::get_stop_token();
        EXPECT_FALSE(own.stop_requested());
        const bool thrown = co_await test::throws<operation_cancelled>(brigade::sleep_for(24h));
        EXPECT_TRUE(own.stop_requested());
        co_return thrown;
    });
    clock_.advance(1s);
    EXPECT_FALSE(stopped.done());
    stopped.request_stop();
    EXPECT_TRUE(executor_.block_on(std::move(stopped)));
}

TEST_F(with_deadline_test, a_deadline_that_never_comes_waits_for_a_stop) {
    auto waiting = start([]() -> task<bool> {
        auto forever = []() -> task<> {
            static_cast<void>(co_await with_timeout(std::chrono::hours::max(), brigade::sleep_for(24h)));
        };
        co_return co_await test::throws<operation_cancelled>(forever());
    });
    clock_.advance(23h);
    EXPECT_FALSE(waiting.done());
    waiting.request_stop();
    EXPECT_TRUE(executor_.block_on(std::move(waiting)));
}

// What never resumes: the executor destroys the task where it waits.
TEST(with_deadline_shutdown, is_taken_back_with_a_task_that_is_destroyed) {
    struct never : std::suspend_always {};
    test::tally alive;
    {
        brigade::executor ex({.workers = 1, .shutdown_deadline = 1ms});
        ex.spawn([&alive]() -> task<> {
              const test::counted local(alive);
              static_cast<void>(co_await with_timeout(24h, never()));
          }).detach();
        ex.block_on(test::let_others_run());
    }
    EXPECT_EQ(alive.made, 1);
    EXPECT_EQ(alive.alive(), 0);
}

// ----------------------------------------------------------------------------------------------- where tasks are taken

TEST_F(with_deadline_test, a_fork_and_a_call_take_what_has_a_deadline) {
    auto parent = start([]() -> task<std::pair<std::error_code, int>> {
        outcome<void> slept;
        int eight = 0;
        co_await brigade::fork(slept, with_timeout(1s, brigade::sleep_for(1h)));
        co_await brigade::call(eight, with_free_operator());
        co_await brigade::fork(brigade::sleep_for(1s));
        co_await brigade::join();
        co_return std::pair(error_of(slept), eight);
    });
    const auto [error, eight] = result_after(1s, std::move(parent));
    EXPECT_EQ(error, std::errc::timed_out);
    EXPECT_EQ(eight, 8);
}

TEST_F(with_deadline_test, what_takes_tasks_takes_other_awaitables) {
    EXPECT_EQ(executor_.block_on(with_timeout(1h, user_made(true))).value(), 7);
    EXPECT_EQ(executor_.block_on(executor_.spawn(eight())), 8);
    auto_reset_event event(true);
    executor_.block_on(event);
    executor_.block_on([this]() -> task<> {
        auto_reset_event done(true);
        auto [number, nothing, in_time] = co_await brigade::when_all(eight(), done, with_timeout(1h, user_made(true)));
        EXPECT_EQ(number, 8);
        EXPECT_EQ(in_time.value(), 7);
        static_cast<void>(nothing);
        const auto there = co_await brigade::schedule_on(executor_, with_timeout(1h, user_made(true)));
        EXPECT_EQ(there.value(), 7);
    });
}

}  // namespace
