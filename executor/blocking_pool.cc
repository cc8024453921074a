#include "executor/blocking_pool.hpp"

#include <system_error>

#include <brigade/detail/deadline.hpp>

#include "executor/scheduler.hpp"
#include "executor/threads.hpp"

namespace brigade::detail {

blocking_pool::blocking_pool(executor& owner, unsigned most_threads, std::string name)
    : owner_(owner), most_threads_(most_threads), name_(std::move(name)) {}

void blocking_pool::request_end() noexcept {
    const sync::lock lock(mutex_);
    stopping_ = true;
    work_.notify_all();
}

bool blocking_pool::wait_until_ended(std::chrono::milliseconds limit) {
    const sync::clock::time_point until = deadline_after(limit);
    sync::lock lock(mutex_);
    return ended_one_.wait_until(lock, until, [this] { return alive_ == 0; });
}

void blocking_pool::give_up_queued() noexcept {
    std::deque<blocking_job_base*> queued;
    {
        const sync::lock lock(mutex_);
        queued.swap(jobs_);
    }
    for (blocking_job_base* const job : queued) {
        job->give_up();
    }
}

blocking_pool::~blocking_pool() {
    request_end();
    join_threads();
}

void blocking_pool::join_threads() noexcept {
    for (sync::thread& t : threads_) {
        if (t.joinable()) {
            t.join();
        }
    }
}

void blocking_pool::submit(blocking_job_base& job) {
    const sync::lock lock(mutex_);
    jobs_.push_back(&job);
    if (jobs_.size() <= idle_) {
        work_.notify_one();  // POOL1: each queued job has an idle thread
        return;
    }
    if (alive_ == most_threads_) {
        return;
    }
    try {
        start_thread();
    } catch (...) {
        if (alive_ == 0) {
            jobs_.pop_back();
            throw;
        }
        // Fewer threads than allowed, but some: the job waits its turn.
    }
}

void blocking_pool::start_thread() {
    if (ended_.empty()) {
        threads_.emplace_back();
        ended_.reserve(threads_.size());  // a thread that ends must not fail
        ended_.push_back(threads_.size() - 1);
    }
    const std::size_t slot = ended_.back();
    if (threads_[slot].joinable()) {
        threads_[slot].join();  // it has left next_job() and ends without the lock
    }
    threads_[slot] = sync::thread([this, slot] {
        prepare_this_thread(name_, "-b" + std::to_string(slot));
        const executor_scope scope(owner_);
        run_jobs(slot);
    });
    ended_.pop_back();
    ++alive_;
}

void blocking_pool::run_jobs(std::size_t slot) {
    while (blocking_job_base* const job = next_job(slot)) {
        job->run();
    }
}

blocking_job_base* blocking_pool::next_job(std::size_t slot) {
    sync::lock lock(mutex_);
    const auto has_work = [this] { return !jobs_.empty() || stopping_; };
    if (!has_work()) {
        ++idle_;
        work_.wait_for(lock, keep_alive, has_work);
        --idle_;
    }
    if (jobs_.empty()) {
        --alive_;
        ended_.push_back(slot);
        ended_one_.notify_all();
        return nullptr;
    }
    blocking_job_base* const job = jobs_.front();
    jobs_.pop_front();
    return job;
}

}  // namespace brigade::detail
