// The scheduler suite on Brigade, which bench/workloads/scheduler.hpp describes.
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
    return workloads::run_program<brigade_runtime, workloads::scheduler_suite>(argc, argv);
}
