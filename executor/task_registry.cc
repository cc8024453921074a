#include "executor/task_registry.hpp"

#include <algorithm>
#include <cstdlib>

#include <cxxabi.h>

#include <brigade/detail/deadline.hpp>

namespace brigade::detail {

namespace {

std::string readable(const char* type_name) {
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> name(abi::__cxa_demangle(type_name, nullptr, nullptr, &status),
                                                      &std::free);
    return status == 0 ? name.get() : type_name;
}

}  // namespace

bool task_registry::add(spawn_state& state, const char* type_name, kind what) {
    live_entry& entry = state;
    entry.type_name = type_name;
    entry.is_task = what == kind::task;
    entry.shard = static_cast<unsigned>(sync::this_thread_number() % shards_.size());
    state.registry_ = this;
    shard& home = shards_[entry.shard];
    {
        const sync::lock lock(home.mutex);
        if (home.closed) {
            return false;
        }
        sync::invariant("REG1", [&] { return entry.previous == nullptr && home.first != &entry; });
        entry.id = ++home.added * shards_.size() + entry.shard;
        entry.next = home.first;
        if (entry.next != nullptr) {
            entry.next->previous = &entry;
        }
        home.first = &entry;
    }
    // pairs: the store in request_stop(). Either that sees the entry in the shard, or this sees the flag: both take the
    // shard's lock in between.
    if (stopping()) {
        state.own_stop().request_stop();
    }
    return true;
}

void task_registry::remove(spawn_state& state) noexcept {
    live_entry& entry = state;
    shard& home = shards_[entry.shard];
    const sync::lock lock(home.mutex);
    sync::invariant("REG1", [&] { return (entry.previous != nullptr ? entry.previous->next : home.first) == &entry; });
    (entry.previous != nullptr ? entry.previous->next : home.first) = entry.next;
    if (entry.next != nullptr) {
        entry.next->previous = entry.previous;
    }
    // Under the shard's lock (REG2); it is also what keeps wait_until_empty() from returning before this is done.
    if (draining_.load(std::memory_order_relaxed)) {
        const sync::lock drained_lock(drained_mutex_);
        ++departures_;
        drained_.notify_all();
    }
}

void task_registry::request_stop() {
    stopping_.store(true, std::memory_order_release);  // pairs: stopping()
    for (shard& s : shards_) {
        // Callbacks may spawn, so they run without the lock; the references keep the states until then.
        std::vector<spawn_state*> alive;
        {
            const sync::lock lock(s.mutex);
            for (live_entry* entry = s.first; entry != nullptr; entry = entry->next) {
                alive.push_back(static_cast<spawn_state*>(entry));
            }
            for (spawn_state* state : alive) {
                state->retain();
            }
        }
        for (spawn_state* state : alive) {
            state->own_stop().request_stop();
            state->release();
        }
    }
}

bool task_registry::empty() {
    // All shards at one moment: one after another, a task could spawn into a shard that was looked at already, and
    // leave its own before that is. Nobody else holds two of these locks.
    std::array<sync::lock, std::tuple_size_v<decltype(shards_)>> locks;
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        locks[i] = sync::lock(shards_[i].mutex);
    }
    return std::ranges::all_of(shards_, [](const shard& s) { return s.first == nullptr; });
}

bool task_registry::wait_until_empty(std::chrono::milliseconds limit) {
    draining_.store(true, std::memory_order_relaxed);  // ordered by the shards' locks: REG2
    const sync::clock::time_point deadline = deadline_after(limit);
    sync::lock lock(drained_mutex_);
    for (;;) {
        const std::uint64_t seen = departures_;
        // remove() takes drained_mutex_ inside a shard's lock, so the shards are looked at without it.
        lock.unlock();
        if (empty()) {
            return true;
        }
        lock.lock();
        if (!drained_.wait_until(lock, deadline, [&] { return departures_ != seen; })) {
            return false;
        }
    }
}

void task_registry::close() noexcept {
    for (shard& s : shards_) {
        const sync::lock lock(s.mutex);
        s.closed = true;
    }
}

void task_registry::abandon_tasks() noexcept {
    const auto first_task_of = [](shard& s) {
        const sync::lock lock(s.mutex);
        live_entry* entry = s.first;
        while (entry != nullptr && !entry->is_task) {
            entry = entry->next;
        }
        return static_cast<spawn_state*>(entry);
    };
    for (shard& s : shards_) {
        while (spawn_state* const state = first_task_of(s)) {
            state->abandon();  // leaves the shard
        }
    }
}

std::vector<std::string> task_registry::describe(std::size_t most) {
    std::vector<std::string> lines;
    std::size_t left_out = 0;
    for (shard& s : shards_) {
        const sync::lock lock(s.mutex);
        for (const live_entry* entry = s.first; entry != nullptr; entry = entry->next) {
            if (lines.size() < most) {
                lines.push_back("#" + std::to_string(entry->id) + " " + readable(entry->type_name));
            } else {
                ++left_out;
            }
        }
    }
    if (left_out != 0) {
        lines.push_back("and " + std::to_string(left_out) + " more");
    }
    return lines;
}

}  // namespace brigade::detail
