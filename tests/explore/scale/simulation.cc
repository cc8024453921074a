#include "tests/explore/scale/simulation.hpp"

#include <exception>
#include <utility>

#include <brigade/detail/deque.hpp>
#include <brigade/executor.hpp>
#include <brigade/fork.hpp>
#include <brigade/task.hpp>

#include "tests/explore/scale/computations.hpp"

namespace scale {

namespace {

namespace sync = brigade::detail::sync;

// What the computation has done, on all workers: they are one thread.
std::uint64_t forks = 0;
std::uint64_t units = 0;

struct simulated_call {
    template <class T>
    static auto start(T& result, brigade::task<T> child) {
        return brigade::call(result, std::move(child));
    }
    static void work(std::uint64_t more) noexcept {
        units += more;
        machine::the().work(static_cast<picoseconds>(more) * machine::the().costs().work);
    }
};

struct simulated_fork : simulated_call {
    template <class T>
    static auto start(T& result, brigade::task<T> child) {
        ++forks;
        machine::the().spend_on_scheduler(machine::the().costs().fork);
        return brigade::fork(result, std::move(child));
    }
};

brigade::task<> measured(brigade::task<std::uint64_t> computed, outcome& result) {
    const brigade::executor_counters before = brigade::executor::current().counters();
    machine::the().begin_measuring();
    result.result = co_await std::move(computed);
    result.measured = machine::the().end_measuring();
    const brigade::executor_counters after = brigade::executor::current().counters();
    result.stolen = after.stolen - before.stolen;
    result.parked = after.parked - before.parked;
}

// The calling thread waits; nothing ends that but the limit.
void let_time_pass(std::chrono::nanoseconds time) {
    sync::atomic<std::uint32_t> word{0};
    sync::futex_wait_for(word, 0, time);
}

}  // namespace

outcome simulate(std::string_view name, unsigned size, start_by how, unsigned workers, const cost_table& costs,
                 std::uint64_t seed) {
    outcome result{};
    forks = 0;
    units = 0;
    std::exception_ptr failure;
    machine::the().run(costs, seed, [&] {
        try {
            brigade::executor executor({.workers = workers});
            let_time_pass(std::chrono::seconds(10));  // until all workers sleep
            executor.block_on(measured(how == start_by::fork ? computation<simulated_fork>(name, size)
                                                             : computation<simulated_call>(name, size),
                                       result));
        } catch (...) {
            failure = std::current_exception();
        }
    });
    if (failure) {
        std::rethrow_exception(failure);
    }
    result.forks = forks;
    result.units = units;
    // The first thread only waited.
    result.measured.threads.erase(result.measured.threads.begin());
    return result;
}

std::uint64_t accesses_of_take_back(unsigned times) {
    std::uint64_t accesses = 0;
    machine::the().run({}, 0, [&] {
        brigade::detail::deque forked;
        int item = 0;
        forked.push(&item);  // the last one is raced for with thieves
        machine::the().begin_measuring();
        for (unsigned i = 0; i < times; ++i) {
            forked.push(&item);
            static_cast<void>(forked.pop_if(&item));
        }
        accesses = machine::the().end_measuring().accesses;
    });
    return accesses;
}

}  // namespace scale
