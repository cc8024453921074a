// The timer suite:
//
//   timer_churn      10,000 tasks set 10,000,000 timers in all, one after the other, around something that yields once
//                    and so is done before its deadline of a second; but every hundredth waits for its deadline of a
//                    millisecond. In the idiom of each runtime: with_timeout (Brigade), timeout (tokio), a Timer that
//                    is stopped (Go), a steady_timer that is cancelled (Asio).
//   sleeping_tasks   1,000,000 tasks that sleep for an hour. Its peak memory is what it measures; nothing ends them
//                    before that has been read.
//
// A runtime takes part as in scheduler.hpp. A churn gives the number of timers that have ended as they must.
#pragma once

#include <chrono>

#include "bench/workloads/description.hpp"
#include "bench/workloads/scheduler.hpp"

namespace workloads {

struct timer_churn {
    static constexpr description about{"timers", "timer_churn", 10'000'000, 0, 20'000, false};
    static constexpr unsigned parallel_tasks = 10'000;
    static constexpr unsigned one_expires_of = 100;
    static constexpr std::chrono::milliseconds short_limit{1};
    static constexpr std::chrono::seconds long_limit{1};

    // How many timers each task sets.
    static unsigned share(unsigned size) { return size / parallel_tasks; }
};
struct sleeping_tasks {
    static constexpr description about{"timers", "sleeping_tasks", 1'000'000, 0, 100, false};
    static constexpr std::chrono::hours time{1};
};

using timer_suite = suite<scheduler_work<timer_churn>, scheduler_work<sleeping_tasks>>;

}  // namespace workloads
