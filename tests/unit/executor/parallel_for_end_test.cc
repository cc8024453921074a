// How the parallel algorithms end early: exceptions, stops, the end of the executor.
#include <brigade/parallel_for.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <latch>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/captured_stderr.hpp"
#include "tests/support/counted.hpp"
#include "tests/support/latch.hpp"
#include "tests/support/throws.hpp"

namespace {

using brigade::executor;
using brigade::multiple_errors;
using brigade::operation_cancelled;
using brigade::parallel_for;
using brigade::task;
using namespace std::chrono_literals;

class parallel_for_end : public testing::TestWithParam<unsigned> {
protected:
    executor executor_{{.workers = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(workers, parallel_for_end, testing::Values(1U, 2U, 4U));

// ------------------------------------------------------------------------------------------------------ exceptions

TEST_P(parallel_for_end, one_exception_comes_as_it_is) {
    executor_.block_on([]() -> task<> {
        const auto only_700 = [](int i) {
            if (i == 700) {
                throw std::runtime_error("700");
            }
        };
        const std::string plain = co_await test::message_of<std::runtime_error>(parallel_for(0, 1000, only_700));
        EXPECT_EQ(plain, "700");
        const auto after_a_wait = [&only_700](int i) -> task<> {
            co_await brigade::yield();
            only_700(i);
        };
        const std::string tasks = co_await test::message_of<std::runtime_error>(parallel_for(0, 1000, after_a_wait));
        EXPECT_EQ(tasks, "700");
    });
}

// A body that is no coroutine may throw before it gives a task.
TEST_P(parallel_for_end, an_exception_of_the_call_comes_as_well) {
    executor_.block_on([]() -> task<> {
        const auto fail = [](int i) -> task<> { throw std::runtime_error(std::to_string(i)); };
        const std::string what = co_await test::message_of<std::runtime_error>(parallel_for(3, 4, fail));
        EXPECT_EQ(what, "3");
    });
}

// Flat: no multiple_errors inside another, but for one that a body throws itself.
TEST_P(parallel_for_end, all_exceptions_come_together) {
    constexpr int n = 100;
    executor_.block_on([&]() -> task<> {
        test::latch all(n);
        const auto fail = [&all](int i) -> task<> {
            all.count_down();
            co_await all.wait_in_task();
            if (i == 0) {
                throw multiple_errors({});
            }
            throw std::runtime_error(std::to_string(i));
        };
        std::vector<bool> thrown(n);
        try {
            co_await parallel_for(0, n, fail);
        } catch (const multiple_errors& errors) {
            for (const std::exception_ptr& error : errors.errors()) {
                try {
                    std::rethrow_exception(error);
                } catch (const std::runtime_error& e) {
                    thrown[static_cast<std::size_t>(std::stoi(e.what()))] = true;
                } catch (const multiple_errors& e) {
                    EXPECT_TRUE(e.errors().empty());
                    thrown[0] = true;
                }
            }
        }
        EXPECT_EQ(thrown, std::vector<bool>(n, true));
    });
}

TEST(parallel_for_exceptions, plain_bodies_on_several_workers_throw_several) {
    executor two({.workers = 2});
    for (int i = 0; i < 20; ++i) {
        std::latch both(2);
        const auto fail = [&both](int n) {
            both.arrive_and_wait();
            throw std::runtime_error(std::to_string(n));
        };
        const std::string what =
            two.block_on([&] { return test::message_of<multiple_errors>(parallel_for(0, 2, fail)); });
        EXPECT_EQ(what, "brigade: 2 tasks failed");
    }
}

TEST(parallel_for_exceptions, no_element_is_begun_after_one) {
    executor one({.workers = 1});
    for (const bool tasks : {false, true}) {
        int begun = 0;
        const auto plain = [&begun](int) {
            ++begun;
            throw std::runtime_error("first");
        };
        const auto with_task = [&plain](int i) -> task<> {
            plain(i);
            co_return;
        };
        const std::string what = one.block_on([&]() -> task<std::string> {
            task<> loop = tasks ? parallel_for(0, 1000, with_task) : parallel_for(0, 1000, plain);
            co_return co_await test::message_of<std::runtime_error>(std::move(loop));
        });
        EXPECT_EQ(what, "first");
        EXPECT_EQ(begun, 1);
    }
}

TEST_P(parallel_for_end, comes_only_after_every_task_that_was_begun) {
    executor_.block_on([]() -> task<> {
        std::atomic<int> running = 0;
        test::latch begun(10);
        const auto body = [&](int i) -> task<> {
            ++running;
            begun.count_down();
            co_await begun.wait_in_task();
            if (i == 3) {
                --running;
                throw std::runtime_error("3");
            }
            for (int turn = 0; turn < 50; ++turn) {
                co_await brigade::yield();
            }
            --running;
        };
        const bool threw = co_await test::throws<std::runtime_error>(parallel_for(0, 10, body));
        EXPECT_TRUE(threw);
        EXPECT_EQ(running, 0);
    });
}

// ----------------------------------------------------------------------------------------------------------- stops

TEST_P(parallel_for_end, a_stop_in_the_middle_of_plain_bodies_ends_it) {
    test::latch begun(GetParam());
    test::latch stopped;
    std::atomic<unsigned> bodies = 0;
    brigade::join_handle<> loop = executor_.spawn([&]() -> task<> {
        co_await parallel_for(0, 1000, [&](int) {
            ++bodies;
            begun.count_down();
            stopped.wait();
        });
    });
    begun.wait();
    loop.request_stop();
    stopped.count_down();
    EXPECT_TRUE(executor_.block_on(
        [&] { return test::throws<operation_cancelled>(test::awaiting([&]() -> auto& { return loop; })); }));
    EXPECT_EQ(bodies, GetParam());  // those that ran, all in chunks of one
}

TEST_P(parallel_for_end, a_stop_ends_bodies_that_wait) {
    test::latch begun(100);
    brigade::join_handle<> loop = executor_.spawn([&]() -> task<> {
        co_await parallel_for(0, 100, [&](int) -> task<> {
            begun.count_down();
            co_await brigade::sleep_for(1h);
        });
    });
    begun.wait();
    loop.request_stop();
    EXPECT_TRUE(executor_.block_on(
        [&] { return test::throws<operation_cancelled>(test::awaiting([&]() -> auto& { return loop; })); }));
}

TEST_P(parallel_for_end, a_stop_that_finds_nothing_left_to_begin_changes_nothing) {
    test::latch begun;
    brigade::join_handle<> loop = executor_.spawn([&begun]() -> task<> {
        co_await parallel_for(0, 1, [&begun](int) -> task<> {
            begun.count_down();
            const brigade::stop_token token = co_await brigade::get_stop_token();
            while (!token.stop_requested()) {
                co_await brigade::yield();
            }
        });
        co_await parallel_for(0, 0, [](int) {});
    });
    begun.wait();
    loop.request_stop();
    executor_.block_on([&]() -> task<> { co_await loop; });
}

TEST_P(parallel_for_end, an_exception_says_more_than_a_stop) {
    test::latch begun(GetParam());
    test::latch stopped;
    std::atomic<bool> first = true;
    brigade::join_handle<> loop = executor_.spawn([&]() -> task<> {
        co_await parallel_for(0, 1000, [&](int) {
            begun.count_down();
            stopped.wait();
            if (first.exchange(false)) {
                throw std::runtime_error("first");
            }
        });
    });
    begun.wait();
    loop.request_stop();
    stopped.count_down();
    EXPECT_EQ(executor_.block_on([&] {
        return test::message_of<std::runtime_error>(test::awaiting([&]() -> auto& { return loop; }));
    }),
              "first");
}

// ----------------------------------------------------------------------------------------- tasks that do not go on

TEST(parallel_for_lifetime, a_task_that_is_never_awaited_calls_nothing_and_frees_what_it_owns) {
    test::tally tally;
    {
        std::vector<test::counted> elements(3, test::counted(tally));
        const task<> loop = parallel_for(
            std::move(elements), [own = test::counted(tally)](const test::counted&) { ADD_FAILURE() << "called"; });
        EXPECT_EQ(tally.alive(), 4);
    }
    EXPECT_EQ(tally.alive(), 0);
}

// Waits for nothing that would ever come.
struct never {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> /*self*/) noexcept {}
    void await_resume() const noexcept {}
};

TEST_P(parallel_for_end, is_destroyed_past_the_deadline_where_its_bodies_wait) {
    test::tally tally;
    test::captured_stderr output;
    test::latch begun(50);
    executor_
        .spawn([&]() -> task<> {
            const test::counted local(tally);
            const auto body = [&begun, own = test::counted(tally)](const test::counted& element) -> task<> {
                const test::counted copy(element);
                begun.count_down();
                co_await never();
            };
            co_await parallel_for(std::vector<test::counted>(50, local), body);
        })
        .detach();
    begun.wait();
    executor_.shutdown(0ms);
    EXPECT_GT(tally.made, 100);
    EXPECT_EQ(tally.alive(), 0);
}

TEST_P(parallel_for_end, is_destroyed_past_the_deadline_between_two_chunks) {
    test::tally tally;
    test::captured_stderr output;
    executor e({.workers = GetParam(), .shutdown_deadline = 10ms});
    test::latch begun(GetParam());
    std::array<std::atomic<bool>, 4> seen{};
    e.spawn([&]() -> task<> {
         const test::counted local(tally);
         auto body = [&, own = test::counted(tally)](int) {
             if (!seen.at(brigade::this_worker_index().value()).exchange(true)) {
                 begun.count_down();
             }
             while (output.text().find("waits for what is still running") == std::string::npos) {
             }
         };
         co_await parallel_for(0, 1'000'000, std::move(body));
         ADD_FAILURE() << "went on";
     }).detach();
    begun.wait();
    e.shutdown(0ms);
    EXPECT_GT(tally.made, 0);
    EXPECT_EQ(tally.alive(), 0);
}

TEST(parallel_for_lifetime, an_exception_of_a_loop_that_is_destroyed_goes_to_the_handler) {
    test::captured_stderr output;
    test::latch begun(2);
    std::vector<std::string> unhandled;
    executor one({.workers = 1, .unhandled_exception = [&unhandled](const std::exception_ptr& error) {
                      unhandled.push_back(
                          test::message_of_call<std::runtime_error>([&]() -> bool { std::rethrow_exception(error); }));
                  }});
    one.spawn([&]() -> task<> {
           co_await parallel_for(0, 2, [&](int i) -> task<> {
               begun.count_down();
               if (i == 1) {
                   throw std::runtime_error("nobody receives this");
               }
               co_await never();
           });
       })
        .detach();
    begun.wait();
    one.shutdown(0ms);
    EXPECT_EQ(unhandled, std::vector<std::string>(1, "nobody receives this"));
}

}  // namespace
