// Models of the blocking pool: jobs, threads that come, idle and end.
#include <array>
#include <memory>
#include <optional>

#include "tests/explore/parts_of_models.hpp"

#include "executor/blocking_pool.hpp"

namespace explore {
namespace {

using brigade::detail::blocking_job_base;
using brigade::detail::blocking_pool;
namespace sync = brigade::detail::sync;

settings with_timeouts(unsigned timeouts) {
    settings s;
    s.bounds.spurious = 0;
    s.bounds.timeouts = timeouts;
    return s;
}

struct pool : blocking_pool {
    explicit pool(unsigned threads) : blocking_pool(no_executor(), threads, "model") {}
};

// Counts its runs in plain memory and tells of them.
struct counting_job final : blocking_job_base {
    void give_up() noexcept override {}
    void run() noexcept override {
        ++runs;
        done.happen();
    }
    int runs = 0;
    event done;
};

MODEL(pool_model, a_pool_that_got_no_job_has_no_thread) {
    const pool p(1);
}

MODEL(pool_model, a_job_runs_and_its_effect_is_seen) {
    pool p(1);
    counting_job job;
    p.submit(job);
    job.done.wait();
    require(job.runs == 1, "POOL2");
}

MODEL(pool_model, the_job_sees_what_was_written_before_it_was_submitted) {
    int payload = 0;
    int seen = 0;
    struct reading_job final : blocking_job_base {
        reading_job(int& from, int& to) : payload(from), seen(to) {}
        void give_up() noexcept override {}
        void run() noexcept override { seen = payload; }
        int& payload;
        int& seen;
    } job(payload, seen);
    {
        pool p(1);
        payload = 1;
        p.submit(job);
    }
    require(seen == 1, "the payload, and the effect after the end of the pool");
}

MODEL(pool_model, the_end_of_the_pool_runs_what_is_queued) {
    std::array<counting_job, 2> jobs;
    {
        pool p(1);
        p.submit(jobs[0]);
        p.submit(jobs[1]);
    }
    require(jobs[0].runs == 1 && jobs[1].runs == 1, "POOL3");
}

MODEL(pool_model, one_thread_runs_jobs_in_their_order) {
    std::string order;
    struct signing_job final : blocking_job_base {
        signing_job(std::string& o, char c) : order(o), name(c) {}
        void give_up() noexcept override {}
        void run() noexcept override { order += name; }
        std::string& order;
        char name;
    };
    signing_job a(order, 'a');
    signing_job b(order, 'b');
    signing_job c(order, 'c');
    {
        pool p(1);
        p.submit(a);
        p.submit(b);
        p.submit(c);
    }
    require(order == "abc", "first in, first out");
}

// Ends only beside another.
struct meeting_job final : blocking_job_base {
    meeting_job(event& i, event& y) : mine(i), yours(y) {}
    void give_up() noexcept override {}
    void run() noexcept override {
        mine.happen();
        yours.wait();
    }
    event& mine;
    event& yours;
};

MODEL(pool_model, two_jobs_run_side_by_side) {
    event first;
    event second;
    meeting_job a(first, second);
    meeting_job b(second, first);
    pool p(2);
    p.submit(a);
    p.submit(b);  // a job starts at once: there is a thread for it
}

MODEL(pool_model, two_threads_submit) {
    std::array<counting_job, 2> jobs;
    {
        pool p(2);
        const model_thread other([&] { p.submit(jobs[1]); });
        p.submit(jobs[0]);
    }
    require(jobs[0].runs == 1 && jobs[1].runs == 1, "POOL2");
}

MODEL(pool_model, two_threads_submit_to_one_thread) {
    std::array<counting_job, 2> jobs;
    {
        pool p(1);
        const model_thread other([&] { p.submit(jobs[1]); });
        p.submit(jobs[0]);
        jobs[0].done.wait();
    }
    require(jobs[0].runs == 1 && jobs[1].runs == 1, "POOL2");
}

MODEL_WITH(pool_model, a_thread_that_becomes_idle_against_the_next_job, with_timeouts(0)) {
    std::array<counting_job, 2> jobs;
    pool p(2);
    p.submit(jobs[0]);
    jobs[0].done.wait();
    p.submit(jobs[1]);  // to the first thread, if it is idle by now, or to another
    jobs[1].done.wait();
}

MODEL_WITH(pool_model, a_thread_that_ends_by_its_limit_against_the_next_job, with_timeouts(1)) {
    std::array<counting_job, 2> jobs;
    pool p(1);
    p.submit(jobs[0]);
    jobs[0].done.wait();
    p.submit(jobs[1]);  // POOL1: it is still there and takes the job, or it has left and another is started
    jobs[1].done.wait();
}

MODEL_WITH(pool_model, the_slot_of_a_thread_that_has_ended_is_used_again, with_timeouts(2)) {
    std::array<counting_job, 3> jobs;
    pool p(1);
    for (counting_job& job : jobs) {
        p.submit(job);
        job.done.wait();
    }
}

MODEL_WITH(pool_model, two_idle_threads_end_by_their_limits_against_two_jobs, [] {
    settings s = with_timeouts(2);
    s.preemptions = 1;
    return s;
}()) {
    std::array<counting_job, 4> jobs;
    pool p(2);
    p.submit(jobs[0]);
    p.submit(jobs[1]);
    jobs[0].done.wait();
    jobs[1].done.wait();
    p.submit(jobs[2]);
    p.submit(jobs[3]);
    jobs[2].done.wait();
    jobs[3].done.wait();
}

MODEL_WITH(pool_model, one_idle_thread_is_not_promised_to_two_jobs, with_timeouts(0)) {
    event first;
    event second;
    counting_job early;
    meeting_job a(first, second);
    meeting_job b(second, first);
    pool p(2);
    p.submit(early);
    early.done.wait();
    p.submit(a);  // POOL1: the idle thread has been notified for this one
    p.submit(b);  // so this one needs a thread of its own
}

MODEL_WITH(pool_model, the_end_of_the_pool_against_a_thread_that_becomes_idle, with_timeouts(1)) {
    counting_job job;
    std::optional<pool> p(std::in_place, 1U);
    p->submit(job);
    job.done.wait();
    p.reset();
}

MODEL_WITH(pool_model, the_end_of_the_pool_against_two_threads, with_timeouts(1)) {
    std::array<counting_job, 2> jobs;
    std::optional<pool> p(std::in_place, 2U);
    p->submit(jobs[0]);
    p->submit(jobs[1]);
    p.reset();
    require(jobs[0].runs == 1 && jobs[1].runs == 1, "POOL3");
}

MODEL_WITH(pool_model, a_job_for_an_idle_thread_does_not_wait_for_the_limit, with_timeouts(0)) {
    std::array<counting_job, 2> jobs;
    pool p(1);
    const auto begin = sync::clock::now();
    for (counting_job& job : jobs) {
        p.submit(job);
        job.done.wait();
    }
    require(sync::clock::now() == begin, "POOL1: the thread has been notified");
}

MODEL_WITH(pool_model, the_end_of_the_pool_does_not_wait_for_the_limit, with_timeouts(0)) {
    const auto begin = sync::clock::now();
    {
        counting_job job;
        pool p(2);
        p.submit(job);
    }
    require(sync::clock::now() == begin, "POOL3: idle threads are told");
}

MODEL_WITH(pool_model, a_job_submits_another, with_timeouts(0)) {
    struct submitting_job final : blocking_job_base {
        submitting_job(pool& p, counting_job& n) : where(p), next(n) {}
        void give_up() noexcept override {}
        void run() noexcept override { where.submit(next); }
        pool& where;
        counting_job& next;
    };
    counting_job next;
    pool p(1);
    submitting_job job(p, next);
    p.submit(job);
    next.done.wait();
    require(next.runs == 1, "by the same thread, which is not idle while it submits");
}

MODEL_WITH(pool_model, jobs_free_themselves, with_timeouts(0)) {
    struct self_freeing_job final : blocking_job_base {
        explicit self_freeing_job(int& c) : count(c) {}
        void give_up() noexcept override {}
        void run() noexcept override {
            ++count;
            delete this;
        }
        int& count;
    };
    int count = 0;
    {
        pool p(1);
        p.submit(*new self_freeing_job(count));
        p.submit(*new self_freeing_job(count));
    }
    require(count == 2, "the pool does not touch a job that has run");
}

}  // namespace
}  // namespace explore
