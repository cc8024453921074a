// Children that wait, and parents that go on meanwhile: on the same worker, on another, on another executor.
#include <brigade/fork.hpp>

#include <atomic>
#include <chrono>
#include <coroutine>
#include <functional>
#include <latch>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/latch.hpp"
#include "tests/support/throws.hpp"

namespace {

using brigade::call;
using brigade::executor;
using brigade::fork;
using brigade::join;
using brigade::task;
using namespace std::chrono_literals;

// With one worker, and with two.
class fork_suspend_test : public testing::TestWithParam<unsigned> {
protected:
    executor executor_{{.workers = GetParam()}};
};

INSTANTIATE_TEST_SUITE_P(workers, fork_suspend_test, testing::Values(1U, 2U));

TEST_P(fork_suspend_test, parent_goes_on_while_a_child_waits) {
    executor_.block_on([]() -> task<> {
        test::latch go;
        test::latch begun(100);
        int ended = 0;
        const auto child = [](test::latch& started, test::latch& may_end) -> task<int> {
            started.count_down();
            co_await may_end.wait_in_task();
            co_return 1;
        };
        std::vector<int> results(100);
        for (int& result : results) {
            co_await fork(result, child(begun, go));
        }
        co_await begun.wait_in_task();
        go.count_down();
        co_await join();
        for (const int result : results) {
            ended += result;
        }
        EXPECT_EQ(ended, 100);
    });
}

TEST_P(fork_suspend_test, children_may_sleep) {
    executor_.block_on([]() -> task<> {
        std::atomic<int> woken = 0;
        const auto child = [](std::atomic<int>& count) -> task<> {
            co_await brigade::sleep_for(1ms);
            ++count;
        };
        for (int i = 0; i < 50; ++i) {
            co_await fork(child(woken));
        }
        co_await join();
        EXPECT_EQ(woken, 50);
    });
}

TEST_P(fork_suspend_test, children_may_await_join_handles_and_blocking_calls) {
    executor_.block_on([]() -> task<> {
        const auto child = [](int n) -> task<int> {
            const auto give = [](int m) -> task<int> { co_return m; };
            brigade::join_handle<int> spawned = brigade::spawn(give, n);
            brigade::join_handle<int> blocking = brigade::spawn_blocking([n] { return n; });
            const int a = co_await spawned;
            const int b = co_await blocking;
            co_return a + b;
        };
        std::vector<int> results(50);
        for (std::size_t i = 0; i < results.size(); ++i) {
            co_await fork(results[i], child(static_cast<int>(i)));
        }
        co_await join();
        for (std::size_t i = 0; i < results.size(); ++i) {
            EXPECT_EQ(results[i], static_cast<int>(2 * i));
        }
    });
}

// FORK2: the first child, once it goes on, finds its parent's continuation where the second child's fork has put it.
TEST_P(fork_suspend_test, a_child_may_take_back_what_its_sibling_offered) {
    for (int i = 0; i < 200; ++i) {
        executor_.block_on([]() -> task<> {
            const auto yielding = [](int times) -> task<int> {
                for (int t = 0; t < times; ++t) {
                    co_await brigade::yield();
                }
                co_return times;
            };
            int sum = 0;
            for (int round = 0; round < 10; ++round) {
                std::vector<int> results(6);
                for (std::size_t c = 0; c < results.size(); ++c) {
                    co_await fork(results[c], yielding(static_cast<int>(c * 7 % 4)));
                }
                co_await join();
                for (const int result : results) {
                    sum += result;
                }
            }
            EXPECT_EQ(sum, 10 * (0 + 3 + 2 + 1 + 0 + 3));
        });
    }
}

TEST(fork_across_workers, another_worker_goes_on_with_the_parent) {
    executor two({.workers = 2});
    for (int i = 0; i < 200; ++i) {
        two.block_on([]() -> task<> {
            // The child keeps its worker until the parent has gone on: on the other one, which may have been parked.
            const auto child = [](std::latch& parent_went_on) -> task<std::optional<unsigned>> {
                parent_went_on.wait();
                co_return brigade::this_worker_index();
            };
            std::latch went_on(1);
            std::optional<unsigned> childs;
            co_await fork(childs, child(went_on));
            const std::optional<unsigned> own = brigade::this_worker_index();
            went_on.count_down();
            co_await join();
            EXPECT_TRUE(childs.has_value());
            EXPECT_NE(childs, own);
        });
    }
}

TEST(fork_across_workers, children_end_on_other_workers_than_they_began) {
    executor two({.workers = 2});
    for (int i = 0; i < 200; ++i) {
        two.block_on([]() -> task<> {
            // The parent keeps a worker from the time at which the child waits; the child goes on, and ends, on the
            // other.
            const auto child = [](std::atomic<bool>& parent_holds, std::latch& done) -> task<int> {
                while (!parent_holds) {
                    co_await brigade::yield();
                }
                done.count_down();
                co_return 1;
            };
            std::atomic<bool> holds = false;
            std::latch done(1);
            int result = 0;
            co_await fork(result, child(holds, done));
            holds = true;
            done.wait();
            co_await join();
            EXPECT_EQ(result, 1);
        });
    }
}

TEST(fork_across_workers, exceptions_arrive_from_several_workers_at_once) {
    executor four({.workers = 4});
    for (int i = 0; i < 100; ++i) {
        four.block_on([]() -> task<> {
            const auto child = [](int turns) -> task<> {
                for (int t = 0; t < turns; ++t) {
                    co_await brigade::yield();
                }
                throw std::runtime_error("child");
            };
            std::size_t errors = 0;
            for (int c = 0; c < 40; ++c) {
                co_await fork(child(c % 4));
            }
            try {
                co_await join();
            } catch (const brigade::multiple_errors& all) {
                errors = all.errors().size();
            }
            EXPECT_EQ(errors, 40U);
        });
    }
}

TEST_P(fork_suspend_test, children_inherit_the_stop) {
    test::latch started(2);
    brigade::join_handle<int> handle = executor_.spawn([&]() -> task<int> {
        std::atomic<int> stopped = 0;
        const auto child = [&stopped](test::latch& begun) -> task<> {
            begun.count_down();
            try {
                co_await brigade::sleep_for(24h);
            } catch (const brigade::operation_cancelled&) {
                ++stopped;
                throw;
            }
        };
        const auto grandchild = [child](test::latch& begun) -> task<> {
            co_await fork(child(begun));
            co_await join();
        };
        co_await fork(child(started));
        co_await fork(grandchild(started));
        try {
            co_await join();
        } catch (const brigade::operation_cancelled&) {
            co_return stopped;
        }
        co_return 0;
    });
    started.wait();
    handle.request_stop();
    EXPECT_EQ(executor_.block_on([&]() -> task<int> { co_return co_await handle; }), 2);
}

// The name of the executor that runs the caller.
const std::string& here() {
    return executor::current().name();
}

TEST_P(fork_suspend_test, a_child_may_move_to_another_executor) {
    executor other({.workers = 2, .name = "other"});
    for (int i = 0; i < 200; ++i) {
        executor_.block_on([&]() -> task<> {
            const auto child = [](executor& target) -> task<std::string> {
                co_await brigade::resume_on(target);
                co_return here();
            };
            std::vector<std::string> names(4);
            for (std::string& name : names) {
                co_await fork(name, child(other));
            }
            EXPECT_EQ(here(), "brigade");
            co_await join();
            EXPECT_EQ(here(), "brigade");
            for (const std::string& name : names) {
                EXPECT_EQ(name, "other");
            }
        });
    }
}

TEST_P(fork_suspend_test, a_parent_may_move_to_another_executor_with_forks_outstanding) {
    executor other({.workers = 2, .name = "other"});
    for (int i = 0; i < 200; ++i) {
        executor_.block_on([&]() -> task<> {
            test::latch go;
            const auto child = [](test::latch& may_end) -> task<std::string> {
                co_await may_end.wait_in_task();
                co_return here();
            };
            std::string first;
            std::string second;
            co_await fork(first, child(go));
            co_await brigade::resume_on(other);
            co_await fork(second, child(go));
            EXPECT_EQ(here(), "other");
            go.count_down();
            co_await join();
            EXPECT_EQ(here(), "other");
            EXPECT_EQ(first, "brigade");
            EXPECT_EQ(second, "other");
        });
    }
}

// An event as callback libraries have it: fire() resumes the one that waits, at once and on the caller's stack.
class inline_event {
public:
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) noexcept { waiting_ = waiting.address(); }
    void await_resume() const noexcept {}

    task<> wait_until_awaited() const {
        while (waiting_ == nullptr) {
            co_await brigade::yield();
        }
    }
    void fire() { std::coroutine_handle<>::from_address(waiting_.exchange(nullptr)).resume(); }

private:
    std::atomic<void*> waiting_ = nullptr;
};

task<int> wait_for(inline_event& event) {
    co_await event;
    co_return 1;
}

TEST_P(fork_suspend_test, a_child_may_end_inside_its_parent) {
    executor_.block_on([]() -> task<> {
        inline_event event;
        int result = 0;
        co_await fork(result, wait_for(event));
        co_await event.wait_until_awaited();
        event.fire();
        co_await join();
        EXPECT_EQ(result, 1);
    });
}

TEST_P(fork_suspend_test, a_child_may_end_on_a_thread_that_is_no_worker) {
    for (int i = 0; i < 50; ++i) {
        executor_.block_on([]() -> task<> {
            inline_event event;
            int result = 0;
            co_await fork(result, wait_for(event));
            co_await event.wait_until_awaited();
            const std::jthread foreign([&event] { event.fire(); });
            co_await join();
            EXPECT_TRUE(brigade::this_worker_index().has_value());
            EXPECT_EQ(result, 1);
        });
    }
}

}  // namespace
