#include <brigade/with_timeout.hpp>

#include <chrono>
#include <expected>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/counted.hpp"
#include "tests/support/tcp_pair.hpp"
#include "tests/support/throws.hpp"
#include "tests/unit/io/on_workers.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::operation_cancelled;
using brigade::sleep_for;
using brigade::task;
using brigade::with_timeout;
using test::error_of;
using test::now;
using test::on_workers;

template <class T>
using outcome = std::expected<T, std::error_code>;

task<int> give(int n) {
    co_return n;
}
task<> nothing() {
    co_return;
}
task<int> never() {
    co_await sleep_for(1h);
    co_return 0;
}
task<> never_void() {
    co_await sleep_for(1h);
}
// Ends without a value when it is stopped, as operations on sockets do.
task<outcome<int>> never_expected() {
    const bool stopped = co_await test::throws<operation_cancelled>(never());
    EXPECT_TRUE(stopped);
    co_return std::unexpected(std::make_error_code(std::errc::operation_canceled));
}
// Goes on for a while after the stop.
task<int> give_in_spite_of_a_stop(int n) {
    const bool stopped = co_await test::throws<operation_cancelled>(never());
    EXPECT_TRUE(stopped);
    for (int i = 0; i < 100; ++i) {
        co_await brigade::yield();
    }
    co_return n;
}

TEST(with_timeout, wraps_what_has_no_room_for_an_error) {
    static_assert(std::is_same_v<brigade::await_result_t<decltype(with_timeout(1s, give(1)))>, outcome<int>>);
    static_assert(std::is_same_v<brigade::await_result_t<decltype(with_timeout(1s, nothing()))>, outcome<void>>);
    static_assert(std::is_same_v<brigade::await_result_t<decltype(with_timeout(1s, never_expected()))>, outcome<int>>);
    using other_error = std::expected<int, std::string>;
    static_assert(std::is_same_v<brigade::await_result_t<decltype(with_timeout(1s, std::declval<task<other_error>>()))>,
                                 outcome<other_error>>);
}

TEST(with_timeout, gives_the_value_of_a_body_that_is_in_time) {
    on_workers(1, []() -> task<> {
        const auto number = co_await with_timeout(1h, give(7));
        EXPECT_EQ(number.value(), 7);
        const auto done = co_await with_timeout(1h, nothing());
        EXPECT_TRUE(done.has_value());
        auto body = []() -> task<std::unique_ptr<std::string>> { co_return std::make_unique<std::string>("movable"); };
        auto text = co_await with_timeout(std::chrono::hours::max(), body());
        EXPECT_EQ(*text.value(), "movable");
    });
}

TEST(with_timeout, keeps_the_outcome_of_a_body_that_gives_expected) {
    on_workers(1, []() -> task<> {
        auto good = []() -> task<outcome<int>> { co_return 3; };
        auto bad = []() -> task<outcome<void>> {
            co_return std::unexpected(std::make_error_code(std::errc::connection_reset));
        };
        const auto number = co_await with_timeout(1h, good());
        EXPECT_EQ(number.value(), 3);
        const auto error = co_await with_timeout(1h, bad());
        EXPECT_EQ(error_of(error), std::errc::connection_reset);
    });
}

TEST(with_timeout, gives_timed_out_when_the_body_is_late) {
    on_workers(1, []() -> task<> {
        const auto start = now();
        const auto number = co_await with_timeout(2ms, never());
        EXPECT_EQ(error_of(number), std::errc::timed_out);
        EXPECT_GE(now() - start, 2ms);
        const auto done = co_await with_timeout(1ms, never_void());
        EXPECT_EQ(error_of(done), std::errc::timed_out);
        const auto flat = co_await with_timeout(1ms, never_expected());
        EXPECT_EQ(error_of(flat), std::errc::timed_out);
        const auto past = co_await with_timeout(-1h, never());
        EXPECT_EQ(error_of(past), std::errc::timed_out);
        const auto long_past = co_await with_timeout(std::chrono::hours::min(), never());
        EXPECT_EQ(error_of(long_past), std::errc::timed_out);
    });
}

TEST(with_timeout, lets_exceptions_through) {
    on_workers(1, []() -> task<> {
        auto fails = []() -> task<int> {
            co_await sleep_for(1us);
            throw std::runtime_error("own");
        };
        const std::string own = co_await test::message_of<std::runtime_error>(with_timeout(1h, fails()));
        EXPECT_EQ(own, "own");
        auto fails_when_stopped = []() -> task<int> {
            static_cast<void>(co_await test::throws<operation_cancelled>(never()));
            throw std::runtime_error("after the stop");
        };
        const std::string late = co_await test::message_of<std::runtime_error>(with_timeout(1ms, fails_when_stopped()));
        EXPECT_EQ(late, "after the stop");
    });
}

TEST(with_timeout, does_not_mistake_another_cancellation_for_its_own) {
    on_workers(1, []() -> task<> {
        auto throws = []() -> task<> {
            throw operation_cancelled();
            co_return;
        };
        const bool thrown = co_await test::throws<operation_cancelled>(with_timeout(1h, throws()));
        EXPECT_TRUE(thrown);
        auto gives = []() -> task<outcome<int>> {
            co_return std::unexpected(std::make_error_code(std::errc::operation_canceled));
        };
        const auto given = co_await with_timeout(1h, gives());
        EXPECT_EQ(error_of(given), std::errc::operation_canceled);
    });
}

TEST(with_timeout, waits_for_a_late_body_to_end) {
    on_workers(1, []() -> task<> {
        test::tally alive;
        auto body = [&alive]() -> task<int> {
            const test::counted local(alive);
            static_cast<void>(co_await test::throws<operation_cancelled>(never()));
            for (int i = 0; i < 100; ++i) {
                co_await brigade::yield();
            }
            throw operation_cancelled();
        };
        const auto number = co_await with_timeout(1ms, body());
        EXPECT_EQ(error_of(number), std::errc::timed_out);
        EXPECT_EQ(alive.made, 1);
        EXPECT_EQ(alive.alive(), 0);
    });
}

TEST(with_timeout, keeps_the_result_of_a_late_body) {
    on_workers(1, []() -> task<> {
        const auto number = co_await with_timeout(1ms, give_in_spite_of_a_stop(5));
        EXPECT_EQ(number.value(), 5);
        auto body = []() -> task<> { static_cast<void>(co_await give_in_spite_of_a_stop(0)); };
        const auto done = co_await with_timeout(1ms, body());
        EXPECT_TRUE(done.has_value());
        const auto at_once = co_await with_timeout(0s, give(6));
        EXPECT_EQ(at_once.value(), 6);
    });
}

TEST(with_timeout, stops_the_body_and_not_the_task_that_awaits_it) {
    on_workers(1, []() -> task<> {
        bool body_stopped = false;
        auto body = [&body_stopped]() -> task<int> {
            const brigade::stop_token token = co_await brigade::get_stop_token();
            const int number = co_await give_in_spite_of_a_stop(1);
            body_stopped = token.stop_requested();
            co_return number;
        };
        static_cast<void>(co_await with_timeout(1ms, body()));
        EXPECT_TRUE(body_stopped);
        const brigade::stop_token own = co_await brigade::get_stop_token();
        EXPECT_FALSE(own.stop_requested());
        co_await sleep_for(1us);
    });
}

TEST(with_timeout, does_not_report_an_outer_stop_as_timed_out) {
    on_workers(1, []() -> task<> {
        auto throwing =
            brigade::spawn([]() -> task<bool> { return test::throws<operation_cancelled>(with_timeout(1h, never())); });
        auto giving = brigade::spawn([]() -> task<outcome<int>> { return with_timeout(1h, never_expected()); });
        co_await test::let_others_run();
        throwing.request_stop();
        giving.request_stop();
        const bool cancelled = co_await throwing;
        EXPECT_TRUE(cancelled);
        const auto given = co_await giving;
        EXPECT_EQ(error_of(given), std::errc::operation_canceled);
    });
}

TEST(with_timeout, passes_on_a_stop_that_came_before_it) {
    on_workers(1, []() -> task<> {
        auto late =
            brigade::spawn([]() -> task<bool> { return test::throws<operation_cancelled>(with_timeout(1h, never())); });
        late.request_stop();  // the only worker is here: it has not begun
        const bool cancelled = co_await late;
        EXPECT_TRUE(cancelled);
    });
}

TEST(with_timeout, nests) {
    on_workers(1, []() -> task<> {
        const auto inner_first = co_await with_timeout(1h, with_timeout(1ms, never()));
        EXPECT_EQ(error_of(inner_first), std::errc::timed_out);
        const auto outer_first = co_await with_timeout(1ms, with_timeout(1h, never()));
        EXPECT_EQ(error_of(outer_first), std::errc::timed_out);
        const auto both = co_await with_timeout(1ms, with_timeout(1ms, with_timeout(1ms, never_expected())));
        EXPECT_EQ(error_of(both), std::errc::timed_out);
        const auto neither = co_await with_timeout(1h, with_timeout(1h, give(4)));
        EXPECT_EQ(neither.value(), 4);
    });
}

TEST(with_timeout, tells_the_outer_time_out_from_the_inner_one) {
    on_workers(1, []() -> task<> {
        bool inner_cancelled = false;
        auto body = [&inner_cancelled]() -> task<> {
            inner_cancelled = co_await test::throws<operation_cancelled>(with_timeout(1h, never()));
            throw operation_cancelled();
        };
        const auto done = co_await with_timeout(1ms, body());
        EXPECT_EQ(error_of(done), std::errc::timed_out);
        EXPECT_TRUE(inner_cancelled);
    });
}

TEST(with_timeout, reaches_every_child_of_the_body) {
    on_workers(2, []() -> task<> {
        const auto all = co_await with_timeout(1ms, brigade::when_all(never_expected(), never_expected(), give(1)));
        EXPECT_TRUE(all.has_value());  // when_all has a result: the errors of its children
        EXPECT_EQ(error_of(std::get<0>(*all)), std::errc::operation_canceled);
        EXPECT_EQ(error_of(std::get<1>(*all)), std::errc::operation_canceled);
        EXPECT_EQ(std::get<2>(*all), 1);
    });
}

TEST(with_timeout, ends_a_read_that_gets_nothing) {
    on_workers(1, []() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        std::string buffer(10, '\0');
        const auto got = co_await with_timeout(1ms, ends.near.read_some(test::room_in(buffer)));
        EXPECT_EQ(error_of(got), std::errc::timed_out);
        co_await test::write_text(ends.far, "still good");
        const std::string text = co_await test::read_text(ends.near, 10);
        EXPECT_EQ(text, "still good");
    });
}

// The body ends about when the deadline comes. Whatever happens first, there is one outcome, and the body is gone.
task<> race(unsigned seed, int rounds) {
    std::mt19937 random(seed);
    std::uniform_int_distribution<int> microseconds(0, 60);
    test::tally alive;
    auto body = [&alive](std::chrono::microseconds time, int n) -> task<int> {
        const test::counted local(alive);
        co_await sleep_for(time);
        co_return n;
    };
    for (int i = 0; i < rounds; ++i) {
        const std::chrono::microseconds limit(microseconds(random));
        const std::chrono::microseconds time(microseconds(random));
        const auto number = co_await with_timeout(limit, body(time, i));
        if (number) {
            EXPECT_EQ(*number, i);
        } else {
            EXPECT_EQ(number.error(), std::errc::timed_out);
        }
        EXPECT_EQ(alive.alive(), 0);
    }
    EXPECT_EQ(alive.made, rounds);
}

TEST(with_timeout, has_one_outcome_when_body_and_deadline_meet) {
    on_workers(2, []() -> task<> {
        std::vector<task<>> racers;
        for (unsigned seed = 0; seed < 10; ++seed) {
            racers.push_back(race(seed, 500));
        }
        co_await brigade::when_all(std::move(racers));
    });
}

// As above, with a stop from outside as the third.
TEST(with_timeout, has_one_outcome_when_a_stop_comes_too) {
    on_workers(3, []() -> task<> {
        std::mt19937 random(5);
        std::uniform_int_distribution<int> microseconds(0, 60);
        for (int i = 0; i < 1000; ++i) {
            const std::chrono::microseconds limit(microseconds(random));
            const std::chrono::microseconds time(microseconds(random));
            auto contended = brigade::spawn([limit, time]() -> task<bool> {
                auto body = [](std::chrono::microseconds t) -> task<> { co_await sleep_for(t); };
                return test::throws<operation_cancelled>(with_timeout(limit, body(time)));
            });
            for (int turn = microseconds(random); turn > 0; --turn) {
                co_await brigade::yield();
            }
            contended.request_stop();
            static_cast<void>(co_await contended);
        }
    });
}

TEST(with_timeout, a_body_with_several_children_that_the_deadline_stops_has_timed_out) {
    on_workers(2, []() -> task<> {
        const auto body = []() -> task<> {
            const auto nap = []() -> task<> { co_await brigade::sleep_for(1h); };
            co_await brigade::fork(nap());
            co_await brigade::call(nap());
            co_await brigade::join();
        };
        const auto outcome = co_await brigade::with_timeout(1ms, body());
        EXPECT_EQ(test::error_of(outcome), std::errc::timed_out);
    });
}

}  // namespace
