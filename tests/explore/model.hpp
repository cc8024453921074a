// How a model test is written:
//
//     MODEL(deque, the_last_item_goes_to_one_of_two) {
//         brigade::detail::deque d;
//         ...
//         const model_thread thief([&] { ... });
//         ...
//         require(taken == 1, "the item is taken once");
//     }
//
// The body runs once for each schedule that is tried. It makes its threads and its objects anew each time, and decides
// nothing by anything but what it computes. docs/model-tests.md says how to write one and how to read a failure.
//
// Environment:
//   BRIGADE_EXPLORE_FACTOR=x      x times as many schedules
//   BRIGADE_EXPLORE_REPLAY=text   only this schedule, as a failure printed it, with its steps
//   BRIGADE_EXPLORE_SEED=n        where the dice begin
//   BRIGADE_EXPLORE_MUTANT=name   with a memory order weakened
//   BRIGADE_EXPLORE_CENSUS=file   appends the mutants that the models of this program can have
//   BRIGADE_EXPLORE_STATISTICS=file  appends one line a model: name, schedules, seconds, whether all were tried
#pragma once

#include <cstdint>
#include <functional>
#include <source_location>
#include <string>

#include <gtest/gtest.h>
#include <brigade/detail/sync.hpp>

#include "tests/explore/engine.hpp"

namespace explore {

struct settings {
    limits bounds{};
    unsigned preemptions = 3;
    std::uint64_t exhaustive = 3'000;  // schedules, at most
    std::uint64_t random = 300;        // when these were not all
    std::uint64_t pct = 300;
    unsigned pct_depth = 3;
    bool reduce = true;  // skip schedules that differ in nothing but the order of independent steps
};

struct report {
    bool failed = false;
    bool complete = false;        // all schedules within the bounds
    std::uint64_t schedules = 0;  // that were executions
    std::string message;          // what went wrong
    std::string schedule;         // to replay it
    std::string trace;            // step by step
};

// Tries schedules until one fails or there are enough.
[[nodiscard]] report search(const settings& s, const std::function<void()>& body);
// One schedule.
[[nodiscard]] report replay(const settings& s, const std::string& schedule, const std::function<void()>& body);
// As a test: fails with the interleaving.
void expect_no_failure(const char* name, const settings& s, const std::function<void()>& body);

// ---- for the bodies

// The run fails when this does not hold.
inline void require(bool holds, const char* what, std::source_location where = std::source_location::current()) {
    if (!holds) {
        engine::the().fail(std::string("not so: ") + what + " (" + where.file_name() + ":" +
                           std::to_string(where.line()) + ")");
    }
}

// A thread that is joined at the end of the scope.
class model_thread {
public:
    template <std::invocable F>
    explicit model_thread(F&& body, std::source_location where = std::source_location::current())
        : thread_(std::forward<F>(body), where), where_(where) {}
    model_thread(const model_thread&) = delete;
    model_thread& operator=(const model_thread&) = delete;
    ~model_thread() { join(); }
    void join() {
        if (thread_.joinable()) {
            thread_.join(where_);
        }
    }

private:
    brigade::detail::sync::thread thread_;
    std::source_location where_;
};

}  // namespace explore

#define MODEL_WITH(suite, name, ...)                                                          \
    static void model_##suite##_##name();                                                     \
    TEST(suite, name) {                                                                       \
        ::explore::expect_no_failure(#suite "." #name, __VA_ARGS__, &model_##suite##_##name); \
    }                                                                                         \
    static void model_##suite##_##name()
#define MODEL(suite, name) MODEL_WITH(suite, name, ::explore::settings{})
