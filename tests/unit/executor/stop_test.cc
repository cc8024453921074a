#include <brigade/stop.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/latch.hpp"

namespace {

using brigade::stop_callback;
using brigade::stop_source;
using brigade::stop_token;

using function = std::function<void()>;

TEST(stop, is_requested_once) {
    stop_source source;
    const stop_token token(source);
    EXPECT_FALSE(source.stop_requested());
    EXPECT_FALSE(token.stop_requested());
    EXPECT_TRUE(source.request_stop());
    EXPECT_TRUE(source.stop_requested());
    EXPECT_TRUE(token.stop_requested());
    EXPECT_FALSE(source.request_stop());
}

TEST(stop, default_token_never_stops) {
    const stop_token token;
    EXPECT_FALSE(token.stop_possible());
    EXPECT_FALSE(token.stop_requested());
    bool ran = false;
    {
        const stop_callback callback(token, [&] { ran = true; });
    }
    EXPECT_FALSE(ran);
    stop_source source;
    EXPECT_TRUE(stop_token(source).stop_possible());
}

TEST(stop, callback_runs_once_on_the_requesting_thread) {
    stop_source source;
    int runs = 0;
    std::thread::id where;
    const stop_callback callback(stop_token(source), [&] {
        ++runs;
        where = std::this_thread::get_id();
        EXPECT_TRUE(source.stop_requested());
    });
    std::thread::id requester;
    std::jthread([&] {
        requester = std::this_thread::get_id();
        source.request_stop();
        source.request_stop();
    }).join();
    source.request_stop();
    EXPECT_EQ(runs, 1);
    EXPECT_EQ(where, requester);
}

TEST(stop, callback_runs_at_once_when_the_stop_was_requested_before) {
    stop_source source;
    source.request_stop();
    int runs = 0;
    std::thread::id where;
    {
        const stop_callback callback(stop_token(source), [&] {
            ++runs;
            where = std::this_thread::get_id();
        });
        EXPECT_EQ(runs, 1);
        EXPECT_EQ(where, std::this_thread::get_id());
        source.request_stop();
    }
    EXPECT_EQ(runs, 1);
}

TEST(stop, callback_does_not_run_after_its_destruction) {
    stop_source source;
    int runs = 0;
    {
        const stop_callback callback(stop_token(source), [&] { ++runs; });
    }
    source.request_stop();
    EXPECT_EQ(runs, 0);
}

TEST(stop, every_callback_runs) {
    stop_source source;
    int runs = 0;
    std::vector<std::unique_ptr<stop_callback<function>>> callbacks;
    for (int i = 0; i < 100; ++i) {
        callbacks.push_back(std::make_unique<stop_callback<function>>(stop_token(source), [&] { ++runs; }));
    }
    // Out of the list at its ends and in between.
    for (const std::ptrdiff_t gone : {99, 50, 0}) {
        callbacks.erase(callbacks.begin() + gone);
    }
    source.request_stop();
    EXPECT_EQ(runs, 97);
}

TEST(stop, callback_may_destroy_another) {
    stop_source source;
    std::vector<std::unique_ptr<stop_callback<function>>> callbacks(10);
    int runs = 0;
    for (auto& callback : callbacks) {
        callback = std::make_unique<stop_callback<function>>(stop_token(source), [&] {
            ++runs;
            for (auto& other : callbacks) {
                if (&other != &callback) {
                    other.reset();
                }
            }
        });
    }
    source.request_stop();
    EXPECT_EQ(runs, 1);
}

TEST(stop, callback_may_destroy_itself) {
    stop_source source;
    int runs = 0;
    std::optional<stop_callback<function>> first;
    std::optional<stop_callback<function>> second;
    for (auto* const callback : {&first, &second}) {
        callback->emplace(stop_token(source), [callback, &runs] {
            int& kept = runs;  // the capture goes with the callback
            callback->reset();
            ++kept;
        });
    }
    source.request_stop();
    EXPECT_EQ(runs, 2);
}

TEST(stop, callback_may_request_the_stop_again_and_add_callbacks) {
    stop_source source;
    int inner_runs = 0;
    const stop_callback callback(stop_token(source), [&] {
        EXPECT_FALSE(source.request_stop());
        const stop_callback inner(stop_token(source), [&] { ++inner_runs; });
    });
    EXPECT_TRUE(source.request_stop());
    EXPECT_EQ(inner_runs, 1);
}

TEST(stop, callback_may_request_another_stop) {
    stop_source outer;
    stop_source inner;
    int runs = 0;
    const stop_callback count(stop_token(inner), [&] { ++runs; });
    const stop_callback link(stop_token(outer), [&] { inner.request_stop(); });
    outer.request_stop();
    EXPECT_EQ(runs, 1);
}

TEST(stop, destructor_of_a_callback_waits_for_its_run_on_another_thread) {
    for (int i = 0; i < 200; ++i) {
        stop_source source;
        test::latch running;
        bool ended = false;  // no atomic: the destructor is what orders the two threads
        std::optional<stop_callback<function>> callback;
        callback.emplace(stop_token(source), [&] {
            running.count_down();
            for (int spin = 0; spin < 20; ++spin) {
                std::this_thread::yield();
            }
            ended = true;
        });
        const std::jthread requester([&] { source.request_stop(); });
        running.wait();
        callback.reset();
        EXPECT_TRUE(ended);
    }
}

TEST(stop, what_happened_before_the_request_is_visible_after_it_was_seen) {
    for (int i = 0; i < 200; ++i) {
        stop_source source;
        int number = 0;
        const std::jthread requester([&] {
            number = 1;
            source.request_stop();
        });
        while (!source.stop_requested()) {
            std::this_thread::yield();
        }
        EXPECT_EQ(number, 1);
    }
}

TEST(stop, only_one_of_many_requests_is_the_first) {
    for (int i = 0; i < 200; ++i) {
        stop_source source;
        std::atomic<int> firsts = 0;
        std::atomic<int> runs = 0;
        const stop_callback callback(stop_token(source), [&] { ++runs; });
        {
            std::vector<std::jthread> threads;
            for (int t = 0; t < 4; ++t) {
                threads.emplace_back([&] { firsts += source.request_stop() ? 1 : 0; });
            }
        }
        EXPECT_EQ(firsts, 1);
        EXPECT_EQ(runs, 1);
    }
}

// A callback either runs, before its destructor returns, or it does not run at all.
TEST(stop, request_races_the_making_and_destruction_of_callbacks) {
    for (int i = 0; i < 200; ++i) {
        stop_source source;
        test::latch go;
        std::jthread requester([&] {
            go.wait();
            source.request_stop();
        });
        go.count_down();
        bool seen = false;
        while (!seen) {
            int runs = 0;
            {
                const stop_callback callback(stop_token(source), [&] { ++runs; });
            }
            EXPECT_LE(runs, 1);
            seen = runs == 1;
            std::this_thread::yield();
        }
        requester.join();
        int runs = 0;
        const stop_callback late(stop_token(source), [&] { ++runs; });
        EXPECT_EQ(runs, 1);
    }
}

TEST(stop, operation_cancelled_says_so) {
    const brigade::operation_cancelled error;
    EXPECT_STREQ(error.what(), "brigade: operation cancelled by a stop request");
    static_assert(std::derived_from<brigade::operation_cancelled, std::exception>);
}

class stop_DeathTest : public testing::Test {
protected:
    void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(stop_DeathTest, exception_from_a_callback_terminates) {
    stop_source source;
    const stop_callback callback(stop_token(source), [] { throw std::runtime_error("from a callback"); });
    EXPECT_DEATH(
        {
            try {
                source.request_stop();
            } catch (const std::runtime_error&) {
                std::_Exit(0);
            }
        },
        "from a callback");
}

TEST_F(stop_DeathTest, exception_from_a_callback_that_runs_at_once_terminates) {
    stop_source source;
    source.request_stop();
    EXPECT_DEATH(
        {
            try {
                const stop_callback callback(stop_token(source), [] { throw std::runtime_error("from a callback"); });
            } catch (const std::runtime_error&) {
                std::_Exit(0);
            }
        },
        "from a callback");
}

}  // namespace
