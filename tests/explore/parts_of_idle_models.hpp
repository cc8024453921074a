// The idle protocol with a few lines in place of each worker, for its models.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "tests/explore/parts_of_models.hpp"

#include "executor/idle.hpp"

namespace explore {

using brigade::detail::idle;
using brigade::detail::parker;
namespace sync = brigade::detail::sync;

// Workers as idle.hpp sees them. Tasks are numbers in a counter, so that nothing but the protocol orders anything.
struct small_world {
    explicit small_world(unsigned workers) : idlers(workers), parkers(std::make_unique<parker[]>(workers)) {}

    void wake_one() {
        if (const std::optional<unsigned> sleeper = idlers.pick()) {
            parkers[*sleeper].unpark();
        }
    }
    // By a worker.
    void produce() {
        tasks.fetch_add(1, std::memory_order_relaxed);  // P1; P2 orders it
        wake_one();
    }
    // By any other thread, as scheduler::inject().
    void inject() {
        tasks.fetch_add(1, std::memory_order_relaxed);  // P1; the fence orders it
        sync::full_fence();                             // pairs: the fence of idle::sleep()
        wake_one();
    }
    // As inject(), of the only task; gives whom it would wake.
    std::optional<unsigned> pick_for_outsider() {
        tasks.store(1, std::memory_order_relaxed);
        sync::full_fence();  // pairs: the fences of idle::sleep() and idle::is_last_awake()
        return idlers.pick();
    }
    [[nodiscard]] bool take() {
        int seen = tasks.load(std::memory_order_relaxed);
        while (seen > 0) {
            if (tasks.compare_exchange_weak(seen, seen - 1, std::memory_order_relaxed)) {
                return true;
            }
        }
        return false;
    }
    void stop() {
        stopping.store(true, std::memory_order_release);  // pairs: the load in work()
        while (wake_any()) {
        }
    }
    bool wake_any() {
        const std::optional<unsigned> sleeper = idlers.pick_any();
        if (sleeper) {
            parkers[*sleeper].unpark();
        }
        return sleeper.has_value();
    }
    // As worker::stop_searching().
    void stop_searching(bool& searching) {
        if (std::exchange(searching, false) && idlers.stop_searching() &&
            (!idlers.is_last_awake() || tasks.load(std::memory_order_relaxed) > 0)) {
            wake_one();
        }
    }
    // As worker::sleep().
    void go_to_sleep(unsigned me, bool searching) {
        idlers.sleep(me, searching);
        if (tasks.load(std::memory_order_relaxed) > 0) {
            wake_one();
        }
        if (stopping.load(std::memory_order_acquire)) {  // pairs: the store in stop()
            wake_any();
        }
        parkers[me].wait();
    }
    // Takes tasks until it has `enough`, or the stop. As worker::find_work().
    int work(unsigned me, int enough) {
        int done = 0;
        bool searching = false;
        while (done < enough) {
            if (!searching) {
                searching = idlers.start_searching();
            }
            if (take()) {
                stop_searching(searching);
                ++done;
            } else if (stopping.load(std::memory_order_acquire)) {  // pairs: the store in stop()
                break;
            } else {
                go_to_sleep(me, searching);
                searching = true;
            }
        }
        stop_searching(searching);
        return done;
    }

    idle idlers;
    std::unique_ptr<parker[]> parkers;
    sync::atomic<int> tasks{0};
    sync::atomic<bool> stopping{false};
};

}  // namespace explore
