#include "executor/task_registry.hpp"

#include <algorithm>
#include <cstdlib>

#include <cxxabi.h>

#include <brigade/detail/deadline.hpp>

#include "executor/worker.hpp"

namespace brigade::detail {

namespace {

std::string readable(const char* type_name) {
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> name(abi::__cxa_demangle(type_name, nullptr, nullptr, &status),
                                                      &std::free);
    return status == 0 ? name.get() : type_name;
}

[[nodiscard]] unsigned number_for_shard() noexcept {
    const worker* const w = worker::current();
    return (w != nullptr ? w->index() : sync::this_thread_number()) +
           sync::earlier_calls_of_this_thread() / sync::sizes.shard_turn;
}

}  // namespace

task_registry::task_registry(exception_handler on_unhandled)
    : handler_(std::make_shared<const exception_handler>(std::move(on_unhandled))) {
    for (registry_shard& s : shards_) {
        s.home = this;
    }
}

bool task_registry::add(spawn_state& state) {
    registry_shard& shard = shards_[number_for_shard() % shards_.size()];
    {
        const sync::spinlock_guard lock(shard.lock);
        if (shard.closed) {
            return false;
        }
        sync::invariant("REG1", [&] { return state.shard_ == nullptr; });
        state.shard_ = &shard;
        state.number_ = ++shard.added;
        ++shard.alive;
        state.links = {.previous = nullptr, .next = shard.first};
        if (shard.first != nullptr) {
            shard.first->links.previous = &state;
        }
        shard.first = &state;
    }
    // pairs: the store in request_stop(). Either that sees the entry in the shard, or this sees the flag: both take the
    // shard's lock in between.
    if (stopping()) {
        state.own_stop().request_stop();
    }
    return true;
}

void task_registry::remove(spawn_state& state) noexcept {
    registry_shard& shard = *state.shard_;
    const sync::spinlock_guard lock(shard.lock);
    const auto [previous, next] = state.links;
    spawn_state*& link = previous != nullptr ? previous->links.next : shard.first;
    sync::invariant("REG1", [&] { return link == &state; });
    link = next;
    if (next != nullptr) {
        next->links.previous = previous;
    }
    --shard.alive;
    // Under the shard's lock (REG2); it is also what keeps wait_until_empty() from returning before this is done.
    if (shard.home->draining_.load(std::memory_order_relaxed)) {
        shard.home->tell_of_departure();
    }
}

void task_registry::tell_of_departure() noexcept {
    const sync::lock lock(drained_mutex_);
    ++departures_;
    drained_.notify_all();
}

void task_registry::request_stop() {
    stopping_.store(true, std::memory_order_release);  // pairs: stopping()
    for (registry_shard& s : shards_) {
        // Callbacks may spawn, so they run without the lock; the references keep the states until then.
        std::vector<spawn_state*> alive;
        {
            const sync::spinlock_guard lock(s.lock);
            alive.reserve(s.alive);
            for (spawn_state* state = s.first; state != nullptr; state = state->links.next) {
                state->retain();
                alive.push_back(state);
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
    std::array<sync::spinlock_guard, std::tuple_size_v<decltype(shards_)>> locks;
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        locks[i] = sync::spinlock_guard(shards_[i].lock);
    }
    return std::ranges::all_of(shards_, [](const registry_shard& s) { return s.first == nullptr; });
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
    for (registry_shard& s : shards_) {
        const sync::spinlock_guard lock(s.lock);
        s.closed = true;
    }
}

void task_registry::abandon_tasks() noexcept {
    const auto first_task_of = [](registry_shard& s) {
        const sync::spinlock_guard lock(s.lock);
        spawn_state* state = s.first;
        while (state != nullptr && !state->describe().is_task) {
            state = state->links.next;
        }
        return state;
    };
    for (registry_shard& s : shards_) {
        while (spawn_state* const state = first_task_of(s)) {
            state->abandon();  // leaves the shard
        }
    }
}

std::vector<std::string> task_registry::describe(std::size_t most) {
    std::vector<std::string> lines;
    std::size_t left_out = 0;
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        registry_shard& s = shards_[i];
        const sync::spinlock_guard lock(s.lock);
        left_out += s.alive;
        for (const spawn_state* state = s.first; state != nullptr && lines.size() < most; state = state->links.next) {
            const std::uint64_t id = std::uint64_t{state->number_} * shards_.size() + i;
            lines.push_back("#" + std::to_string(id) + " " + readable(state->describe().type_name));
            --left_out;
        }
    }
    if (left_out != 0) {
        lines.push_back("and " + std::to_string(left_out) + " more");
    }
    return lines;
}

}  // namespace brigade::detail
