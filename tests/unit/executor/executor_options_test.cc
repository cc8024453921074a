#include <brigade/executor.hpp>

#include <chrono>
#include <latch>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sched.h>
#include <brigade/when_all.hpp>

#include "tests/support/this_process.hpp"
#include "tests/support/throws.hpp"

namespace {

using brigade::executor;
using brigade::executor_options;
using brigade::task;

// The processors that the calling thread may use.
std::vector<unsigned> my_processors() {
    cpu_set_t set;
    CPU_ZERO(&set);
    EXPECT_EQ(::sched_getaffinity(0, sizeof(set), &set), 0);
    std::vector<unsigned> processors;
    for (unsigned p = 0; p < CPU_SETSIZE; ++p) {
        if (CPU_ISSET(p, &set)) {
            processors.push_back(p);
        }
    }
    return processors;
}

struct seen_on_worker {
    unsigned index;
    std::string thread;
    std::vector<unsigned> processors;

    friend bool operator<(const seen_on_worker& a, const seen_on_worker& b) { return a.index < b.index; }
};

// Blocks its worker until all others have done the same, so that each of them runs on another.
task<seen_on_worker> look(std::latch& all) {
    all.arrive_and_wait();
    co_return seen_on_worker{brigade::this_worker_index().value(), test::this_thread_name(), my_processors()};
}

std::set<seen_on_worker> look_on_all(executor& e) {
    return e.block_on([&]() -> task<std::set<seen_on_worker>> {
        std::latch all(static_cast<std::ptrdiff_t>(e.worker_count()));
        std::vector<task<seen_on_worker>> looks;
        for (unsigned i = 0; i < e.worker_count(); ++i) {
            looks.push_back(look(all));
        }
        std::vector<seen_on_worker> seen = co_await brigade::when_all(std::move(looks));
        co_return std::set<seen_on_worker>(seen.begin(), seen.end());
    });
}

TEST(executor_options, start_as_many_workers_as_asked) {
    for (const unsigned workers : {1U, 2U, 5U}) {
        executor e({.workers = workers});
        EXPECT_EQ(e.worker_count(), workers);
        const std::set<seen_on_worker> seen = look_on_all(e);
        EXPECT_EQ(seen.size(), workers);
        EXPECT_EQ(seen.rbegin()->index, workers - 1);
    }
}

TEST(executor_options, start_many_more_workers_than_processors) {
    executor e({.workers = 64});
    EXPECT_EQ(look_on_all(e).size(), 64U);
}

TEST(executor_options, zero_workers_mean_the_default_count) {
    const executor e;
    EXPECT_EQ(e.worker_count(), brigade::default_worker_count());
}

TEST(executor_options, default_worker_count_is_at_least_one_and_fits_the_affinity_mask) {
    EXPECT_GE(brigade::default_worker_count(), 1U);
    EXPECT_LE(brigade::default_worker_count(), my_processors().size());
    // In a thread of its own, since the mask stays.
    std::jthread([] {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(my_processors().back(), &one);
        ASSERT_EQ(::sched_setaffinity(0, sizeof(one), &one), 0);
        EXPECT_EQ(brigade::default_worker_count(), 1U);
        const executor e;
        EXPECT_EQ(e.worker_count(), 1U);
    });
}

TEST(executor_options, name_shows_in_the_threads) {
    executor e({.workers = 3, .name = "kitchen"});
    EXPECT_EQ(e.name(), "kitchen");
    for (const seen_on_worker& seen : look_on_all(e)) {
        EXPECT_EQ(seen.thread, "kitchen-w" + std::to_string(seen.index));
    }
    auto blocking = e.spawn_blocking(test::this_thread_name);
    const std::string name = e.block_on([&]() -> task<std::string> { co_return co_await blocking; });
    EXPECT_EQ(name, "kitchen-b0");
}

TEST(executor_options, name_has_a_default) {
    executor e({.workers = 1});
    EXPECT_EQ(e.name(), "brigade");
    EXPECT_EQ(look_on_all(e).begin()->thread, "brigade-w0");
}

TEST(executor_options, long_name_is_cut_and_the_worker_number_is_not) {
    executor e({.workers = 11, .name = "a name that is far too long"});
    for (const seen_on_worker& seen : look_on_all(e)) {
        EXPECT_EQ(seen.thread, seen.index < 10 ? "a name that -w" + std::to_string(seen.index) : "a name that-w10");
        EXPECT_EQ(seen.thread.size(), 15U);
    }
    EXPECT_EQ(e.name(), "a name that is far too long");
}

TEST(executor_options, name_may_be_empty) {
    executor e({.workers = 1, .name = ""});
    EXPECT_EQ(look_on_all(e).begin()->thread, "-w0");
}

TEST(executor_options, pinned_workers_run_on_one_processor_each) {
    const std::vector<unsigned> mine = my_processors();
    executor e({.workers = static_cast<unsigned>(mine.size()) + 1, .pin_workers = true});
    for (const seen_on_worker& seen : look_on_all(e)) {
        EXPECT_EQ(seen.processors, std::vector{mine[seen.index % mine.size()]});
    }
    EXPECT_EQ(my_processors(), mine);
}

TEST(executor_options, workers_are_not_pinned_unless_asked) {
    executor e({.workers = 2});
    for (const seen_on_worker& seen : look_on_all(e)) {
        EXPECT_EQ(seen.processors, my_processors());
    }
}

std::string refusal(executor_options options) {
    return test::message_of_call<std::invalid_argument>([&] { const executor e(std::move(options)); });
}

TEST(executor_options, too_many_workers_are_refused) {
    EXPECT_EQ(refusal({.workers = 4097}), "brigade: executor_options::workers is 4097; the most is 4096");
}

TEST(executor_options, no_blocking_threads_are_refused) {
    EXPECT_EQ(refusal({.workers = 1, .blocking_threads = 0}),
              "brigade: executor_options::blocking_threads is 0; the least is 1");
}

TEST(executor_options, shutdown_deadline_that_is_not_positive_is_refused) {
    constexpr const char* message = "brigade: executor_options::shutdown_deadline must be positive";
    EXPECT_EQ(refusal({.workers = 1, .shutdown_deadline = std::chrono::milliseconds(0)}), message);
    EXPECT_EQ(refusal({.workers = 1, .shutdown_deadline = std::chrono::milliseconds(-1)}), message);
}

TEST(executor_options, refused_options_start_no_thread) {
    static_cast<void>(refusal({.workers = 1, .name = "refused", .blocking_threads = 0}));
    EXPECT_TRUE(test::threads_named("refused").empty());
}

}  // namespace
