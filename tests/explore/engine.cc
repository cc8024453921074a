#include "tests/explore/engine.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <utility>

#include <cxxabi.h>
#include <sys/single_threaded.h>

#include <boost/context/fiber.hpp>

namespace explore {

// A fiber for each thread of a model; they are used again in the next run.
struct engine::fibers {
    struct stack_of {
        model_memory* memory;
        unsigned thread;
        boost::context::stack_context allocate() const {
            boost::context::stack_context s;
            s.size = model_memory::stack_size;
            s.sp = memory->stack(thread) + s.size;
            return s;
        }
        void deallocate(boost::context::stack_context& /*s*/) const noexcept {}
    };

    std::array<boost::context::fiber, max_threads> of;
    boost::context::fiber main;
};

namespace {

[[noreturn]] void on_terminate() {
    engine::in_model = false;
    std::string message = "std::terminate was called";
    if (const std::exception_ptr e = std::current_exception()) {
        try {
            std::rethrow_exception(e);
        } catch (const std::exception& x) {
            message += std::string(": ") + x.what();
        } catch (...) {
            message += " with an exception";
        }
    }
    engine::the().fail(std::move(message));
}

}  // namespace

engine& engine::the() {
    static engine* const e = new engine;  // its fibers must not be unwound
    return *e;
}

engine::engine() : fibers_(std::make_unique<fibers>()) {
    // The library would count references without atomic operations, as there is one thread only.
    __libc_single_threaded = 0;
}

engine::~engine() = default;

void engine::prepare(choices& c, const limits& l, const std::function<void()>& body) {
    limits_ = l;
    if (choices_ != &c) {
        choices_ = &c;
        model_.emplace(c);
        dependence_.emplace(c);
    }
    model_->reset();
    model_->allow_stale_repetitions(l.stale_reads);
    model_->allow_early_stores(l.early_stores);
    model_->allow_future_reads(l.future_reads);
    dependence_->reset();
    memory_.reset();
    thread_count_ = 1;
    for (model_thread& t : threads_) {
        t = model_thread{};
    }
    threads_[0].state = waiting::nothing;
    threads_[0].body = [&body] { body(); };
    current_ = 0;
    steps_ = 0;
    spurious_left_ = l.spurious;
    timeouts_left_ = l.timeouts;
    time_ = 0;
    inspecting_ = false;
    result_ = {};
    trace_.clear();
    objects_used_ = 0;
    atomic_conflicts_.clear();
    sc_order_ = {};
    asymmetric_order_ = {};
    futexes_.clear();
    silent_.clear();
    process_objects_.clear();
}

run_result engine::run(choices& c, const limits& l, const std::function<void()>& body) {
    prepare(c, l, body);
    const std::terminate_handler previous = std::set_terminate(&on_terminate);
    next_ = 0;
    while (next_ < max_threads && !result_.failed) {
        const unsigned t = next_;
        if (!fibers_->of[t]) {
            fibers_->of[t] = boost::context::fiber(std::allocator_arg, fibers::stack_of{&memory_, t},
                                                   [this, t](boost::context::fiber&& main) {
                                                       fibers_->main = std::move(main);
                                                       for (;;) {
                                                           run_thread(t);
                                                           switch_to_main();
                                                       }
                                                       return std::move(fibers_->main);
                                                   });
        }
        current_ = t;
        lend_exceptions(threads_[t]);
        boost::context::fiber back = std::move(fibers_->of[t]).resume();
        lend_exceptions(threads_[t]);
        if (back) {
            fibers_->of[t] = std::move(back);
        }
    }
    std::set_terminate(previous);
    conclude();
    c.end(steps_);
    return result_;
}

void engine::conclude() {
    if (result_.failed) {
        // ENG3. A fiber that is destroyed would be unwound, so the handles are forgotten. The one that failed may have
        // done so at its very end: when that left the others in a deadlock.
        for (unsigned t = 0; t < thread_count_; ++t) {
            if (threads_[t].state != waiting::ended || t == current_) {
                new (&fibers_->of[t]) boost::context::fiber();
                new (&threads_[t].body) std::function<void()>();  // lies in the arena
            }
        }
    }
    model_->finish();
    result_.infeasible = model_->infeasible();
    if (result_.infeasible) {
        result_.failed = false;  // no execution comes to that
    }
    if (!result_.failed && limits_.check_leaks && !result_.infeasible) {
        result_.message = memory_.leaks();
        result_.failed = !result_.message.empty();
    }
}

// Exchanges what the run-time library keeps for a thread: the exceptions that are being handled.
void engine::lend_exceptions(model_thread& t) {
    std::array<std::uint64_t, 2> now;
    void* const globals = abi::__cxa_get_globals();
    std::memcpy(now.data(), globals, sizeof(now));
    std::memcpy(globals, t.exceptions.data(), sizeof(now));
    t.exceptions = now;
}

// Everything that the model's code does on this thread.
void engine::run_body(model_thread& t) {
    in_model = true;
    try {
        t.body();
        t.body = nullptr;
        while (t.at_end != nullptr) {
            std::exchange(t.at_end, nullptr)();
        }
        in_model = false;
    } catch (const std::exception& e) {
        in_model = false;
        fail(std::string("an exception left a thread: ") + e.what());
    } catch (...) {
        in_model = false;
        fail("an exception left a thread");
    }
}

// On the last thread to end.
void engine::end_process() {
    for (unsigned i = 0; i < thread_count_; ++i) {
        model_->learn(current_, threads_[i].end.released);
    }
    while (!process_objects_.empty()) {
        const std::unique_ptr<process_object> last = std::move(process_objects_.back());
        process_objects_.pop_back();
        in_model = true;
        last->destroy(last->object);
        in_model = false;
    }
}

void engine::run_thread(unsigned thread) {
    model_thread& t = threads_[thread];
    run_body(t);
    const auto has_ended = [&](const model_thread& other) { return &other == &t || other.state == waiting::ended; };
    if (std::all_of(threads_.begin(), threads_.begin() + thread_count_, has_ended)) {
        end_process();
    }
    t.state = waiting::ended;
    model_->publish(thread, t.end.released);
    dependence_->release(thread, t.end.released_order);
    pass_on(false);
}

void engine::switch_to_main() {
    fibers_->main = std::move(fibers_->main).resume();
}

void engine::fail(std::string message) {
    in_model = false;
    if (!fibers_->main) {
        throw std::logic_error("outside of a model: " + message);
    }
    result_.failed = true;
    result_.message = std::string(message.c_str(), message.size());  // a copy: the text may lie in the arena
    next_ = max_threads;
    for (;;) {
        switch_to_main();
    }
}

bool engine::may_be_woken_early(const model_thread& t) const noexcept {
    return (t.state == waiting::futex || t.state == waiting::condition) &&
           (spurious_left_ > 0 || (t.until != never && timeouts_left_ > 0));
}

void engine::wake_early(model_thread& t) {
    if (t.until != never && (timeouts_left_ > 0 || spurious_left_ == 0)) {
        timeouts_left_ -= timeouts_left_ > 0 ? 1U : 0U;
        t.timed_out = true;
        time_ = std::max(time_, t.until);
    } else {
        --spurious_left_;
    }
    t.state = waiting::nothing;
}

thread_choice engine::who_can() const {
    thread_choice c{.enabled = 0, .unforced = 0, .previous = current_, .previous_can = false};
    thread_set earliest = 0;
    std::int64_t deadline = never;
    for (unsigned i = 0; i < thread_count_; ++i) {
        const model_thread& t = threads_[i];
        if (t.state == waiting::nothing ||
            (t.state == waiting::lock && !static_cast<const sync_object*>(t.waits_for)->held) ||
            (t.state == waiting::thread && threads_[t.joins].state == waiting::ended)) {
            c.enabled |= one(i);
        } else if (may_be_woken_early(t)) {
            c.unforced |= one(i);
        } else if (t.until < deadline) {
            deadline = t.until;
            earliest = one(i);
        }
    }
    thread_set yielding = 0;
    for (unsigned i = 0; i < thread_count_; ++i) {
        yielding |= (threads_[i].yields_to & c.enabled) != 0 ? one(i) : 0;
    }
    if ((c.enabled & ~yielding) != 0) {
        c.enabled &= ~yielding;
    }
    if (c.enabled == 0 && c.unforced == 0) {
        c.unforced = earliest;  // ENG2: the time limit has come
    }
    c.enabled |= c.unforced;
    return c;
}

// Lets the search choose who goes on, and switches to that thread.
void engine::pass_on(bool previous_can) {
    thread_choice c = who_can();
    if (c.enabled == 0) {
        if (std::ranges::all_of(threads_.begin(), threads_.begin() + thread_count_,
                                [](const model_thread& t) { return t.state == waiting::ended; })) {
            next_ = max_threads;
            return;  // to run_thread()'s caller, which goes to main
        }
        deadlock();
    }
    c.previous_can = previous_can && (c.enabled & one(current_)) != 0;
    const bool is_choice = std::popcount(c.enabled) > 1;
    const std::size_t where = choices_->position();
    const unsigned chosen = choices_->choose_thread(c);
    decided_at_ = is_choice ? where : SIZE_MAX;
    model_thread& t = threads_[chosen];
    if (t.state == waiting::futex || t.state == waiting::condition) {
        wake_early(t);
    }
    if (chosen == current_) {
        return;
    }
    next_ = chosen;
    if (threads_[current_].state != waiting::ended) {
        switch_to_main();
    }
}

void engine::step(operation what, unsigned number, const std::source_location& where) {
    if (++steps_ > limits_.steps) {
        fail("livelock: no end after " + std::to_string(limits_.steps) + " steps");
    }
    model_thread& self = threads_[current_];
    self.where = where;
    pass_on(self.yields_to == 0);
    for (model_thread& t : threads_) {
        t.yields_to &= ~one(current_);
    }
    dependence_->begin_step(current_, decided_at_);
    trace_.push_back({.thread = current_, .what = what, .object = number, .where = where});
}

void engine::block(waiting state, const void* object, std::int64_t until) {
    model_thread& self = threads_[current_];
    self.state = state;
    self.waits_for = object;
    self.until = until;
    self.timed_out = false;
    pass_on(false);
    self.until = never;
}

void engine::wake(unsigned thread) {
    threads_[thread].state = waiting::nothing;
    vector_clock order;
    dependence_->release(current_, order);
    dependence_->acquire(thread, order);
}

std::vector<unsigned> engine::who_waits(waiting state, const void* object) const {
    std::vector<unsigned> found;
    for (unsigned i = 0; i < thread_count_; ++i) {
        if (threads_[i].state == state && threads_[i].waits_for == object) {
            found.push_back(i);
        }
    }
    return found;
}

void engine::deadlock() {
    static constexpr const char* what[] = {"runs",
                                           "has not started",
                                           "waits for a lock",
                                           "waits for a futex",
                                           "waits for a condition",
                                           "waits for a thread",
                                           "has ended"};
    std::string message = "deadlock:";
    for (unsigned i = 0; i < thread_count_; ++i) {
        message += " T" + std::to_string(i) + " " + what[static_cast<std::size_t>(threads_[i].state)];
        if (threads_[i].state != waiting::ended) {
            message += " (" + std::string(threads_[i].where.file_name()) + ":" +
                       std::to_string(threads_[i].where.line()) + ")";
        }
        message += i + 1 < thread_count_ ? ";" : "";
    }
    fail(std::move(message));
}

}  // namespace explore
