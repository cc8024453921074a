#include <brigade/fork.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/counted.hpp"
#include "tests/support/throws.hpp"

namespace {

using brigade::call;
using brigade::executor;
using brigade::fork;
using brigade::join;
using brigade::multiple_errors;
using brigade::task;

constexpr int million = 1'000'000;

task<long> fib(int n) {
    if (n < 2) {
        co_return n;
    }
    long a = 0;
    long b = 0;
    co_await fork(a, fib(n - 1));
    co_await call(b, fib(n - 2));
    co_await join();
    co_return a + b;
}

task<int> give(int n) {
    co_return n;
}

task<int> give_later(int n) {
    co_await brigade::yield();
    co_return n;
}

task<> set(bool& flag) {
    flag = true;
    co_return;
}

task<> fail(std::string what) {
    throw std::runtime_error(what);
    co_return;
}

task<> fail_later(std::string what) {
    co_await brigade::yield();
    throw std::runtime_error(what);
}

std::vector<std::string> texts_of(const multiple_errors& errors) {
    std::vector<std::string> texts;
    for (const std::exception_ptr& error : errors.errors()) {
        try {
            std::rethrow_exception(error);
        } catch (const std::exception& e) {
            texts.emplace_back(e.what());
        }
    }
    return texts;
}

// What the children of `parent` threw. It joins them itself.
task<std::vector<std::string>> errors_of(task<> parent) {
    try {
        co_await std::move(parent);
    } catch (const multiple_errors& errors) {
        co_return texts_of(errors);
    } catch (const std::runtime_error& e) {
        co_return std::vector<std::string>{e.what()};
    }
    co_return std::vector<std::string>();
}

// With one worker, and with two.
class fork_test : public testing::TestWithParam<unsigned> {
protected:
    executor executor_{{.workers = GetParam()}};
};

INSTANTIATE_TEST_SUITE_P(workers, fork_test, testing::Values(1U, 2U));

TEST_P(fork_test, gives_the_results_of_the_children) {
    EXPECT_EQ(executor_.block_on(fib, 20), 6765);
}

TEST_P(fork_test, takes_children_that_give_nothing) {
    executor_.block_on([]() -> task<> {
        bool forked = false;
        bool called = false;
        co_await fork(set(forked));
        co_await call(set(called));
        co_await join();
        EXPECT_TRUE(forked);
        EXPECT_TRUE(called);
    });
}

TEST_P(fork_test, moves_big_and_move_only_results) {
    executor_.block_on([]() -> task<> {
        const auto fill = [](std::size_t size) -> task<std::vector<int>> { co_return std::vector<int>(size, 1); };
        const auto make = [](int n) -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(n); };
        std::vector<int> forked;
        std::vector<int> called;
        std::unique_ptr<int> owned;
        co_await fork(forked, fill(100'000));
        co_await fork(owned, make(7));
        co_await call(called, fill(200'000));
        co_await join();
        EXPECT_EQ(forked.size(), 100'000U);
        EXPECT_EQ(called.size(), 200'000U);
        EXPECT_EQ(*owned, 7);
    });
}

TEST_P(fork_test, gives_results_that_cannot_be_made_in_advance) {
    executor_.block_on([]() -> task<> {
        struct fixed {
            explicit fixed(int n) : number(n) {}
            const int number;
        };
        const auto make = [](int n) -> task<fixed> { co_return fixed(n); };
        std::optional<fixed> forked;
        std::optional<fixed> called;
        co_await fork(forked, make(1));
        co_await call(called, make(2));
        co_await join();
        EXPECT_EQ(forked.value().number, 1);
        EXPECT_EQ(called.value().number, 2);
    });
}

TEST_P(fork_test, gives_references_as_pointers) {
    executor_.block_on([]() -> task<> {
        const auto lend = [](int& n) -> task<int&> { co_return n; };
        const auto show = [](const int& n) -> task<const int&> { co_return n; };
        int a = 1;
        int* forked = nullptr;
        const int* called = nullptr;
        co_await fork(forked, lend(a));
        co_await call(called, show(a));
        co_await join();
        EXPECT_EQ(forked, &a);
        EXPECT_EQ(called, &a);
    });
}

TEST_P(fork_test, ends_the_join_at_once_without_children) {
    executor_.block_on([]() -> task<> {
        co_await join();
        co_await join();
    });
}

TEST_P(fork_test, may_join_and_fork_again) {
    executor_.block_on([]() -> task<> {
        for (int round = 0; round < 1000; ++round) {
            int a = 0;
            int b = 0;
            co_await fork(a, give_later(round));
            co_await fork(b, give(1));
            co_await join();
            EXPECT_EQ(a + b, round + 1);
        }
    });
}

TEST_P(fork_test, may_await_between_fork_and_join) {
    executor_.block_on([]() -> task<> {
        int a = 0;
        co_await fork(a, give_later(1));
        const int b = co_await give_later(2);
        co_await brigade::yield();
        brigade::join_handle<int> handle = brigade::spawn(give_later, 3);
        const int c = co_await handle;
        co_await join();
        EXPECT_EQ(a + b + c, 6);
    });
}

TEST_P(fork_test, rethrows_one_exception_as_it_is) {
    executor_.block_on([]() -> task<> {
        const auto parent = [](bool later) -> task<> {
            int n = 0;
            task<> failing = later ? fail_later("alone") : fail("alone");
            co_await fork(std::move(failing));
            co_await fork(n, give_later(1));
            co_await join();
        };
        for (const bool later : {false, true}) {
            const std::string text = co_await test::message_of<std::runtime_error>(parent(later));
            EXPECT_EQ(text, "alone");
        }
    });
}

TEST_P(fork_test, throws_all_exceptions) {
    executor_.block_on([]() -> task<> {
        std::vector<std::string> texts = co_await errors_of([]() -> task<> {
            co_await fork(fail("a"));
            co_await fork(fail_later("b"));
            co_await call(fail("c"));
            co_await fork(fail("d"));
            co_await join();
        }());
        std::sort(texts.begin(), texts.end());
        EXPECT_EQ(texts, (std::vector<std::string>{"a", "b", "c", "d"}));
    });
}

TEST(fork_on_one_worker, throws_the_exceptions_in_the_order_in_which_children_ended) {
    executor one({.workers = 1});
    one.block_on([]() -> task<> {
        const std::vector<std::string> texts = co_await errors_of([]() -> task<> {
            bool others_ended = false;
            co_await fork([](const bool& may_fail) -> task<> {
                while (!may_fail) {
                    co_await brigade::yield();
                }
                throw std::runtime_error("last");
            }(others_ended));
            co_await fork(fail("first"));
            co_await call(fail("second"));
            others_ended = true;
            co_await join();
        }());
        EXPECT_EQ(texts, (std::vector<std::string>{"first", "second", "last"}));
    });
}

TEST_P(fork_test, throws_an_exception_of_a_called_child_at_the_join) {
    executor_.block_on([]() -> task<> {
        bool went_on = false;
        const std::string text = co_await test::message_of<std::runtime_error>([](bool& flag) -> task<> {
            co_await call(fail("called"));
            flag = true;
            co_await join();
        }(went_on));
        EXPECT_EQ(text, "called");
        EXPECT_TRUE(went_on);
    });
}

TEST_P(fork_test, throws_an_exception_of_an_assignment_at_the_join) {
    executor_.block_on([]() -> task<> {
        struct stubborn {
            stubborn() = default;
            stubborn(stubborn&&) = default;
            stubborn& operator=(stubborn&&) { throw std::runtime_error("not assigned"); }
        };
        const std::string text = co_await test::message_of<std::runtime_error>([]() -> task<> {
            stubborn place;
            co_await fork(place, []() -> task<stubborn> { co_return stubborn(); }());
            co_await join();
        }());
        EXPECT_EQ(text, "not assigned");
    });
}

TEST_P(fork_test, has_forgotten_the_exceptions_after_the_join) {
    executor_.block_on([]() -> task<> {
        int caught = 0;
        int n = 0;
        for (int round = 0; round < 3; ++round) {
            co_await fork(fail_later("again"));
            try {
                co_await join();
            } catch (const std::runtime_error&) {
                ++caught;
            }
            co_await join();
            co_await fork(n, give_later(1));
            co_await join();
        }
        EXPECT_EQ(caught, 3);
    });
}

TEST_P(fork_test, passes_exceptions_up_a_tree) {
    const std::function<task<>(int)> tree = [&tree](int depth) -> task<> {
        if (depth == 0) {
            throw std::runtime_error("leaf");
        }
        co_await fork(tree(depth - 1));
        co_await call(tree(depth - 1));
        co_await join();
    };
    EXPECT_THROW(executor_.block_on(std::ref(tree), 8), multiple_errors);
    EXPECT_THROW(executor_.block_on(std::ref(tree), 0), std::runtime_error);
}

TEST_P(fork_test, does_not_grow_the_stack) {
    executor_.block_on([]() -> task<> {
        const std::function<task<int>(int)> down = [&down](int levels) -> task<int> {
            int below = 0;
            if (levels > 0) {
                co_await fork(below, down(levels - 1));
                co_await join();
            }
            co_return below + 1;
        };
        const int levels = co_await down(100'000);
        EXPECT_EQ(levels, 100'001);
    });
}

// A child whose frame is counted.
task<> be_counted(test::counted /*one*/, const test::tally& frames, int& most) {
    most = std::max(most, frames.alive());
    co_return;
}

TEST(fork_on_one_worker, holds_one_frame_at_a_time_in_a_loop_of_a_million_forks) {
    executor one({.workers = 1});
    test::tally frames;
    int most = 0;
    one.block_on([&]() -> task<> {
        for (int i = 0; i < million; ++i) {
            co_await fork(be_counted(test::counted(frames), frames, most));
        }
        co_await join();
    });
    EXPECT_EQ(frames.alive(), 0);
    EXPECT_LE(most, 2);  // the child's and the temporary of the parent
}

TEST(fork_on_four_workers, holds_no_more_frames_than_workers_in_a_loop_of_a_million_forks) {
    executor four({.workers = 4});
    test::tally frames;
    std::atomic<int> most = 0;
    four.block_on([&]() -> task<> {
        const auto child = [](test::counted, const test::tally& all, std::atomic<int>& peak) -> task<> {
            const int alive = all.alive();
            int seen = peak.load(std::memory_order_relaxed);
            while (seen < alive && !peak.compare_exchange_weak(seen, alive)) {
            }
            co_return;
        };
        for (int i = 0; i < million; ++i) {
            co_await fork(child(test::counted(frames), frames, most));
        }
        co_await join();
    });
    EXPECT_EQ(frames.alive(), 0);
    EXPECT_LE(most, 2 * 4 + 2);
}

TEST_P(fork_test, destroys_a_childs_frame_before_the_parent_has_joined) {
    executor_.block_on([]() -> task<> {
        for (int i = 0; i < 100; ++i) {
            test::tally frames;
            const auto child = [](test::counted, bool suspends) -> task<> {
                if (suspends) {
                    co_await brigade::yield();
                }
            };
            co_await fork(child(test::counted(frames), true));
            co_await fork(child(test::counted(frames), false));
            co_await call(child(test::counted(frames), true));
            co_await join();
            EXPECT_EQ(frames.alive(), 0);
        }
    });
}

}  // namespace
