// What the model's code may do: the operations behind the door (world/brigade/detail/sync.hpp).
#include <algorithm>
#include <bit>

#include "tests/explore/engine.hpp"

namespace explore {

namespace {

// The explorer's own code runs: its memory and its accesses are not the model's.
class outside_model {
public:
    outside_model() noexcept { engine::in_model = false; }
    ~outside_model() { engine::in_model = true; }
    outside_model(const outside_model&) = delete;
    outside_model& operator=(const outside_model&) = delete;
};

}  // namespace

// --------------------------------------------------------------------------------------------------- atomic objects

location& engine::create_atomic(const void* address, std::uint64_t value) {
    const outside_model outside;
    location& l = model_->create(address, current_, value);
    atomic_conflicts_.resize(l.number + 1);
    return l;
}

void engine::destroy_atomic(location& l) {
    const outside_model outside;
    for (unsigned t = 0; t < thread_count_; ++t) {
        if (!model_->happened(current_).covers(t, l.touched[t])) {
            fail("atomic #" + std::to_string(l.number) + " is destroyed by T" + std::to_string(current_) +
                 " although T" + std::to_string(t) + " may still use it");
        }
    }
    l.alive = false;
}

void engine::begin_access(location& l, operation what, bool changes, std::memory_order order,
                          const std::source_location& where) {
    step(what, l.number, where);
    if (!l.alive) {
        fail("atomic #" + std::to_string(l.number) + " is used after its destruction");
    }
    if (!memory_.is_usable(l.address)) {
        fail("atomic #" + std::to_string(l.number) + " is used after its memory was freed");
    }
    if (!model_->happened(current_).covers(l.creator, l.created)) {
        fail("atomic #" + std::to_string(l.number) + " is used by T" + std::to_string(current_) +
             " although its construction does not happen before that");
    }
    l.touched[current_] = model_->now(current_);
    dependence_->touch(current_, atomic_conflicts_[l.number], changes, changes || is_sc(order));
    if (is_sc(order)) {
        dependence_->touch(current_, sc_order_, false);
    }
    trace_.back().is_atomic = true;
    trace_.back().order = order;
}

std::uint64_t engine::load(location& l, std::memory_order order, const std::source_location& where) {
    const outside_model outside;
    order = mutation_.apply(order, operation::load, role::order, where);
    if (inspecting_) {
        return memory_model::newest(l);
    }
    begin_access(l, operation::load, false, order, where);
    const std::uint64_t value = model_->load(l, current_, order);
    if (model_->was_hurried()) {
        dependence_->reverse_with_write(current_, atomic_conflicts_[l.number]);
    }
    if (is_sc(order)) {
        dependence_->touch_in_sc_order(current_, atomic_conflicts_[l.number], model_->was_overtaken());
    }
    const bool is_newest = l.last_read[current_] == l.stores.back().id + 1;
    if (l.last_read[current_] == l.next_id) {
        dependence_->order_after_store(current_, atomic_conflicts_[l.number]);
    }
    trace_.back().has_value = true;
    trace_.back().before = value;
    trace_.back().read_old = !is_newest;
    model_->advance(current_);
    return value;
}

void engine::store(location& l, std::memory_order order, std::uint64_t value, const std::source_location& where) {
    const outside_model outside;
    order = mutation_.apply(order, operation::store, role::order, where);
    begin_access(l, operation::store, true, order, where);
    trace_.back().has_after = true;
    trace_.back().after = value;
    model_->store(l, current_, order, value);
    dependence_->note_store(current_, atomic_conflicts_[l.number]);
    model_->advance(current_);
}

memory_model::rmw_result engine::read_modify_write(location& l, std::memory_order order, std::memory_order failure,
                                                   bool is_weak, operation what, change_function change, void* argument,
                                                   const std::source_location& where) {
    const outside_model outside;
    order = mutation_.apply(order, what, role::order, where);
    if (what == operation::compare_exchange || what == operation::compare_exchange_weak) {
        failure = mutation_.apply(failure, what, role::failure, where);
    }
    begin_access(l, what, true, order, where);
    if (is_sc(failure) && !is_sc(order)) {
        dependence_->touch(current_, sc_order_, false);
    }
    if (is_weak && spurious_left_ > 0 && choices_->choose(choice_kind::spurious, 2) == 1) {
        --spurious_left_;
        const std::uint64_t value = model_->load(l, current_, failure);
        model_->advance(current_);
        trace_.back().what = operation::spurious;
        trace_.back().has_value = true;
        trace_.back().before = value;
        return {value, false};
    }
    const auto changed = [change, argument](std::uint64_t& value) { return change(value, argument); };
    const memory_model::rmw_result r = model_->read_modify_write(l, current_, order, failure, changed);
    trace_step& t = trace_.back();
    t.has_value = true;
    t.before = r.before;
    t.order = r.stored ? order : failure;
    t.has_after = r.stored;
    if (r.stored) {
        dependence_->note_store(current_, atomic_conflicts_[l.number]);
        t.after = r.before;
        change(t.after, argument);
    }
    model_->advance(current_);
    return r;
}

void engine::fence(operation what, std::memory_order order, const std::source_location& where) {
    const outside_model outside;
    if (mutation_.drops_fence(what, where)) {
        return;
    }
    if (what == operation::fence) {
        order = mutation_.apply(order, what, role::fence, where);
    }
    step(what, 0, where);
    trace_.back().order = order;
    if (what == operation::light_fence) {
        dependence_->touch(current_, asymmetric_order_, false);
        model_->light_fence(current_);
    } else if (what == operation::heavy_fence) {
        dependence_->touch(current_, asymmetric_order_, true);
        dependence_->touch(current_, sc_order_, true);
        model_->heavy_fence(current_);
    } else {
        if (is_sc(order)) {
            dependence_->touch(current_, sc_order_, true);
        }
        model_->fence(current_, order);
    }
    model_->advance(current_);
}

// ------------------------------------------------------------------------------------------------------------ waiting

conflict_record& engine::futex_conflicts(const void* address) {
    for (auto& [at, record] : futexes_) {
        if (at == address) {
            return record;
        }
    }
    return futexes_.emplace_back(address, conflict_record()).second;
}

void engine::futex_wait(location& word, std::uint64_t expected, std::int64_t until, const std::source_location& where) {
    const outside_model outside;
    step(operation::futex_wait, word.number, where);
    // The kernel compares the memory itself; nothing is ordered by that.
    dependence_->touch(current_, atomic_conflicts_[word.number], true);
    dependence_->touch(current_, futex_conflicts(word.address), true);
    trace_.back().has_value = true;
    trace_.back().before = memory_model::newest(word);
    if (memory_model::newest(word) == expected) {
        block(waiting::futex, word.address, until);
    }
}

void engine::futex_wake(const void* address, const std::source_location& where) {
    const outside_model outside;
    step(operation::futex_wake, 0, where);
    dependence_->touch(current_, futex_conflicts(address), true);
    const std::vector<unsigned> waiting_here = who_waits(waiting::futex, address);
    if (!waiting_here.empty()) {
        wake(waiting_here[choices_->choose(choice_kind::value, waiting_here.size())]);
    }
}

sync_object& engine::create_object() {
    const outside_model outside;
    if (objects_used_ == objects_.size()) {
        objects_.push_back(std::make_unique<sync_object>());
    }
    sync_object& o = *objects_[objects_used_];
    o = sync_object{};
    o.number = static_cast<unsigned>(objects_used_++);
    return o;
}

void engine::lock(sync_object& o, const std::source_location& where) {
    const outside_model outside;
    model_thread& self = threads_[current_];
    self.state = waiting::lock;
    self.waits_for = &o;
    step(operation::lock, o.number, where);
    self.state = waiting::nothing;
    dependence_->touch(current_, o.conflicts, true);
    dependence_->acquire(current_, o.released_order);
    o.held = true;
    model_->learn(current_, o.released);
    model_->advance(current_);
}

bool engine::try_lock(sync_object& o, const std::source_location& where) {
    const outside_model outside;
    step(operation::try_lock, o.number, where);
    dependence_->touch(current_, o.conflicts, true);
    dependence_->touch(current_, o.unlocks, false);
    if (o.held || fails_spuriously(where)) {
        return false;
    }
    dependence_->acquire(current_, o.released_order);
    o.held = true;
    model_->learn(current_, o.released);
    model_->advance(current_);
    return true;
}

void engine::unlock(sync_object& o, const std::source_location& where) {
    const bool was_in_model = std::exchange(in_model, false);
    trace_.push_back({.thread = current_, .what = operation::unlock, .object = o.number, .where = where});
    o.held = false;
    dependence_->touch(current_, o.unlocks, true);
    model_->publish(current_, o.released);
    dependence_->release(current_, o.released_order);
    model_->advance(current_);
    in_model = was_in_model;
}

bool engine::wait(sync_object& condition, sync_object& held, std::int64_t until, const std::source_location& where) {
    {
        const outside_model outside;
        step(operation::wait, condition.number, where);
        dependence_->touch(current_, condition.conflicts, true);
        unlock(held, where);
        block(waiting::condition, &condition, until);
    }
    const bool in_time = !threads_[current_].timed_out;
    lock(held, where);
    return in_time;
}

void engine::notify(sync_object& condition, bool all, const std::source_location& where) {
    const outside_model outside;
    step(all ? operation::notify_all : operation::notify_one, condition.number, where);
    dependence_->touch(current_, condition.conflicts, true);
    const std::vector<unsigned> waiting_here = who_waits(waiting::condition, &condition);
    if (all) {
        std::ranges::for_each(waiting_here, [this](unsigned t) { wake(t); });
    } else if (!waiting_here.empty()) {
        wake(waiting_here[choices_->choose(choice_kind::value, waiting_here.size())]);
    }
}

// ------------------------------------------------------------------------------------------------------------ threads

unsigned engine::start_thread(std::function<void()> body, const std::source_location& where) {
    const outside_model outside;
    step(operation::start_thread, thread_count_, where);
    if (thread_count_ == max_threads) {
        fail("a model has at most " + std::to_string(max_threads) + " threads");
    }
    const unsigned t = thread_count_++;
    threads_[t].state = waiting::nothing;
    threads_[t].body = std::move(body);
    threads_[t].where = where;
    model_->start_thread(t, current_);
    dependence_->start_thread(t, current_);
    return t;
}

void engine::join_thread(unsigned thread, const std::source_location& where) {
    const outside_model outside;
    model_thread& self = threads_[current_];
    self.state = waiting::thread;
    self.joins = thread;
    step(operation::join_thread, thread, where);
    self.state = waiting::nothing;
    dependence_->acquire(current_, threads_[thread].end.released_order);
    model_->learn(current_, threads_[thread].end.released);
    model_->advance(current_);
}

void engine::yield(const std::source_location& where) {
    const outside_model outside;
    threads_[current_].yields_to = ~one(current_);
    step(operation::yield, 0, where);
    threads_[current_].yields_to = 0;
}

void* engine::process_wide(const void* key, void* (*make)(), void (*destroy)(void*)) {
    for (const std::unique_ptr<process_object>& p : process_objects_) {
        if (p->key == key) {
            learn_from(p->made);
            return p->object;
        }
    }
    void* const object = make();
    const outside_model outside;
    auto p = std::make_unique<process_object>(process_object{key, object, destroy, {}});
    model_->publish(current_, p->made.released);
    model_->advance(current_);
    process_objects_.push_back(std::move(p));
    return object;
}

void*& engine::thread_local_at(const void* key) {
    const bool was_in_model = std::exchange(in_model, false);
    auto& locals = threads_[current_].locals;
    const auto found = std::ranges::find(locals, key, &std::pair<const void*, void*>::first);
    void*& value = found != locals.end() ? found->second : locals.emplace_back(key, nullptr).second;
    in_model = was_in_model;
    return value;
}

bool engine::fails_spuriously(const std::source_location& /*where*/) {
    const bool was_in_model = std::exchange(in_model, false);
    const bool fails = spurious_left_ > 0 && choices_->choose(choice_kind::spurious, 2) == 1;
    spurious_left_ -= fails ? 1U : 0U;
    in_model = was_in_model;
    return fails;
}

void engine::change_object(sync_object& o, operation what, const std::source_location& where) {
    const outside_model outside;
    step(what, o.number, where);
    dependence_->touch(current_, o.conflicts, true);
}

void engine::publish_to(sync_object& o) {
    const outside_model outside;
    model_->publish(current_, o.released);
    model_->advance(current_);
}

void engine::learn_from(const sync_object& o) {
    const outside_model outside;
    model_->learn(current_, o.released);
}

void engine::synchronize_silently(const void* address) {
    const outside_model outside;
    const auto found = std::ranges::find(silent_, address, &std::pair<const void*, knowledge>::first);
    knowledge& k = found != silent_.end() ? found->second : silent_.emplace_back(address, knowledge()).second;
    model_->learn(current_, k);
    model_->publish(current_, k);
    model_->advance(current_);
}

// ------------------------------------------------------------------------------------------------------- plain memory

void engine::plain_access(const void* p, std::size_t size, bool writes, const void* code) {
    const outside_model outside;
    std::string wrong = memory_.access(p, size, writes, current_, model_->happened(current_), code);
    if (!wrong.empty()) {
        fail(std::move(wrong));
    }
}

void* engine::allocate(std::size_t size, std::size_t alignment) {
    const outside_model outside;
    void* const p = memory_.allocate(size, alignment);
    if (p == nullptr) {
        fail("the model has used up its memory");
    }
    return p;
}

void engine::free(void* p, const void* code) {
    const outside_model outside;
    std::string wrong = memory_.free(p, current_, model_->happened(current_), code);
    if (!wrong.empty()) {
        fail(std::move(wrong));
    }
}

}  // namespace explore
