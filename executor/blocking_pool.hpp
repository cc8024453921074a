// Threads for calls that block: files, getaddrinfo, a client library that knows no coroutines.
//
// A job starts at once: an idle thread takes it, or a new one is started, up to the maximum; beyond that jobs queue,
// first in, first out. A thread that has been idle for ten seconds ends.
//   POOL1  `idle_` threads wait on `work_`; if jobs are queued and a thread is idle, that thread has been notified.
//   POOL2  A job that was accepted runs, unless no thread at all could be started for it: then submit() throws.
//   POOL3  After request_end() the threads run what is queued and end; the destructor joins them.
#pragma once

#include <chrono>
#include <deque>
#include <string>
#include <vector>

#include <brigade/detail/sync.hpp>
#include <brigade/executor.hpp>

namespace brigade::detail {

class blocking_pool {
public:
    // `owner` is what executor::current() gives to the jobs.
    blocking_pool(executor& owner, unsigned most_threads, std::string name);
    // Runs what is queued, ends and joins the threads.
    ~blocking_pool();
    blocking_pool(const blocking_pool&) = delete;
    blocking_pool& operator=(const blocking_pool&) = delete;

    // Any thread. Throws std::system_error when there is no thread and none can be started; the job is not kept then.
    void submit(blocking_job_base& job);

    // Gives up the jobs that no thread has begun. Any thread.
    void give_up_queued() noexcept;
    // The threads end when nothing is queued. Nobody submits any more: the executor takes nothing in. Any thread.
    void request_end() noexcept;
    // Whether all have ended, before `limit`.
    [[nodiscard]] bool wait_until_ended(std::chrono::milliseconds limit);
    // After request_end(); waits for the threads. By one thread at a time, none of them.
    void join_threads() noexcept;

private:
    static constexpr std::chrono::seconds keep_alive{10};

    void start_thread();
    void run_jobs(std::size_t slot);
    [[nodiscard]] blocking_job_base* next_job(std::size_t slot);

    executor& owner_;
    const unsigned most_threads_;
    const std::string name_;
    sync::mutex mutex_;
    sync::condition_variable work_;
    sync::condition_variable ended_one_;
    std::deque<blocking_job_base*> jobs_;
    std::vector<sync::thread> threads_;  // a slot is joinable while its thread is to be joined
    std::vector<std::size_t> ended_;     // slots whose threads have ended or are about to: to be joined and reused
    unsigned alive_ = 0;
    std::size_t idle_ = 0;
    bool stopping_ = false;
};

}  // namespace brigade::detail
