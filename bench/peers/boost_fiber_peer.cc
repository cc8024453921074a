// The scheduler suite on Boost.Fiber with its work-stealing algorithm, of which the main thread is one worker: nothing
// can be spawned from outside, so the works that do are left out. The algorithm can be set up once in a process.
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/fiber/algo/work_stealing.hpp>
#include <boost/fiber/condition_variable.hpp>
#include <boost/fiber/fiber.hpp>
#include <boost/fiber/fixedsize_stack.hpp>
#include <boost/fiber/future/promise.hpp>
#include <boost/fiber/mutex.hpp>
#include <boost/fiber/operations.hpp>
#include <boost/fiber/unbuffered_channel.hpp>
#include <boost/version.hpp>

#include "bench/workloads/scheduler.hpp"

namespace {

namespace fibers = boost::fibers;

constexpr std::size_t stack_size = 16 * 1024;

template <class F>
fibers::fiber spawn(F function) {
    return fibers::fiber(fibers::launch::post, std::allocator_arg, fibers::fixedsize_stack(stack_size),
                         std::move(function));
}

// The threads besides the main one.
class threads {
public:
    static void start(unsigned workers) {
        static std::once_flag once;
        std::call_once(once, [workers] {
            for (unsigned i = 1; i < workers; ++i) {
                all().threads_.emplace_back([workers] { all().serve(workers); });
            }
            fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(workers, true);
        });
    }
    static void end() {
        {
            const std::lock_guard lock(all().mutex_);
            all().ended_ = true;
        }
        all().end_.notify_all();
        all().threads_.clear();
    }

private:
    static threads& all() {
        static threads instance;
        return instance;
    }
    void serve(unsigned workers) {
        fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(workers, true);
        std::unique_lock lock(mutex_);
        end_.wait(lock, [this] { return ended_; });
    }

    fibers::mutex mutex_;
    fibers::condition_variable end_;
    bool ended_ = false;
    std::vector<std::jthread> threads_;
};

// As workloads::countdown; lets other fibers run while it waits.
class countdown {
public:
    explicit countdown(std::uint64_t fibers) : total_(fibers), left_(fibers) {}
    void one_ended() {
        if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            all_ended_.set_value();
        }
    }
    std::uint64_t wait() {
        all_ended_.get_future().wait();
        return total_ - left_.load(std::memory_order_acquire);
    }

private:
    std::uint64_t total_;
    std::atomic<std::uint64_t> left_;
    fibers::promise<void> all_ended_;
};

void ping(countdown& left) {
    fibers::promise<void> ping;
    fibers::promise<void> answer;
    fibers::future<void> pinged = ping.get_future();
    fibers::future<void> answered = answer.get_future();
    spawn([pinged = std::move(pinged), answer = std::move(answer)]() mutable {
        pinged.wait();
        answer.set_value();
    }).detach();
    ping.set_value();
    answered.wait();
    left.one_ended();
}

void chain(unsigned more, const std::shared_ptr<countdown>& left) {
    if (more > 0) {
        spawn([more, left] { chain(more - 1, left); }).detach();
    }
    left->one_ended();
}

class boost_fiber {
public:
    static constexpr std::string_view name = "boost_fiber";
    static std::string version() { return "Boost " BOOST_LIB_VERSION; }

    explicit boost_fiber(unsigned workers) { threads::start(workers); }

    std::uint64_t run(workloads::spawn_many_local /*work*/, unsigned size) {
        const auto left = std::make_shared<countdown>(size);
        for (unsigned i = 0; i < size; ++i) {
            spawn([left] { left->one_ended(); }).detach();
        }
        return left->wait();
    }
    std::uint64_t run(workloads::yield_many work, unsigned size) { return yield_at_once(work.tasks, size); }
    std::uint64_t run(workloads::ping_pong /*work*/, unsigned size) {
        const auto left = std::make_shared<countdown>(size);
        for (unsigned i = 0; i < size; ++i) {
            spawn([left] { ping(*left); }).detach();
        }
        return left->wait();
    }
    std::uint64_t run(workloads::chained_spawn /*work*/, unsigned size) {
        const auto left = std::make_shared<countdown>(size);
        spawn([left, size] { chain(size - 1, left); }).detach();
        return left->wait();
    }
    std::uint64_t run(workloads::spawn_and_join /*work*/, unsigned size) {
        std::vector<fibers::fiber> all;
        all.reserve(size);
        for (unsigned i = 0; i < size; ++i) {
            all.push_back(spawn([] {}));
        }
        for (fibers::fiber& f : all) {
            f.join();
        }
        return size;
    }
    std::uint64_t run(workloads::yield_alone /*work*/, unsigned size) { return yield_at_once(1, size) * size; }
    std::uint64_t run(workloads::round_trip /*work*/, unsigned size) {
        fibers::unbuffered_channel<unsigned> there;
        fibers::unbuffered_channel<unsigned> back;
        fibers::fiber other = spawn([&there, &back] {
            for (unsigned i = 0; there.pop(i) == fibers::channel_op_status::success;) {
                back.push(i);
            }
        });
        std::uint64_t trips = 0;
        for (unsigned i = 0; i < size; ++i) {
            there.push(i);
            unsigned answer = 0;
            trips += back.pop(answer) == fibers::channel_op_status::success && answer == i ? 1 : 0;
        }
        there.close();
        other.join();
        return trips;
    }

private:
    static std::uint64_t yield_at_once(unsigned tasks, unsigned times) {
        const auto left = std::make_shared<countdown>(tasks);
        for (unsigned i = 0; i < tasks; ++i) {
            spawn([left, times] {
                for (unsigned k = 0; k < times; ++k) {
                    boost::this_fiber::yield();
                }
                left->one_ended();
            }).detach();
        }
        return left->wait();
    }
};

}  // namespace

template <>
workloads::limit workloads::limit_of<boost_fiber>(std::string_view work) {
    if (work == spawn_and_join::about.name) {
        return {.largest_size = 10'000, .reason = "each of a million fibers has a stack of 16 KiB"};
    }
    return {};
}

int main(int argc, char** argv) {
    const int status = workloads::run_program<boost_fiber, workloads::scheduler_suite>(argc, argv);
    threads::end();
    return status;
}
