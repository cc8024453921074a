// Past the deadline of a shutdown, children of fork() and call() that have not ended are destroyed, each before the
// locals of its parent.
#include <brigade/fork.hpp>

#include <atomic>
#include <chrono>
#include <coroutine>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/captured_stderr.hpp"
#include "tests/support/counted.hpp"
#include "tests/support/latch.hpp"
#include "tests/support/throws.hpp"

namespace {

using brigade::call;
using brigade::executor;
using brigade::fork;
using brigade::join;
using brigade::task;
using namespace std::chrono_literals;

// Waits for nothing that would ever come.
struct never {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> /*self*/) noexcept {}
    void await_resume() const noexcept {}
};

// Waits until any thread lets it go on.
class gate {
public:
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> self) noexcept {
        waiting_ = self;
        closed_.count_down();
    }
    void await_resume() const noexcept {}
    // On the calling thread.
    void open() {
        closed_.wait();
        waiting_.resume();
    }

private:
    std::coroutine_handle<> waiting_;
    test::latch closed_;
};

// What a parent lends to its children: notices when it goes before they do.
class lender {
public:
    explicit lender(test::tally& t) noexcept : counted_(t) {}
    lender(const lender&) = delete;
    lender& operator=(const lender&) = delete;
    ~lender() { EXPECT_EQ(borrowers_, 0) << "a child is there after its parent's locals"; }

private:
    friend class borrower;
    std::atomic<int> borrowers_ = 0;
    test::counted counted_;
};
class borrower {
public:
    explicit borrower(lender& from) noexcept : from_(from), counted_(from.counted_) { ++from_.borrowers_; }
    borrower(const borrower&) = delete;
    borrower& operator=(const borrower&) = delete;
    ~borrower() { --from_.borrowers_; }

private:
    lender& from_;
    test::counted counted_;
};

task<> wait_for_ever(lender& parent, test::latch& started) {
    const borrower local(parent);
    started.count_down();
    co_await never();
}

task<> end_at_once(lender& parent) {
    const borrower local(parent);
    co_return;
}

// Starts what `body(tally, started)` gives, waits for `count` starts, and shuts down at once.
template <class Body>
void cut_short(unsigned workers, unsigned count, const Body& body) {
    test::tally tally;
    test::captured_stderr output;
    test::latch started(count);
    executor e({.workers = workers});
    e.spawn([&]() -> task<> { co_await body(tally, started); }).detach();
    started.wait();
    e.shutdown(0ms);
    EXPECT_GT(tally.made, 0);
    EXPECT_EQ(tally.alive(), 0);
}

TEST(fork_deadline, destroys_children_of_a_parent_that_joins) {
    for (const unsigned workers : {1U, 2U}) {
        cut_short(workers, 3, [](test::tally& tally, test::latch& started) -> task<> {
            lender local(tally);
            for (int i = 0; i < 3; ++i) {
                co_await fork(wait_for_ever(local, started));
                co_await fork(end_at_once(local));
            }
            co_await join();
        });
    }
}

TEST(fork_deadline, destroys_children_of_a_parent_that_waits_for_something_else) {
    cut_short(1, 3, [](test::tally& tally, test::latch& started) -> task<> {
        lender local(tally);
        co_await fork(wait_for_ever(local, started));
        co_await fork(wait_for_ever(local, started));
        co_await wait_for_ever(local, started);
    });
}

TEST(fork_deadline, destroys_a_called_child) {
    cut_short(1, 2, [](test::tally& tally, test::latch& started) -> task<> {
        lender local(tally);
        co_await fork(wait_for_ever(local, started));
        co_await call(wait_for_ever(local, started));
        co_await join();
    });
}

TEST(fork_deadline, destroys_a_child_although_nobody_has_gone_on_with_the_parent) {
    test::tally tally;
    test::captured_stderr output;
    test::latch started;
    executor e({.workers = 1, .shutdown_deadline = 10ms});
    e.spawn([&]() -> task<> {
         lender local(tally);
         const auto compute_and_wait = [&](lender& parent) -> task<> {
             const borrower inner(parent);
             started.count_down();
             while (output.text().find("still running") == std::string::npos) {
                 std::this_thread::yield();
             }
             co_await never();
         };
         co_await fork(compute_and_wait(local));
         co_await join();
     }).detach();
    started.wait();
    e.shutdown(0ms);
    EXPECT_EQ(tally.made, 2);
    EXPECT_EQ(tally.alive(), 0);
}

task<> nested(lender& parent, test::latch& started, int depth) {
    const borrower upper(parent);
    test::tally own;
    lender local(own);
    if (depth == 0) {
        co_await wait_for_ever(local, started);
    } else {
        co_await fork(nested(local, started, depth - 1));
        co_await call(nested(local, started, depth - 1));
        co_await join();
    }
}

TEST(fork_deadline, destroys_children_of_children) {
    for (const unsigned workers : {1U, 2U}) {
        cut_short(workers, 32, [](test::tally& tally, test::latch& started) -> task<> {
            lender local(tally);
            co_await nested(local, started, 5);
        });
    }
}

TEST(fork_deadline, destroys_a_when_all_of_tasks_that_fork) {
    cut_short(2, 4, [](test::tally& tally, test::latch& started) -> task<> {
        const auto fork_two = [](test::tally& t, test::latch& s) -> task<> {
            lender local(t);
            co_await fork(wait_for_ever(local, s));
            co_await fork(wait_for_ever(local, s));
            co_await join();
        };
        co_await brigade::when_all(fork_two(tally, started), fork_two(tally, started));
    });
}

TEST(fork_deadline, cuts_a_computation_short_that_forks_for_ever) {
    for (const unsigned workers : {1U, 2U}) {
        test::tally tally;
        test::captured_stderr output;
        test::latch started;
        executor e({.workers = workers});
        e.spawn([&]() -> task<> {
             const auto recurse = [](auto& self, lender& parent, int depth) -> task<> {
                 const borrower upper(parent);
                 test::tally own;
                 lender local(own);
                 if (depth > 0) {
                     co_await fork(self(self, local, depth - 1));
                     co_await call(self(self, local, depth - 1));
                     co_await join();
                 }
             };
             lender local(tally);
             started.count_down();
             co_await recurse(recurse, local, 60);
         }).detach();
        started.wait();
        e.shutdown(0ms);
        EXPECT_EQ(tally.alive(), 0);
    }
}

TEST(fork_deadline, destroys_children_that_yield_for_ever_and_stand_in_queues) {
    for (const unsigned workers : {1U, 2U}) {
        cut_short(workers, 10, [](test::tally& tally, test::latch& started) -> task<> {
            lender local(tally);
            const auto yield_for_ever = [](lender& parent, test::latch& s) -> task<> {
                const borrower inner(parent);
                s.count_down();
                for (;;) {
                    co_await brigade::yield();
                }
            };
            for (int i = 0; i < 10; ++i) {
                co_await fork(yield_for_ever(local, started));
            }
            co_await join();
        });
    }
}

// The first child goes on with the parent in its sibling's place (FORK2), which the parent learns of only then.
TEST(fork_deadline, destroys_a_child_whose_fork_a_sibling_has_taken_back) {
    cut_short(1, 2, [](test::tally& tally, test::latch& started) -> task<> {
        lender local(tally);
        gate first;
        const auto wait_at = [](lender& parent, gate& g) -> task<> {
            const borrower inner(parent);
            co_await g;
        };
        const auto open_and_wait = [](lender& parent, gate& g, test::latch& s) -> task<> {
            const borrower inner(parent);
            brigade::spawn([&g]() -> task<> {
                g.open();
                co_return;
            }).detach();
            s.count_down();
            co_await never();
        };
        co_await fork(wait_at(local, first));
        co_await fork(open_and_wait(local, first, started));
        started.count_down();
        co_await join();
    });
}

// A child that is resumed by a thread of its own ends there while its parent stands in a queue.
TEST(fork_deadline, leaves_alone_a_child_that_has_ended_on_another_thread) {
    test::tally tally;
    test::captured_stderr output;
    executor e({.workers = 1, .shutdown_deadline = 10ms});
    gate child_waits;
    test::latch computing;
    test::latch ended;
    e.spawn([&]() -> task<> {
         lender local(tally);
         const auto wait_at = [](lender& parent, gate& g) -> task<> {
             const borrower inner(parent);
             co_await g;
         };
         // What this child posts keeps the worker from going on with the parent.
         brigade::spawn([&]() -> task<> {
             computing.count_down();
             while (output.text().find("still running") == std::string::npos) {
                 std::this_thread::yield();
             }
             co_return;
         }).detach();
         co_await fork(wait_at(local, child_waits));
         co_await join();
     }).detach();
    std::thread other([&] {
        child_waits.open();
        ended.count_down();
    });
    computing.wait();
    ended.wait();
    e.shutdown(0ms);
    other.join();
    EXPECT_EQ(tally.alive(), 0);
}

// A registered child is destroyed without its type being known: with the strictest alignment that is allowed, too.
TEST(fork_deadline, destroys_children_with_results_of_any_alignment) {
    cut_short(1, 3, [](test::tally& tally, test::latch& started) -> task<> {
        lender local(tally);
        const auto wait_and_give = [](auto& result, lender& parent,
                                      test::latch& s) -> task<std::remove_reference_t<decltype(result)>> {
            co_await wait_for_ever(parent, s);
            co_return result;
        };
        char narrow = 0;
        long double wide = 0;
        struct alignas(__STDCPP_DEFAULT_NEW_ALIGNMENT__) block {
            char bytes[40];
        } widest{};
        co_await fork(narrow, wait_and_give(narrow, local, started));
        co_await fork(wide, wait_and_give(wide, local, started));
        co_await fork(widest, wait_and_give(widest, local, started));
        co_await join();
    });
}

TEST(fork_deadline, an_exception_that_no_join_receives_goes_to_the_handler) {
    test::captured_stderr output;
    test::tally tally;
    test::latch started;
    std::vector<std::string> unhandled;
    executor e({.workers = 1, .unhandled_exception = [&unhandled](const std::exception_ptr& error) {
                    unhandled.push_back(
                        test::message_of_call<std::runtime_error>([&]() -> bool { std::rethrow_exception(error); }));
                }});
    e.spawn([&]() -> task<> {
         lender local(tally);
         const auto fail = [](lender& parent) -> task<> {
             const borrower inner(parent);
             co_await brigade::yield();
             throw std::runtime_error("nobody joins this");
         };
         const auto is_cancelled = []() -> task<> {
             throw brigade::operation_cancelled();
             co_return;
         };
         co_await fork(fail(local));
         co_await call(fail(local));
         co_await call(is_cancelled());
         co_await wait_for_ever(local, started);
     }).detach();
    started.wait();
    e.shutdown(0ms);
    EXPECT_EQ(unhandled, std::vector<std::string>(2, "nobody joins this"));
    EXPECT_EQ(tally.alive(), 0);
}

// The child is resumed inside another task, which then computes beyond the deadline: what has been handed over goes on.
TEST(fork_deadline, a_parent_whose_child_has_ended_goes_on_past_the_deadline) {
    for (const bool calls : {false, true}) {
        test::captured_stderr output;
        test::tally tally;
        test::latch opened;
        gate entrance;
        bool went_on = false;
        executor e({.workers = 1, .shutdown_deadline = 1ms});
        e.spawn([&]() -> task<> {
             lender local(tally);
             const auto child = [](lender& parent, gate& g) -> task<> {
                 const borrower inner(parent);
                 co_await g;
             };
             brigade::spawn([&]() -> task<> {
                 entrance.open();
                 opened.count_down();
                 while (output.text().find("waits for what is still running") == std::string::npos) {
                 }
                 co_return;
             }).detach();
             if (calls) {
                 co_await call(child(local, entrance));
             } else {
                 co_await fork(child(local, entrance));
             }
             went_on = true;
             co_await join();
         }).detach();
        opened.wait();
        e.shutdown(0ms);
        EXPECT_EQ(tally.alive(), 0);
        EXPECT_TRUE(went_on);
    }
}

TEST(fork_deadline, gives_back_the_socket_of_a_child) {
    test::captured_stderr output;
    executor e({.workers = 1});
    test::latch started;
    std::optional<brigade::endpoint> bound;
    e.spawn([&]() -> task<> {
         auto listener = brigade::tcp_listener::bind(brigade::endpoint::loopback_v4(0)).value();
         bound = listener.local_endpoint().value();
         const auto child = [](brigade::tcp_listener /*held*/, test::latch& s) -> task<> {
             s.count_down();
             co_await never();
         };
         co_await fork(child(std::move(listener), started));
         co_await join();
     }).detach();
    started.wait();
    e.shutdown(0ms);
    executor other({.workers = 1});
    EXPECT_TRUE(
        other.block_on([&]() -> task<bool> { co_return brigade::tcp_listener::bind(bound.value()).has_value(); }));
}

}  // namespace
