#include <brigade/when_all.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <latch>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/latch.hpp"
#include "tests/support/throws.hpp"

namespace {

using brigade::executor;
using brigade::multiple_errors;
using brigade::task;
using brigade::when_all;

task<int> give(int n) {
    co_await brigade::yield();
    co_return n;
}

task<> nothing() {
    co_return;
}

task<int> fail(std::string what) {
    co_await brigade::yield();
    throw std::runtime_error(what);
}

task<int&> lend(int& n) {
    co_return n;
}

task<long> fib(int n) {
    if (n < 2) {
        co_return n;
    }
    const std::tuple<long, long> both = co_await when_all(fib(n - 1), fib(n - 2));
    co_return std::get<0>(both) + std::get<1>(both);
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

class when_all_test : public testing::Test {
protected:
    executor executor_{{.workers = 2}};
};

TEST_F(when_all_test, gives_a_tuple_in_the_order_of_the_tasks) {
    executor_.block_on([]() -> task<> {
        const auto text = []() -> task<std::string> { co_return "text"; };
        const std::tuple<int, std::string, int> results = co_await when_all(give(1), text(), give(2));
        EXPECT_EQ(results, std::tuple(1, std::string("text"), 2));
    });
}

TEST_F(when_all_test, gives_monostate_for_void) {
    executor_.block_on([]() -> task<> {
        const std::tuple<std::monostate, int> results = co_await when_all(nothing(), give(3));
        EXPECT_EQ(std::get<1>(results), 3);
    });
}

TEST_F(when_all_test, gives_references) {
    executor_.block_on([]() -> task<> {
        int a = 1;
        int b = 2;
        const std::tuple<int&, int> tuple = co_await when_all(lend(a), give(3));
        EXPECT_EQ(&std::get<0>(tuple), &a);
        std::vector<task<int&>> tasks;
        tasks.push_back(lend(a));
        tasks.push_back(lend(b));
        const std::vector<std::reference_wrapper<int>> vector = co_await when_all(std::move(tasks));
        EXPECT_EQ(&vector.at(0).get(), &a);
        EXPECT_EQ(&vector.at(1).get(), &b);
    });
}

TEST_F(when_all_test, gives_move_only_results) {
    executor_.block_on([]() -> task<> {
        const auto make = [](int n) -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(n); };
        const auto tuple = co_await when_all(make(1), make(2));
        EXPECT_EQ(*std::get<1>(tuple), 2);
        std::vector<task<std::unique_ptr<int>>> tasks;
        tasks.push_back(make(3));
        tasks.push_back(make(4));
        const std::vector<std::unique_ptr<int>> vector = co_await when_all(std::move(tasks));
        EXPECT_EQ(*vector.at(1), 4);
    });
}

TEST_F(when_all_test, gives_a_vector_in_the_order_of_the_tasks) {
    executor_.block_on([]() -> task<> {
        std::vector<task<int>> tasks;
        for (int i = 0; i < 1000; ++i) {
            tasks.push_back(give(i));
        }
        const std::vector<int> results = co_await when_all(std::move(tasks));
        EXPECT_EQ(results.size(), 1000U);
        for (int i = 0; i < 1000; ++i) {
            EXPECT_EQ(results[static_cast<std::size_t>(i)], i);
        }
    });
}

TEST_F(when_all_test, takes_a_vector_of_tasks_that_give_nothing) {
    std::atomic<int> ran = 0;
    executor_.block_on([&]() -> task<> {
        const auto count = [](std::atomic<int>& n) -> task<> {
            ++n;
            co_return;
        };
        std::vector<task<>> tasks;
        for (int i = 0; i < 100; ++i) {
            tasks.push_back(count(ran));
        }
        co_await when_all(std::move(tasks));
        EXPECT_EQ(ran, 100);
    });
}

TEST_F(when_all_test, ends_at_once_without_tasks) {
    executor_.block_on([]() -> task<> {
        const std::vector<int> none = co_await when_all(std::vector<task<int>>());
        EXPECT_TRUE(none.empty());
        co_await when_all(std::vector<task<>>());
        const std::tuple<> empty = co_await when_all();
        static_cast<void>(empty);
    });
}

TEST_F(when_all_test, takes_one_task) {
    executor_.block_on([]() -> task<> {
        const std::tuple<int> one = co_await when_all(give(5));
        EXPECT_EQ(std::get<0>(one), 5);
    });
}

TEST_F(when_all_test, rethrows_one_exception_as_it_is) {
    executor_.block_on([]() -> task<> {
        const std::string tuple = co_await test::message_of<std::runtime_error>(when_all(give(1), fail("alone")));
        EXPECT_EQ(tuple, "alone");
        std::vector<task<int>> tasks;
        tasks.push_back(fail("first"));
        tasks.push_back(give(1));
        const std::string vector = co_await test::message_of<std::runtime_error>(when_all(std::move(tasks)));
        EXPECT_EQ(vector, "first");
    });
}

TEST_F(when_all_test, throws_all_exceptions_in_the_order_of_the_tasks) {
    executor_.block_on([]() -> task<> {
        std::vector<std::string> texts;
        try {
            static_cast<void>(co_await when_all(fail("a"), give(1), fail("b"), fail("c")));
        } catch (const multiple_errors& errors) {
            texts = texts_of(errors);
            EXPECT_STREQ(errors.what(), "brigade: 3 tasks failed");
        }
        EXPECT_EQ(texts, (std::vector<std::string>{"a", "b", "c"}));

        std::vector<task<int>> tasks;
        tasks.push_back(fail("d"));
        tasks.push_back(fail("e"));
        texts.clear();
        try {
            static_cast<void>(co_await when_all(std::move(tasks)));
        } catch (const multiple_errors& errors) {
            texts = texts_of(errors);
        }
        EXPECT_EQ(texts, (std::vector<std::string>{"d", "e"}));
    });
}

TEST_F(when_all_test, throws_only_after_every_task_has_ended) {
    for (int i = 0; i < 50; ++i) {
        executor_.block_on([]() -> task<> {
            bool ended = false;
            const auto slow = [](bool& done) -> task<> {
                for (int turn = 0; turn < 100; ++turn) {
                    co_await brigade::yield();
                }
                done = true;
            };
            const bool threw = co_await test::throws<std::runtime_error>(when_all(fail("early"), slow(ended)));
            EXPECT_TRUE(threw);
            EXPECT_TRUE(ended);
        });
    }
}

TEST_F(when_all_test, refuses_an_empty_task_and_starts_none) {
    executor_.block_on([]() -> task<> {
        bool ran = false;
        const auto set = [](bool& flag) -> task<> {
            flag = true;
            co_return;
        };
        constexpr const char* message = "brigade: when_all of a task that is empty: moved from, or awaited before";
        const std::string tuple = co_await test::message_of<std::logic_error>(when_all(set(ran), task<>()));
        EXPECT_EQ(tuple, message);
        std::vector<task<>> tasks(3);
        tasks[0] = set(ran);
        const std::string vector = co_await test::message_of<std::logic_error>(when_all(std::move(tasks)));
        EXPECT_EQ(vector, message);
        EXPECT_FALSE(ran);
    });
}

TEST_F(when_all_test, runs_the_tasks_in_parallel) {
    for (int i = 0; i < 100; ++i) {
        executor_.block_on([]() -> task<> {
            // Each of them keeps its worker until the other is there.
            const auto meet = [](std::latch& both) -> task<std::optional<unsigned>> {
                both.arrive_and_wait();
                co_return brigade::this_worker_index();
            };
            std::latch both(2);
            const auto workers = co_await when_all(meet(both), meet(both));
            EXPECT_NE(std::get<0>(workers), std::get<1>(workers));
        });
    }
}

TEST_F(when_all_test, runs_every_task_although_they_wait_for_each_other) {
    executor one({.workers = 1});
    for (executor* const e : {&executor_, &one}) {
        e->block_on([]() -> task<> {
            const auto meet = [](test::latch& all) -> task<> {
                all.count_down();
                co_await all.wait_in_task();
            };
            test::latch all(100);
            std::vector<task<>> tasks;
            for (int i = 0; i < 100; ++i) {
                tasks.push_back(meet(all));
            }
            co_await when_all(std::move(tasks));
        });
    }
}

TEST_F(when_all_test, recursion_forks_and_joins_thousands_of_times) {
    EXPECT_EQ(executor_.block_on(fib(18)), 2584);
    executor many({.workers = 8});
    EXPECT_EQ(many.block_on(fib(18)), 2584);
}

TEST_F(when_all_test, children_of_children_end_on_any_worker) {
    // A parent goes on wherever its last child ended; it must find all that the others did.
    executor many({.workers = 4});
    const std::function<task<int>(int)> tree = [&](int depth) -> task<int> {
        if (depth == 0) {
            co_await brigade::yield();
            co_return 1;
        }
        std::vector<task<int>> children;
        for (int i = 0; i < 4; ++i) {
            children.push_back(tree(depth - 1));
        }
        const std::vector<int> counts = co_await when_all(std::move(children));
        int sum = 0;
        for (const int count : counts) {
            sum += count;
        }
        co_return sum;
    };
    EXPECT_EQ(many.block_on(std::ref(tree), 6), 4096);
}

TEST_F(when_all_test, may_be_nested_in_one_expression) {
    executor_.block_on([]() -> task<> {
        const auto results = co_await when_all(when_all(give(1), give(2)), when_all(give(3)));
        EXPECT_EQ(std::get<0>(results), std::tuple(1, 2));
        EXPECT_EQ(std::get<1>(results), std::tuple(3));
    });
}

TEST_F(when_all_test, passes_a_stop_to_every_task) {
    test::latch started(3);
    brigade::join_handle<int> handle = executor_.spawn([&]() -> task<int> {
        std::atomic<int> stopped = 0;
        const auto sleep = [&stopped](test::latch& begun) -> task<> {
            begun.count_down();
            try {
                co_await brigade::sleep_for(std::chrono::hours(24));
            } catch (const brigade::operation_cancelled&) {
                ++stopped;
                throw;
            }
        };
        try {
            static_cast<void>(co_await when_all(sleep(started), sleep(started), sleep(started)));
        } catch (const brigade::operation_cancelled&) {
            co_return stopped;
        }
        co_return 0;
    });
    started.wait();
    handle.request_stop();
    EXPECT_EQ(executor_.block_on([&]() -> task<int> { co_return co_await handle; }), 3);
}

TEST(when_all, a_stop_that_several_children_obey_is_one_cancellation) {
    executor ex({.workers = 2});
    EXPECT_THROW(ex.block_on([]() -> task<> {
        auto children = brigade::spawn([]() -> task<> {
            const auto nap = []() -> task<> { co_await brigade::sleep_for(std::chrono::hours(1)); };
            co_await brigade::when_all(nap(), nap());
        });
        children.request_stop();
        co_await children;
    }),
                 brigade::operation_cancelled);
}

TEST(when_all, a_failure_beside_a_cancellation_is_not_lost) {
    executor ex({.workers = 2});
    ex.block_on([]() -> task<> {
        const auto fails = []() -> task<> {
            throw std::runtime_error("failed");
            co_return;
        };
        const auto is_cancelled = []() -> task<> {
            throw brigade::operation_cancelled();
            co_return;
        };
        try {
            co_await brigade::when_all(is_cancelled(), fails());
            ADD_FAILURE() << "both have thrown";
        } catch (const multiple_errors& errors) {
            EXPECT_EQ(texts_of(errors).size(), 2U);
        }
    });
}

}  // namespace
