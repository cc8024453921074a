#include <brigade/detail/fork_join.hpp>

#include <cstdio>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <brigade/detail/promise.hpp>
#include <brigade/multiple_errors.hpp>

#include "executor/executor_parts.hpp"
#include "executor/scheduler.hpp"
#include "executor/worker.hpp"

namespace brigade::detail {

namespace {

[[noreturn]] void end_out_of_memory(const char* what_for) noexcept {
    std::fprintf(stderr, "brigade: out of memory for %s\n", what_for);
    std::terminate();
}

}  // namespace

struct fork_state::record {
    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* memory, std::size_t size) noexcept { free_frame(memory, size); }

    // With the lock held.
    void link(promise_base& child) noexcept {
        sync::invariant("FORK6", [&] { return !child.continuation.get().is_registered(); });
        child.continuation.set_registered(true);
        child.next_ = first;
        if (first != nullptr) {
            first->link_ = &child.next_;
        }
        child.link_ = &first;
        first = &child;
    }
    void unlink(promise_base& child) noexcept {
        sync::invariant("FORK6", [&] { return *child.link_ == &child; });
        child.continuation.set_registered(false);
        *child.link_ = child.next_;
        if (child.next_ != nullptr) {
            child.next_->link_ = child.link_;
        }
    }

    std::int64_t steals = 0;  // FORK2; for the owner of the parent

    sync::atomic<std::int64_t> outstanding{0};  // FORK3

    sync::mutex mutex;   // guards what follows
    bool early = false;  // FORK7
    fork_child* first = nullptr;
    std::vector<std::exception_ptr> errors;
};

fork_state::record& fork_state::get_record() noexcept {
    record* seen = record_.load(std::memory_order_acquire);  // pairs: the exchange below
    if (seen != nullptr) {
        return *seen;
    }
    try {
        auto made = std::make_unique<record>();
        // Success: the release publishes the record to others who need one now: children that fail, one that ends
        // early, and who takes the continuation away. Failure: pairs with that.
        if (record_.compare_exchange_strong(seen, made.get(), std::memory_order_release, std::memory_order_acquire)) {
            return *made.release();
        }
    } catch (const std::bad_alloc&) {
        end_out_of_memory("a fork");
    }
    return *seen;
}

promise_base* fork_state::named() noexcept {
    const bool waits = (reinterpret_cast<std::uintptr_t>(place_) & waiting) != 0;
    return open() && place_ != between() && !waits ? reinterpret_cast<promise_base*>(place_) : nullptr;
}

// With the record's lock held.
void fork_state::register_named(record& r) noexcept {
    promise_base* const child = named();
    if (child != nullptr && !std::exchange(r.early, false)) {
        r.link(*child);
    }
    place_ = between();
}

void fork_state::taken_away() noexcept {
    sync::invariant("FORK1", [this] { return open(); });
    record& r = get_record();
    ++r.steals;
    const sync::lock lock(r.mutex);
    register_named(r);
}

void fork_state::taken_back_from_sibling(promise_base& child) noexcept {
    record& r = get_record();
    const sync::lock lock(r.mutex);
    r.unlink(child);
    register_named(r);
}

void fork_state::leave(promise_base& child) noexcept {
    record& r = get_record();
    const sync::lock lock(r.mutex);
    if (child.continuation.get().is_registered()) {
        r.unlink(child);
        return;
    }
    const bool another = std::exchange(r.early, true);
    sync::invariant("FORK7", [another] { return !another; });
}

bool fork_state::wait(waiter& w) noexcept {
    place_ = reinterpret_cast<std::byte*>(&w) + waiting;
    record& r = get_record();
    const std::int64_t steals = std::exchange(r.steals, 0);
    // pairs: arrive(); releases the parent to the last child, acquires the results of those that have arrived. From
    // here on the parent belongs to the last child, if one is outstanding (FORK3).
    const std::int64_t arrived = -r.outstanding.fetch_add(steals, std::memory_order_acq_rel);
    sync::invariant("FORK2", [&] { return 0 <= arrived && arrived <= steals; });
    return arrived != steals;
}

bool fork_state::arrive() noexcept {
    record& r = get_record();
    // pairs: wait() and itself; releases the child's result, and the last one acquires them all, and the parent.
    return r.outstanding.fetch_sub(1, std::memory_order_acq_rel) == 1;
}

void fork_state::add_error(std::exception_ptr error) noexcept {
    record& r = get_record();
    const sync::lock lock(r.mutex);
    try {
        r.errors.push_back(std::move(error));
    } catch (const std::bad_alloc&) {
        end_out_of_memory("the exception of a child");
    }
}

// Relaxed: for who has the parent to himself.
std::unique_ptr<fork_state::record> fork_state::take_record() noexcept {
    std::unique_ptr<record> r(record_.load(std::memory_order_relaxed));
    record_.store(nullptr, std::memory_order_relaxed);
    return r;
}

// Every child has arrived or was taken over from: no lock is needed.
void fork_state::finish_join() {
    place_ = nullptr;
    const std::unique_ptr<record> r = take_record();
    sync::invariant("FORK4", [&] { return r->outstanding.load(std::memory_order_relaxed) == 0; });
    sync::invariant("FORK6", [&] { return r->first == nullptr && !r->early; });
    throw_errors(std::move(r->errors));
}

// In the next two, nothing of the parent or of a child runs (END1): a child that has gone to another executor has come
// back before, as executor::shutdown() demands.

void fork_state::destroy_named_and_registered() noexcept {
    const auto destroy = [](promise_base& child) {
        child.destroy_children();
        child.handle().destroy();
    };
    promise_base* const child = named();
    if (child != nullptr && !(has_record() && get_record().early)) {
        destroy(*child);
    }
    place_ = nullptr;
    if (!has_record()) {
        return;
    }
    record& r = get_record();
    while (r.first != nullptr) {
        promise_base& registered = static_cast<promise_base&>(*r.first);
        r.unlink(registered);
        destroy(registered);
    }
    drop_record();
}

// Exceptions that nobody will receive go where those of detached tasks go.
void fork_state::drop_record() noexcept {
    const std::unique_ptr<record> r = take_record();
    for (const std::exception_ptr& error : r->errors) {
        if (!is_cancellation(error)) {
            (*executor_access::parts(executor::current()).registry.handler())(error);
        }
    }
}

namespace {

// The child has arrived at the parent, which may be gone after this. Gives what runs next on this thread, if anything.
std::coroutine_handle<> arrive_at(fork_state& parent) noexcept {
    if (!parent.arrive()) {
        return nullptr;  // FORK4
    }
    const waiter joining = parent.joining();
    const worker* const w = worker::current();
    if (w != nullptr && &w->home() == joining.home) {
        return joining.handle;
    }
    joining.post();  // the child has moved to another executor, or the parent has: it goes on where it joined
    return nullptr;
}

}  // namespace

void refuse_empty_task(const char* operation) {
    throw std::logic_error(std::string("brigade: ") + operation +
                           " of a task that is empty: moved from, or awaited before");
}

BRIGADE_RARELY_CALLED std::coroutine_handle<> end_child(std::coroutine_handle<> ended) noexcept {
    promise_base& child = std::coroutine_handle<promise_base>::from_address(ended.address()).promise();
    const caller::seen next = child.continuation.get();
    fork_state& parent = next.parent();
    const std::coroutine_handle<> parents = promise_base::of(parent).handle();
    if (next.how() == caller::kind::called) {
        parent.ended_in_place();
        ended.destroy();  // FORK5
        return parents;
    }
    // One that is not registered has tried this before (hand_over), or is kept.
    const bool may_take_back = next.is_registered() || next.how() == caller::kind::kept;
    worker_core* const worker = worker_core::current();
    const bool taken_back = may_take_back && worker != nullptr && worker->take_back(parent.as_item());
    if (next.how() == caller::kind::forked) {
        if (taken_back) {
            parent.taken_back_from_sibling(child);
        } else {
            parent.leave(child);
        }
        ended.destroy();  // FORK5
    }
    return taken_back ? parents : arrive_at(parent);
}

[[noreturn]] void end_unjoined(const std::exception_ptr& error) noexcept {
    constexpr const char* report =
        "brigade: a task ends%s with children that it has not joined, which may still write to its variables: "
        "co_await join() after every fork() and call()%s%s\n";
    try {
        if (error == nullptr) {
            std::fprintf(stderr, report, "", "", "");
            std::terminate();
        }
        std::rethrow_exception(error);
    } catch (const std::exception& e) {
        std::fprintf(stderr, report, " by an exception", "; the exception says: ", e.what());
    } catch (...) {
        std::fprintf(stderr, report, " by an exception", "", "");
    }
    std::terminate();
}

}  // namespace brigade::detail
