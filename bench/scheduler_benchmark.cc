// The scheduler suite and the timer suite on Brigade, which bench/workloads/scheduler.hpp and timers.hpp describe.
//
//   bazel run --config=bench //bench:scheduler_benchmark
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <brigade/brigade.hpp>

#include "bench/workloads/scheduler.hpp"
#include "bench/workloads/timers.hpp"

namespace {

using brigade::auto_reset_event;
using brigade::task;

task<> nothing() {
    co_return;
}

task<> count(workloads::countdown& left) {
    left.one_ended();
    co_return;
}

task<> spawn_counting(unsigned size, workloads::countdown& left) {
    for (unsigned i = 0; i < size; ++i) {
        brigade::spawn(count(left)).detach();
    }
    co_return;
}

task<std::uint64_t> join_all(std::vector<brigade::join_handle<>>& handles) {
    for (brigade::join_handle<>& handle : handles) {
        co_await handle;
    }
    co_return handles.size();
}

task<std::uint64_t> spawn_and_join_all(unsigned size) {
    std::vector<brigade::join_handle<>> handles;
    handles.reserve(size);
    for (unsigned i = 0; i < size; ++i) {
        handles.push_back(brigade::spawn(nothing()));
    }
    for (brigade::join_handle<>& handle : handles) {
        co_await handle;
    }
    co_return handles.size();
}

task<> yield_and_stall(const std::atomic<bool>& stopped) {
    while (!stopped.load(std::memory_order_relaxed)) {
        co_await brigade::yield();
        workloads::spawn_many_remote_busy::stall();
    }
}

task<std::uint64_t> yield_times(unsigned times) {
    for (unsigned i = 0; i < times; ++i) {
        co_await brigade::yield();
    }
    co_return times;
}

task<> yield_and_count(unsigned times, workloads::countdown& left) {
    for (unsigned i = 0; i < times; ++i) {
        co_await brigade::yield();
    }
    left.one_ended();
}

task<> pong(auto_reset_event& ping, auto_reset_event& answer) {
    co_await ping;
    answer.set();
}

task<> ping(workloads::countdown& left) {
    auto_reset_event ping;
    auto_reset_event answer;
    brigade::spawn(pong(ping, answer)).detach();
    ping.set();
    co_await answer;
    left.one_ended();
}

task<> ping_all(unsigned size, workloads::countdown& left) {
    for (unsigned i = 0; i < size; ++i) {
        brigade::spawn(ping(left)).detach();
    }
    co_return;
}

task<> chain(unsigned more, workloads::countdown& left) {
    left.one_ended();
    if (more > 0) {
        brigade::spawn(chain(more - 1, left)).detach();
    }
    co_return;
}

task<> wait_and_wake(auto_reset_event& own, auto_reset_event& others, unsigned times) {
    for (unsigned i = 0; i < times; ++i) {
        co_await own;
        others.set();
    }
}

task<std::uint64_t> wake_and_wait(unsigned times) {
    auto_reset_event own;
    auto_reset_event others;
    auto other = brigade::spawn(wait_and_wake(others, own, times));
    for (unsigned i = 0; i < times; ++i) {
        others.set();
        co_await own;
    }
    co_await other;
    co_return times;
}

task<> yield_once() {
    co_await brigade::yield();
}

task<> sleep_long() {
    co_await brigade::sleep_for(workloads::sleeping_tasks::time);
}

task<> set_timers(unsigned count, std::atomic<std::uint64_t>& right, workloads::countdown& left) {
    using churn = workloads::timer_churn;
    unsigned as_expected = 0;
    for (unsigned i = 1; i <= count; ++i) {
        const bool expires = i % churn::one_expires_of == 0;
        const auto result = expires ? co_await brigade::with_timeout(churn::short_limit, sleep_long())
                                    : co_await brigade::with_timeout(churn::long_limit, yield_once());
        as_expected += result.has_value() != expires ? 1 : 0;
    }
    right.fetch_add(as_expected, std::memory_order_relaxed);
    left.one_ended();
}

task<> set_timers_in_all(unsigned size, std::atomic<std::uint64_t>& right, workloads::countdown& left) {
    for (unsigned i = 0; i < workloads::timer_churn::parallel_tasks; ++i) {
        brigade::spawn(set_timers(workloads::timer_churn::share(size), right, left)).detach();
    }
    co_return;
}

task<> fall_asleep(workloads::countdown& awake) {
    awake.one_ended();
    co_await brigade::sleep_for(workloads::sleeping_tasks::time);
}

task<> put_to_sleep(unsigned size, workloads::countdown& awake) {
    for (unsigned i = 0; i < size; ++i) {
        brigade::spawn(fall_asleep(awake)).detach();
    }
    co_return;
}

class brigade_runtime {
public:
    static constexpr std::string_view name = "brigade";
    static std::string version() { return ""; }

    explicit brigade_runtime(unsigned workers) : executor_({.workers = workers}) {}

    std::uint64_t run(workloads::spawn_many_local /*work*/, unsigned size) {
        left_.start(size);
        executor_.spawn(spawn_counting(size, left_)).detach();
        return left_.wait();
    }
    std::uint64_t run(workloads::spawn_many_remote_idle /*work*/, unsigned size) { return spawn_from_outside(size); }
    std::uint64_t run(workloads::spawn_many_remote_busy /*work*/, unsigned size) { return spawn_from_outside(size); }
    void begin(workloads::spawn_many_remote_busy work) {
        for (unsigned i = 0; i < work.busy_tasks_per_worker * executor_.worker_count(); ++i) {
            busy_.push_back(executor_.spawn(yield_and_stall(stopped_)));
        }
    }
    void end(workloads::spawn_many_remote_busy /*work*/) {
        stopped_.store(true, std::memory_order_relaxed);
        executor_.block_on(join_all(busy_));
    }
    std::uint64_t run(workloads::yield_many work, unsigned size) {
        left_.start(work.tasks);
        for (unsigned i = 0; i < work.tasks; ++i) {
            executor_.spawn(yield_and_count(size, left_)).detach();
        }
        return left_.wait();
    }
    std::uint64_t run(workloads::ping_pong /*work*/, unsigned size) {
        left_.start(size);
        executor_.spawn(ping_all(size, left_)).detach();
        return left_.wait();
    }
    std::uint64_t run(workloads::chained_spawn /*work*/, unsigned size) {
        left_.start(size);
        executor_.spawn(chain(size - 1, left_)).detach();
        return left_.wait();
    }
    std::uint64_t run(workloads::spawn_and_join /*work*/, unsigned size) {
        return executor_.block_on(spawn_and_join_all(size));
    }
    std::uint64_t run(workloads::yield_alone /*work*/, unsigned size) { return executor_.block_on(yield_times(size)); }
    std::uint64_t run(workloads::round_trip /*work*/, unsigned size) { return executor_.block_on(wake_and_wait(size)); }
    std::uint64_t run(workloads::timer_churn work, unsigned size) {
        std::atomic<std::uint64_t> right = 0;
        left_.start(work.parallel_tasks);
        executor_.spawn(set_timers_in_all(size, right, left_)).detach();
        left_.wait();
        return right;
    }
    std::uint64_t run(workloads::sleeping_tasks /*work*/, unsigned size) {
        left_.start(size);
        executor_.spawn(put_to_sleep(size, left_)).detach();
        return left_.wait();
    }

private:
    std::uint64_t spawn_from_outside(unsigned size) {
        handles_.clear();
        for (unsigned i = 0; i < size; ++i) {
            handles_.push_back(executor_.spawn(nothing()));
        }
        return executor_.block_on(join_all(handles_));
    }

    workloads::countdown left_;
    std::vector<brigade::join_handle<>> handles_;
    std::vector<brigade::join_handle<>> busy_;
    std::atomic<bool> stopped_ = false;
    brigade::executor executor_;  // the first to end
};

}  // namespace

int main(int argc, char** argv) {
    return workloads::run_program<brigade_runtime, workloads::scheduler_suite, workloads::timer_suite>(argc, argv);
}
