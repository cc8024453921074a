// The scheduler suite of tokio by its own names and sizes (benches/rt_multi_threaded.rs), and three more. What each is:
//
//   spawn_many_local        a task on a worker spawns 10,000; the last one to end signals the main thread. (tokio's own
//                           spawns from the main thread inside block_on; here all spawn on a worker, which is faster.)
//   spawn_many_remote_idle  the main thread spawns 10,000 and joins them
//   spawn_many_remote_busy  the same, while two tasks for each worker are busy for 10 us and yield, over and over
//                           (tokio's spawn_many_remote_busy1)
//   yield_many              200 tasks yield 1,000 times each
//   ping_pong               1,000 tasks each spawn another, wake it, and are woken by it, through what is made for
//                           that and used once each way: an auto_reset_event (Brigade), a oneshot channel (tokio),
//                           a promise (Boost.Fiber), a channel (Go; Asio, of capacity 1)
//   chained_spawn           each task spawns the next, 1,000 times
//   spawn_and_join          a task on a worker spawns 1,000,000 and joins them
//   yield_alone             one task yields 1,000,000 times
//   round_trip              two tasks wake each other 100,000 times and do nothing else, through two auto_reset_events
//                           (Brigade), two Notify (tokio), or two channels as above that carry nothing (Asio) or a
//                           number (Go, Boost.Fiber). The scheduler decides whether they share a worker.
//
// A runtime takes part by a function run(name_of_work, size) that gives the number of tasks that have ended.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <semaphore>
#include <thread>

#include "bench/workloads/description.hpp"
#include "bench/workloads/program.hpp"

namespace workloads {

struct spawn_many_local {
    static constexpr description about{"scheduler", "spawn_many_local", 10'000, 0, 100, true};
};
struct spawn_many_remote_idle {
    static constexpr description about{"scheduler", "spawn_many_remote_idle", 10'000, 0, 100, true};
};
struct spawn_many_remote_busy {
    static constexpr description about{"scheduler", "spawn_many_remote_busy", 10'000, 0, 100, true};
    static constexpr unsigned busy_tasks_per_worker = 2;

    static void stall() {
        const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(10);
        while (std::chrono::steady_clock::now() < end) {
            std::this_thread::yield();
        }
    }
};
struct yield_many {
    static constexpr description about{"scheduler", "yield_many", 1'000, 0, 10, true};
    static constexpr unsigned tasks = 200;
};
struct ping_pong {
    static constexpr description about{"scheduler", "ping_pong", 1'000, 0, 100, true};
};
struct chained_spawn {
    static constexpr description about{"scheduler", "chained_spawn", 1'000, 0, 100, true};
};
struct spawn_and_join {
    static constexpr description about{"scheduler", "spawn_and_join", 1'000'000, 0, 100, true};
};
struct yield_alone {
    static constexpr description about{"scheduler", "yield_alone", 1'000'000, 0, 100, true};
};
struct round_trip {
    static constexpr description about{"scheduler", "round_trip", 100'000, 0, 100, true};
};

template <class Name>
class scheduler_work {
public:
    static constexpr description about = Name::about;

    explicit scheduler_work(unsigned size) : size_(size) {}
    // Runtimes that must set something up for many runs have begin(name) and end(name).
    template <class Runtime>
    void begin(Runtime& runtime) {
        if constexpr (requires { runtime.begin(Name{}); }) {
            runtime.begin(Name{});
        }
    }
    template <class Runtime>
    void run(Runtime& runtime)
        requires requires { runtime.run(Name{}, 1U); }
    {
        ended_ = runtime.run(Name{}, size_);
    }
    template <class Runtime>
    void end(Runtime& runtime) {
        if constexpr (requires { runtime.end(Name{}); }) {
            runtime.end(Name{});
        }
    }
    [[nodiscard]] bool is_right() const { return ended_ == expected(); }
    [[nodiscard]] double result() const { return static_cast<double>(ended_); }
    [[nodiscard]] double items() const {
        if constexpr (requires { Name::tasks; }) {
            return static_cast<double>(Name::tasks) * size_;
        } else {
            return size_;
        }
    }

private:
    [[nodiscard]] std::uint64_t expected() const {
        if constexpr (requires { Name::tasks; }) {
            return Name::tasks;
        } else {
            return size_;
        }
    }

    unsigned size_;
    std::uint64_t ended_ = 0;
};

using scheduler_suite = suite<scheduler_work<spawn_many_local>, scheduler_work<spawn_many_remote_idle>,
                              scheduler_work<spawn_many_remote_busy>, scheduler_work<yield_many>,
                              scheduler_work<ping_pong>, scheduler_work<chained_spawn>, scheduler_work<spawn_and_join>,
                              scheduler_work<yield_alone>, scheduler_work<round_trip>>;

// Tasks that end, and a thread that waits for the last of them. Used again and again, so that it outlives the last
// task's signal.
class countdown {
public:
    void start(std::uint64_t tasks) noexcept {
        total_ = tasks;
        left_.store(tasks, std::memory_order_relaxed);
    }
    void one_ended() noexcept {
        if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            all_ended_.release();
        }
    }
    // Gives the number of tasks that have ended.
    std::uint64_t wait() {
        all_ended_.acquire();
        return total_ - left_.load(std::memory_order_acquire);
    }

private:
    std::uint64_t total_ = 0;
    std::atomic<std::uint64_t> left_{0};
    std::binary_semaphore all_ended_{0};
};

}  // namespace workloads
