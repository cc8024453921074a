#include "executor/scheduler.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>

#include <brigade/detail/deadline.hpp>
#include <brigade/detail/promise.hpp>
#include <brigade/detail/waiter.hpp>

#include "executor/threads.hpp"

namespace brigade::detail {

scheduler::scheduler(executor& owner, unsigned workers, const std::string& name, bool pin)
    : owner_(owner), idle_(workers) {
    sync::prepare_asymmetric_fences();
    for (unsigned i = 0; i < workers; ++i) {
        workers_.push_back(std::make_unique<worker>(*this, i));
    }
    still_running_ = workers;
    const std::vector<unsigned> processors = pin ? allowed_processors() : std::vector<unsigned>();
    threads_.reserve(workers);
    try {
        for (unsigned i = 0; i < workers; ++i) {
            threads_.emplace_back([this, i, name] { run_worker(i, name); });
            if (pin) {
                pin_thread(threads_.back(), processors[i % processors.size()]);
            }
        }
    } catch (...) {
        request_end(phase::draining);
        join_threads();
        throw;
    }
}

void scheduler::run_worker(unsigned index, const std::string& name) {
    prepare_this_thread(name, "-w" + std::to_string(index));
    {
        const executor_scope scope(owner_);
        workers_[index]->run();
    }
    const sync::lock lock(ended_mutex_);
    --still_running_;
    ended_.notify_all();
}

void scheduler::request_end(phase how) noexcept {
    phase now = phase_.load(std::memory_order_relaxed);  // a guess; the exchange decides
    do {
        if (now >= how) {
            return;  // SCH1
        }
    } while (!phase_.compare_exchange_weak(now, how, std::memory_order_relaxed));  // SCH2
    while (const std::optional<unsigned> sleeper = idle_.pick_any()) {
        unpark(*sleeper);
    }
}

void scheduler::wake_any() noexcept {
    if (const std::optional<unsigned> sleeper = idle_.pick_any()) {
        unpark(*sleeper);
    }
}

bool scheduler::wait_until_ended(std::chrono::milliseconds limit) {
    const sync::clock::time_point until = deadline_after(limit);
    sync::lock lock(ended_mutex_);
    return ended_.wait_until(lock, until, [this] { return still_running_ == 0; });
}

void scheduler::join_threads() noexcept {
    for (sync::thread& t : threads_) {
        t.join();
    }
    threads_.clear();
}

scheduler::~scheduler() {
    request_end(phase::draining);
    join_threads();
    // pairs: the release in let_go(): nothing of this object is touched after it.
    for (sync::backoff turn; foreign_posts_.load(std::memory_order_acquire) != 0; turn.pause()) {
    }
}

worker* scheduler::local_worker() const noexcept {
    worker* const w = worker::current();
    return w != nullptr && &w->home() == this ? w : nullptr;
}

void scheduler::inject(std::coroutine_handle<> handle) noexcept {
    injected_.push(handle.address());
    sync::full_fence();  // pairs: both fences in idle::sleep(), IDLE1 and IDLE5
    wake_one();
}

void scheduler::hold_and_inject(std::coroutine_handle<> handle) noexcept {
    hold();  // before the task can run and end; ordered by the release of the push
    inject(handle);
    let_go();
}

void scheduler::post(std::coroutine_handle<> handle) noexcept {
    if (worker* const w = local_worker()) {
        w->push_ready(handle);
    } else {
        hold_and_inject(handle);
    }
}

void scheduler::post_next(std::coroutine_handle<> handle) noexcept {
    if (worker* const w = local_worker()) {
        w->push_next(handle);
    } else {
        hold_and_inject(handle);
    }
}

void scheduler::start(std::coroutine_handle<> handle) noexcept {
    if (worker* const w = local_worker()) {
        w->push_ready(handle);
    } else {
        inject(handle);
    }
}

void scheduler::wake_one() noexcept {
    if (const std::optional<unsigned> sleeper = idle_.pick()) {
        unpark(*sleeper);
    }
}

void scheduler::unpark(unsigned index) noexcept {
    if (workers_[index]->unpark()) {
        events()->interrupt();  // SEAT3
    }
}

bool scheduler::has_visible_work() const noexcept {
    if (injected_.size() != 0) {
        return true;
    }
    for (const std::unique_ptr<worker>& w : workers_) {
        if (w->has_visible_work()) {
            return true;
        }
    }
    return false;
}

bool scheduler::somebody_holds() const noexcept {
    return std::ranges::any_of(workers_, [](const std::unique_ptr<worker>& w) { return w->holds(); });
}

void scheduler::rely_for_holders() noexcept {
    if (somebody_holds() && !idle_.rely_on_standby()) {
        wake_one();  // it will see the hold when it goes to sleep again
    }
}

bool scheduler::is_at_rest() const noexcept {
    return idle_.all_asleep() && !has_visible_work();
}

executor_counters scheduler::counters() const noexcept {
    executor_counters sum;
    for (const std::unique_ptr<worker>& w : workers_) {
        const executor_counters one = w->counters();
        sum.resumed += one.resumed;
        sum.injected += one.injected;
        sum.stolen += one.stolen;
        sum.parked += one.parked;
    }
    return sum;
}

executor_scope::executor_scope(executor& owner) noexcept : before_(sync::thread_pointer<executor>::get()) {
    sync::thread_pointer<executor>::set(&owner);
}

executor_scope::~executor_scope() {
    sync::thread_pointer<executor>::set(before_);
}

void end_for_want_of_worker() noexcept {
    std::fputs("brigade: a task awaits on a thread that is no worker: something resumed it there\n", stderr);
    std::terminate();
}

worker& this_worker() noexcept {
    worker* const w = worker::current();
    if (w == nullptr) {
        end_for_want_of_worker();
    }
    return *w;
}

scheduler* current_scheduler() noexcept {
    worker* const w = worker::current();
    return w != nullptr ? &w->home() : nullptr;
}

void waiter::suspend(std::coroutine_handle<> suspended) noexcept {
    handle = suspended;
    home = &this_worker().home();
}

prepared_post::prepared_post(const waiter& w) noexcept
    : whom_(w), local_(w.home != nullptr ? w.home->local_worker() : nullptr) {
    if (local_ == nullptr && whom_.home != nullptr) {
        whom_.home->hold();
    }
}

prepared_post::~prepared_post() {
    if (local_ == nullptr && whom_.home != nullptr) {
        whom_.home->let_go();
    }
}

void prepared_post::post() const noexcept {
    if (local_ != nullptr) {
        local_->push_ready(whom_.handle);
    } else {
        whom_.home->inject(whom_.handle);
    }
}

executor* current_executor() noexcept {
    return sync::thread_pointer<executor>::get();
}

void set_transfer(std::coroutine_handle<> next) noexcept {
    this_worker().transfer_to(next);
}

void post(scheduler& home, std::coroutine_handle<> handle) noexcept {
    home.post(handle);
}

void post_next(scheduler& home, std::coroutine_handle<> handle) noexcept {
    home.post_next(handle);
}

void post_yielded(std::coroutine_handle<> handle) noexcept {
    this_worker().push_yielded(handle);
}

bool make_way(std::coroutine_handle<> handle) noexcept {
    return this_worker().make_way(handle);
}

bool consume_budget() noexcept {
    return this_worker().consume_budget();
}

}  // namespace brigade::detail
