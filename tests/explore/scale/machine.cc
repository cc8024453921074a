#include "tests/explore/scale/machine.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>

#include <boost/context/fiber.hpp>
#include <boost/context/fixedsize_stack.hpp>

namespace scale {

struct machine::fiber {
    boost::context::fiber handle;
};

namespace {

constexpr std::size_t stack_size = 256 * 1024;

std::size_t index_of(activity what) noexcept {
    return static_cast<std::size_t>(what);
}

[[noreturn]] void end_by_deadlock() {
    std::fputs("scale: all simulated threads sleep, and nobody is left to wake them\n", stderr);
    std::abort();
}

}  // namespace

machine::machine() {
    outside_.number = most_processors - 1;
    outside_.context = std::make_unique<fiber>();
    current_ = &outside_;
    horizon_ = never;
}

machine::~machine() = default;

void machine::run(const cost_table& costs, std::uint64_t seed, std::function<void()> body) {
    costs_ = costs;
    random_.seed(static_cast<std::minstd_rand::result_type>(seed + 1));
    lines_.clear();
    fences_end_ = 0;
    accesses_ = 0;
    outside_.clock = 0;
    start_thread(std::move(body));
    set_horizon();
    switch_to(*processors_[0]);
    if (std::ranges::any_of(processors_, [](const auto& p) { return p->now != state::ended; })) {
        end_by_deadlock();
    }
    horizon_ = never;
    for (void (*last)() : std::exchange(at_process_end_, {})) {
        last();
    }
    processors_.clear();
}

// ------------------------------------------------------------------------------------------------------- measurement

void machine::begin_measuring() noexcept {
    measured_from_ = now();
    accesses_ = fences_ = wakeups_ = 0;
    waited_.clear();
    for (const std::unique_ptr<processor>& p : processors_) {
        p->spent = {};
        if (p->now == state::asleep) {
            p->asleep_since = measured_from_;
        } else {
            p->spent[index_of(p->latest)] = p->clock - measured_from_;
        }
    }
}

machine::measurement machine::end_measuring() {
    measurement m{.makespan = now() - measured_from_,
                  .threads = {},
                  .accesses = accesses_,
                  .fences = fences_,
                  .wakeups = wakeups_,
                  .hot_places = {}};
    for (const std::unique_ptr<processor>& p : processors_) {
        time_sheet spent = p->spent;
        // Who runs stands a little before or behind this moment: it goes on with what it did last.
        if (p->now == state::asleep) {
            spent[index_of(activity::asleep)] += now() - p->asleep_since;
        } else {
            spent[index_of(p->latest)] += now() - p->clock;
        }
        m.threads.push_back(spent);
    }
    for (const auto& [place, time] : waited_) {
        m.hot_places.push_back({std::string(place.first) + ":" + std::to_string(place.second), time});
    }
    std::ranges::sort(m.hot_places, [](const hot_place& a, const hot_place& b) {
        return a.waited != b.waited ? a.waited > b.waited : a.where < b.where;
    });
    return m;
}

// ---------------------------------------------------------------------------------------------------- caches, fences

void machine::fetch(cache_line_state& line, bool to_write, const std::source_location& where) {
    const unsigned self = current_->number;
    if (line.readers.any()) {
        const picoseconds before = now();
        if (line.settled > before) {
            book(activity::queueing, line.settled - before);
        }
        book(activity::transfers, costs_.transfer);
        waited_[{where.file_name(), where.line()}] += now() - before;
        if (to_write) {
            line.settled = now();
        }
    }
    if (to_write) {
        line.readers.reset();
        line.only_reader = self;
    } else {
        line.only_reader = line.readers.none() ? self : no_processor;
    }
    line.readers.set(self);
}

void machine::heavy_fence() {
    wait_for_turn();
    ++fences_;
    if (fences_end_ > now()) {
        book(activity::fences, fences_end_ - now());
    }
    picoseconds others = 0;
    for (const std::unique_ptr<processor>& p : processors_) {
        if (p->now == state::ready && p.get() != current_) {
            p->lost += costs_.interruption;
            ++others;
        }
    }
    book(activity::fences,
         costs_.fence_alone + (others == 0 ? 0 : costs_.fence_first + (others - 1) * costs_.fence_each));
    fences_end_ = now();
}

// ----------------------------------------------------------------------------------------------- the order of events

void machine::put_at(std::size_t place, processor& p) noexcept {
    queue_[place] = &p;
    p.place = place;
}

void machine::sift_up(std::size_t place) noexcept {
    processor& p = *queue_[place];
    for (; place != 0 && is_before(p, *queue_[(place - 1) / 2]); place = (place - 1) / 2) {
        put_at(place, *queue_[(place - 1) / 2]);
    }
    put_at(place, p);
}

void machine::sift_down(std::size_t place) noexcept {
    processor& p = *queue_[place];
    for (;;) {
        std::size_t child = 2 * place + 1;
        if (child + 1 < queue_.size() && is_before(*queue_[child + 1], *queue_[child])) {
            ++child;
        }
        if (child >= queue_.size() || !is_before(*queue_[child], p)) {
            break;
        }
        put_at(place, *queue_[child]);
        place = child;
    }
    put_at(place, p);
}

void machine::enqueue(processor& p) {
    queue_.push_back(&p);
    sift_up(queue_.size() - 1);
}

void machine::dequeue(processor& p) noexcept {
    const std::size_t place = p.place;
    processor& last = *queue_.back();
    queue_.pop_back();
    if (&last != &p) {
        put_at(place, last);
        sift_up(place);
        sift_down(last.place);
    }
}

machine::processor& machine::next_to_run() {
    for (;;) {
        if (queue_.empty()) {
            return outside_;
        }
        sift_down(0);
        processor& p = *queue_.front();
        if (p.now == state::asleep) {
            p.now = state::ready;
            p.timed_out = true;
            p.clock = p.wakes_at;
            p.spent[index_of(activity::asleep)] += p.clock - p.asleep_since;
        } else if (p.lost != 0) {
            p.clock += p.lost;
            p.spent[index_of(activity::interrupted)] += std::exchange(p.lost, 0);
        } else {
            return p;
        }
    }
}

void machine::set_horizon() noexcept {
    horizon_ = never;
    for (std::size_t place = 1; place < std::min<std::size_t>(3, queue_.size()); ++place) {
        horizon_ = std::min(horizon_, key_of(*queue_[place]) + lookahead);
    }
}

void machine::pass_on() {
    if (current_ == &outside_) {
        return;
    }
    processor& next = next_to_run();
    if (&next == &outside_) {
        end_by_deadlock();
    }
    set_horizon();
    if (&next != current_) {
        switch_to(next);
    }
}

void machine::switch_to(processor& next) {
    left_ = std::exchange(current_, &next);
    boost::context::fiber from = std::move(next.context->handle).resume();
    left_->context->handle = std::move(from);  // of the one that has switched back to here
}

// ------------------------------------------------------------------------------------------------- sleeping, threads

void machine::sleep_on(const void* what, picoseconds limit) {
    processor& self = *current_;
    self.now = state::asleep;
    self.timed_out = false;
    self.waits_for = what;
    self.asleep_since = self.clock;
    self.wakes_at = limit;
    self.latest = activity::asleep;
    if (limit == never) {
        dequeue(self);
    }
    pass_on();
    self.waits_for = nullptr;
}

void machine::wake(processor& p, picoseconds delay) {
    if (p.wakes_at != never) {
        dequeue(p);
    }
    p.now = state::ready;
    p.clock = std::max(p.asleep_since, now() + std::max<picoseconds>(delay, 1));
    p.spent[index_of(activity::asleep)] += p.clock - p.asleep_since;
    p.waits_for = nullptr;
    enqueue(p);
    horizon_ = std::min(horizon_, p.clock + lookahead);
}

void machine::futex_wait(const void* word, bool holds_expected, picoseconds limit) {
    book(activity::calls, costs_.system_call);
    if (holds_expected && limit > now()) {
        sleep_on(word, limit);
    }
}

void machine::futex_wake(const void* word, unsigned most) {
    wait_for_turn();
    bool found = false;
    for (; most != 0; --most) {
        processor* longest = nullptr;
        for (const std::unique_ptr<processor>& p : processors_) {
            if (p->now == state::asleep && p->waits_for == word &&
                (longest == nullptr || p->asleep_since < longest->asleep_since)) {
                longest = p.get();
            }
        }
        if (longest == nullptr) {
            break;
        }
        found = true;
        ++wakeups_;
        // The caller is on its way out of the call while the other one wakes up.
        const picoseconds tenth = costs_.latency / 10;
        wake(*longest, costs_.latency - tenth + static_cast<picoseconds>(random_() % 1000) * tenth / 500);
    }
    book(activity::calls, found ? costs_.wake : costs_.system_call);
}

void machine::yield() {
    book(activity::calls, costs_.system_call);
    pass_on();
}

unsigned machine::start_thread(std::function<void()> body) {
    if (processors_.size() + 1 == most_processors) {
        throw std::length_error("a simulated machine has at most " + std::to_string(most_processors - 1) +
                                " processors");
    }
    processor& p = *processors_.emplace_back(std::make_unique<processor>());
    p.number = static_cast<unsigned>(processors_.size() - 1);
    p.clock = now();
    p.body = std::move(body);
    p.context = std::make_unique<fiber>();
    p.context->handle = boost::context::fiber(std::allocator_arg, boost::context::fixedsize_stack(stack_size),
                                              [this, &p](boost::context::fiber&& from) {
                                                  left_->context->handle = std::move(from);
                                                  run_thread(p);
                                                  processor& next = next_to_run();
                                                  set_horizon();
                                                  left_ = std::exchange(current_, &next);
                                                  return std::move(next.context->handle);
                                              });
    enqueue(p);
    horizon_ = std::min(horizon_, p.clock + lookahead);
    return p.number;
}

void machine::run_thread(processor& p) {
    p.body();
    p.body = nullptr;
    while (p.at_end != nullptr) {
        std::exchange(p.at_end, nullptr)();
    }
    for (const std::unique_ptr<processor>& other : processors_) {
        if (other->now == state::asleep && other->waits_for == &p) {
            wake(*other, costs_.latency);
        }
    }
    p.now = state::ended;
    dequeue(p);
}

void machine::join_thread(unsigned thread) {
    if (processors_[thread]->now != state::ended) {
        sleep_on(processors_[thread].get(), never);
    }
}

}  // namespace scale
