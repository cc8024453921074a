// The scheduler suite and the timer suite on Boost.Asio: coroutines on a thread_pool, concurrent_channel between them.
// Asio has no handle to join: the last task to end signals the main thread.
#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/version.hpp>

#include "bench/workloads/scheduler.hpp"
#include "bench/workloads/timers.hpp"

namespace {

namespace asio = boost::asio;
using asio::awaitable;
using asio::use_awaitable;
using executor = asio::thread_pool::executor_type;

using channel = asio::experimental::concurrent_channel<void(boost::system::error_code)>;

awaitable<void> send(channel& to) {
    co_await to.async_send(boost::system::error_code(), use_awaitable);
}

awaitable<void> receive(channel& from) {
    co_await from.async_receive(use_awaitable);
}

awaitable<void> nothing() {
    co_return;
}

awaitable<void> count(workloads::countdown& left) {
    left.one_ended();
    co_return;
}

awaitable<void> spawn_counting(executor where, unsigned size, workloads::countdown& left) {
    for (unsigned i = 0; i < size; ++i) {
        asio::co_spawn(where, count(left), asio::detached);
    }
    co_return;
}

awaitable<void> yield_and_stall(const std::atomic<bool>& stopped, workloads::countdown& left) {
    while (!stopped.load(std::memory_order_relaxed)) {
        co_await asio::post(use_awaitable);
        workloads::spawn_many_remote_busy::stall();
    }
    left.one_ended();
}

awaitable<void> yield_and_count(unsigned times, workloads::countdown& left) {
    for (unsigned i = 0; i < times; ++i) {
        co_await asio::post(use_awaitable);
    }
    left.one_ended();
}

// Both tasks own it: the first to end may not take it from the other, which may still be inside.
struct channels {
    explicit channels(const executor& where) : there(where, 1), back(where, 1) {}

    channel there, back;
};

awaitable<void> answer(std::shared_ptr<channels> both, unsigned times) {
    for (unsigned i = 0; i < times; ++i) {
        co_await receive(both->there);
        co_await send(both->back);
    }
}

awaitable<void> ping(executor where, workloads::countdown& left) {
    const auto both = std::make_shared<channels>(where);
    asio::co_spawn(where, answer(both, 1), asio::detached);
    co_await send(both->there);
    co_await receive(both->back);
    left.one_ended();
}

awaitable<void> ping_all(executor where, unsigned size, workloads::countdown& left) {
    for (unsigned i = 0; i < size; ++i) {
        asio::co_spawn(where, ping(where, left), asio::detached);
    }
    co_return;
}

awaitable<void> chain(executor where, unsigned more, workloads::countdown& left) {
    left.one_ended();
    if (more > 0) {
        asio::co_spawn(where, chain(where, more - 1, left), asio::detached);
    }
    co_return;
}

awaitable<void> ping_many_times(executor where, unsigned times, workloads::countdown& left) {
    const auto both = std::make_shared<channels>(where);
    asio::co_spawn(where, answer(both, times), asio::detached);
    for (unsigned i = 0; i < times; ++i) {
        co_await send(both->there);
        co_await receive(both->back);
        left.one_ended();
    }
}

awaitable<void> set_timers(executor where, unsigned count, std::atomic<std::uint64_t>& right,
                           workloads::countdown& left) {
    using churn = workloads::timer_churn;
    unsigned as_expected = 0;
    for (unsigned i = 1; i <= count; ++i) {
        if (i % churn::one_expires_of == 0) {
            asio::steady_timer timer(where, churn::short_limit);
            co_await timer.async_wait(use_awaitable);
            ++as_expected;
        } else {
            asio::steady_timer timer(where, churn::long_limit);
            timer.async_wait(asio::detached);
            co_await asio::post(use_awaitable);
            as_expected += timer.cancel() == 1 ? 1 : 0;
        }
    }
    right.fetch_add(as_expected, std::memory_order_relaxed);
    left.one_ended();
}

awaitable<void> set_timers_in_all(executor where, unsigned size, std::atomic<std::uint64_t>& right,
                                  workloads::countdown& left) {
    for (unsigned i = 0; i < workloads::timer_churn::parallel_tasks; ++i) {
        asio::co_spawn(where, set_timers(where, workloads::timer_churn::share(size), right, left), asio::detached);
    }
    co_return;
}

awaitable<void> fall_asleep(executor where, workloads::countdown& awake) {
    asio::steady_timer timer(where, workloads::sleeping_tasks::time);
    awake.one_ended();
    co_await timer.async_wait(use_awaitable);
}

awaitable<void> put_to_sleep(executor where, unsigned size, workloads::countdown& awake) {
    for (unsigned i = 0; i < size; ++i) {
        asio::co_spawn(where, fall_asleep(where, awake), asio::detached);
    }
    co_return;
}

class boost_asio {
public:
    static constexpr std::string_view name = "asio";
    static std::string version() { return "Boost " BOOST_LIB_VERSION; }

    explicit boost_asio(unsigned workers) : workers_(workers), pool_(workers) {}

    std::uint64_t run(workloads::spawn_many_local /*work*/, unsigned size) { return spawn_from_inside(size); }
    std::uint64_t run(workloads::spawn_many_remote_idle /*work*/, unsigned size) { return spawn_from_outside(size); }
    std::uint64_t run(workloads::spawn_many_remote_busy /*work*/, unsigned size) { return spawn_from_outside(size); }
    void begin(workloads::spawn_many_remote_busy work) {
        const unsigned tasks = work.busy_tasks_per_worker * workers_;
        busy_.start(tasks);
        for (unsigned i = 0; i < tasks; ++i) {
            asio::co_spawn(pool_, yield_and_stall(stopped_, busy_), asio::detached);
        }
    }
    void end(workloads::spawn_many_remote_busy /*work*/) {
        stopped_.store(true, std::memory_order_relaxed);
        busy_.wait();
    }
    std::uint64_t run(workloads::yield_many work, unsigned size) { return yield_at_once(work.tasks, size); }
    std::uint64_t run(workloads::ping_pong /*work*/, unsigned size) {
        left_.start(size);
        asio::co_spawn(pool_, ping_all(pool_.get_executor(), size, left_), asio::detached);
        return left_.wait();
    }
    std::uint64_t run(workloads::chained_spawn /*work*/, unsigned size) {
        left_.start(size);
        asio::co_spawn(pool_, chain(pool_.get_executor(), size - 1, left_), asio::detached);
        return left_.wait();
    }
    std::uint64_t run(workloads::spawn_and_join /*work*/, unsigned size) { return spawn_from_inside(size); }
    std::uint64_t run(workloads::yield_alone /*work*/, unsigned size) { return yield_at_once(1, size) * size; }
    std::uint64_t run(workloads::round_trip /*work*/, unsigned size) {
        left_.start(size);
        asio::co_spawn(pool_, ping_many_times(pool_.get_executor(), size, left_), asio::detached);
        return left_.wait();
    }
    std::uint64_t run(workloads::timer_churn work, unsigned size) {
        std::atomic<std::uint64_t> right = 0;
        left_.start(work.parallel_tasks);
        asio::co_spawn(pool_, set_timers_in_all(pool_.get_executor(), size, right, left_), asio::detached);
        left_.wait();
        return right;
    }
    std::uint64_t run(workloads::sleeping_tasks /*work*/, unsigned size) {
        left_.start(size);
        asio::co_spawn(pool_, put_to_sleep(pool_.get_executor(), size, left_), asio::detached);
        return left_.wait();
    }

private:
    std::uint64_t spawn_from_inside(unsigned size) {
        left_.start(size);
        asio::co_spawn(pool_, spawn_counting(pool_.get_executor(), size, left_), asio::detached);
        return left_.wait();
    }
    std::uint64_t spawn_from_outside(unsigned size) {
        left_.start(size);
        for (unsigned i = 0; i < size; ++i) {
            asio::co_spawn(pool_, nothing(), [this](const std::exception_ptr&) { left_.one_ended(); });
        }
        return left_.wait();
    }
    std::uint64_t yield_at_once(unsigned tasks, unsigned times) {
        left_.start(tasks);
        for (unsigned i = 0; i < tasks; ++i) {
            asio::co_spawn(pool_, yield_and_count(times, left_), asio::detached);
        }
        return left_.wait();
    }

    unsigned workers_;
    workloads::countdown left_;
    workloads::countdown busy_;
    std::atomic<bool> stopped_ = false;
    asio::thread_pool pool_;  // the first to end
};

}  // namespace

int main(int argc, char** argv) {
    return workloads::run_program<boost_asio, workloads::scheduler_suite, workloads::timer_suite>(argc, argv);
}
