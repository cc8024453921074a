#include "tests/explore/memory_model.hpp"

#include <algorithm>

namespace explore {

void memory_model::reset() {
    threads_ = {};
    threads_[0].now.happened.at[0] = 1;
    threads_[0].now.coherent.at[0] = 1;
    before_sc_fences_ = {};
    sc_accesses_ = {};
    before_heavy_ = {};
    sc_at_heavy_ = {};
    used_ = 0;
    infeasible_ = false;
}

void memory_model::finish() {
    for (std::size_t i = 0; i < used_; ++i) {
        infeasible_ = infeasible_ || locations_[i]->future.pending;
    }
}

void memory_model::start_thread(unsigned thread, unsigned parent) {
    threads_[thread] = {};
    threads_[thread].now = threads_[parent].now;
    advance(thread);
    advance(parent);
}

void memory_model::advance(unsigned thread) noexcept {
    knowledge& k = threads_[thread].now;
    k.coherent.at[thread] = ++k.happened.at[thread];
}

location& memory_model::create(const void* address, unsigned thread, std::uint64_t value) {
    if (used_ == locations_.size()) {
        locations_.push_back(std::make_unique<location>());
    }
    location& l = *locations_[used_];
    std::vector<store_record> stores = std::move(l.stores);  // keeps its memory
    std::vector<past_load> loads = std::move(l.loads);
    stores.clear();
    loads.clear();
    l = location{};
    l.address = address;
    l.number = static_cast<unsigned>(used_++);
    l.alive = true;
    l.creator = thread;
    l.stores = std::move(stores);
    l.loads = std::move(loads);
    l.created = now(thread);
    store_record first;
    first.value = value;
    first.thread = thread;
    first.when = l.created;
    l.stores.push_back(first);
    l.next_id = 1;
    l.touched[thread] = l.created;
    return l;
}

bool memory_model::is_seen(const store_record& s, const vector_clock& accesses, const vector_clock& sc) {
    if (accesses.covers(s.thread, s.when) || (s.is_sc && sc.covers(s.thread, s.when))) {
        return true;
    }
    for (unsigned t = 0; t < max_threads; ++t) {
        if ((s.read[t] != 0 && accesses.covers(t, s.read[t])) || (s.sc_read[t] != 0 && sc.covers(t, s.sc_read[t]))) {
            return true;
        }
    }
    return false;
}

// The newest store that the thread may not overlook.
std::size_t memory_model::oldest_readable(const location& l, unsigned thread, bool sc) const {
    const knowledge& k = threads_[thread].now;
    for (std::size_t i = l.stores.size(); i-- > 0;) {
        if (is_seen(l.stores[i], k.coherent, k.sc) || (sc && is_seen(l.stores[i], before_sc_fences_, sc_accesses_))) {
            return i;
        }
    }
    return 0;
}

// Whether the newest store that the thread may not overlook is that only by the loads of others in S.
bool memory_model::is_overtaken(const location& l, unsigned thread, std::size_t oldest) const {
    const knowledge& k = threads_[thread].now;
    const store_record& s = l.stores[oldest];
    return oldest != 0 && !is_seen(s, k.coherent, k.sc) && !is_seen(s, before_sc_fences_, {}) &&
           !(s.is_sc && sc_accesses_.covers(s.thread, s.when));
}

// A store becomes visible after a while: a loop does not read the same stale one for ever.
std::size_t memory_model::oldest_fair(const location& l, unsigned thread, std::size_t oldest) const {
    if (l.repetitions[thread] < most_stale_repetitions_) {
        return oldest;
    }
    for (std::size_t i = oldest; i + 1 < l.stores.size(); ++i) {
        if (l.stores[i].id + 1 == l.last_read[thread]) {
            return i + 1;
        }
    }
    return oldest;
}

void memory_model::note_read(location& l, std::size_t index, unsigned thread, bool sc) {
    store_record& s = l.stores[index];
    const bool is_stale = index + 1 != l.stores.size();
    l.repetitions[thread] =
        is_stale && l.last_read[thread] == s.id + 1 ? l.repetitions[thread] + 1 : (is_stale ? 1 : 0);
    l.last_read[thread] = s.id + 1;
    const stamp when = now(thread);
    s.read[thread] = s.read[thread] == 0 ? when : s.read[thread];
    if (sc) {
        s.sc_read[thread] = s.sc_read[thread] == 0 ? when : s.sc_read[thread];
        sc_accesses_.at[thread] = when;
    }
}

void memory_model::acquire(unsigned thread, const store_record& s, std::memory_order order) {
    thread_state& t = threads_[thread];
    (is_acquire(order) ? t.now : t.to_acquire).join(s.message);
}

std::uint64_t memory_model::load(location& l, unsigned thread, std::memory_order order) {
    const std::size_t possible = oldest_readable(l, thread, is_sc(order));
    const std::size_t oldest = oldest_fair(l, thread, possible);
    hurried_ = oldest != possible;
    overtaken_ = is_sc(order) && is_overtaken(l, thread, possible);
    if (reads_promise_again(l, thread, order)) {
        return l.future.value;
    }
    const std::size_t count = l.stores.size() - oldest;
    std::size_t chosen = 0;
    if (!futures_) {
        chosen = choices_.choose(choice_kind::value, count);
    } else {
        l.loads.push_back({thread, now(thread), choices_.position()});
        chosen = choices_.choose_with_futures(count);
        if (chosen >= count) {
            return read_future(l, thread, order, chosen - count);
        }
    }
    const std::size_t index = l.stores.size() - 1 - chosen;
    note_read(l, index, thread, is_sc(order));
    acquire(thread, l.stores[index], order);
    return l.stores[index].value;
}

void memory_model::store(location& l, unsigned thread, std::memory_order order, std::uint64_t value) {
    // Behind everything that it may not overlook; then before or behind each of the rest, but never between a store and
    // the read-modify-write that read it.
    const std::size_t oldest = oldest_readable(l, thread, is_sc(order));
    candidates_.clear();
    candidates_.push_back(l.stores.size());
    for (std::size_t place = l.stores.size(); early_stores_ && place-- > oldest + 1;) {
        if (!l.stores[place].is_rmw) {
            candidates_.push_back(place);
        }
    }
    const std::size_t place = candidates_[choices_.choose(choice_kind::value, candidates_.size())];
    insert(l, place, thread, order, value, nullptr);
    if (futures_) {
        keep_promise(l, thread, order, place);
        offer_to_past_loads(l, thread, value);
    }
}

void memory_model::insert(location& l, std::size_t place, unsigned thread, std::memory_order order, std::uint64_t value,
                          const store_record* source) {
    const thread_state& t = threads_[thread];
    store_record s;
    s.value = value;
    s.thread = thread;
    s.when = now(thread);
    s.is_sc = is_sc(order);
    s.is_rmw = source != nullptr;
    s.id = l.next_id++;
    if (is_release(order)) {
        s.message = t.now;
    } else if (t.has_released) {
        s.message = t.released;
    }
    if (source != nullptr) {
        s.message.join(source->message);
    }
    if (s.is_sc) {
        sc_accesses_.at[thread] = s.when;
    }
    l.stores.insert(l.stores.begin() + static_cast<std::ptrdiff_t>(place), s);
}

void memory_model::fence(unsigned thread, std::memory_order order) {
    thread_state& t = threads_[thread];
    if (is_acquire(order)) {
        t.now.join(t.to_acquire);
    }
    if (is_sc(order)) {
        sc_fence(thread);
    }
    if (is_release(order)) {
        t.released = t.now;
        t.has_released = true;
    }
    if (futures_ && is_acquire(order)) {
        for (std::size_t i = 0; i < used_; ++i) {
            future_read& f = locations_[i]->future;
            f.acquired = f.acquired || (f.pending && f.reader == thread);
        }
    }
}

void memory_model::sc_fence(unsigned thread) {
    knowledge& now = threads_[thread].now;
    now.coherent.join(before_sc_fences_);
    now.sc.join(sc_accesses_);
    before_sc_fences_.join(now.happened);
}

void memory_model::light_fence(unsigned thread) {
    thread_state& t = threads_[thread];
    t.now.coherent.join(before_heavy_);
    t.now.sc.join(sc_at_heavy_);
    t.light = t.now.happened;
}

void memory_model::heavy_fence(unsigned thread) {
    for (const thread_state& t : threads_) {
        before_sc_fences_.join(t.light);
    }
    fence(thread, std::memory_order_seq_cst);
    before_heavy_ = before_sc_fences_;
    sc_at_heavy_ = sc_accesses_;
}

// ---------------------------------------------------------------------------------------------------- load buffering
//
// A load takes a value that `writer` stored, in an earlier run, after the load. The run is an execution if that store
// is made, and neither happens before the load's thread goes on to cause it (the load would happen before a store that
// it reads) nor synchronizes with the load.

std::uint64_t memory_model::read_future(location& l, unsigned thread, std::memory_order order, std::size_t which) {
    const choices::future f = choices_.taken_future(which);
    infeasible_ = infeasible_ || l.future.pending;  // one at a time
    l.future = {true, f.value, thread, f.writer, now(thread), is_acquire(order), is_sc(order), threads_[thread].now};
    return f.value;
}

// Behind a load from the future, one of the same thread reads no older store: the same, then.
bool memory_model::reads_promise_again(location& l, unsigned thread, std::memory_order order) {
    future_read& f = l.future;
    if (!f.pending || f.reader != thread ||
        std::ranges::any_of(l.stores, [&](const store_record& s) { return s.thread == thread && s.when > f.when; })) {
        return false;
    }
    f.acquired = f.acquired || is_acquire(order);
    f.is_sc = f.is_sc || is_sc(order);
    return true;
}

void memory_model::offer_to_past_loads(location& l, unsigned thread, std::uint64_t value) {
    for (const past_load& p : l.loads) {
        if (p.thread != thread && !happened(thread).covers(p.thread, p.when)) {
            choices_.offer_future(p.choice, value, thread);
        }
    }
}

// `place`: where the store stands now.
void memory_model::keep_promise(location& l, unsigned thread, std::memory_order order, std::size_t place) {
    future_read& f = l.future;
    store_record& s = l.stores[place];
    if (!f.pending || f.writer != thread || f.value != s.value) {
        return;
    }
    const bool releases = is_release(order) || threads_[thread].has_released;
    if (happened(thread).covers(f.reader, f.when) || (releases && f.acquired) || (s.is_sc && f.is_sc)) {
        infeasible_ = true;
    }
    // The store stands behind what the reader had seen, and before what the reader has stored since.
    for (std::size_t i = 0; i < l.stores.size(); ++i) {
        const bool is_early = i > place && is_seen(l.stores[i], f.known.coherent, f.known.sc);
        infeasible_ =
            infeasible_ || is_early || (i < place && l.stores[i].thread == f.reader && l.stores[i].when > f.when);
    }
    s.read[f.reader] = f.when;
    threads_[f.reader].to_acquire.join(s.message);
    f.pending = false;
}

}  // namespace explore
