#include <brigade/detail/fork_join.hpp>

#include <cstdio>
#include <memory>
#include <new>
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

    // With the lock held, which orders what is relaxed here.
    void link(fork_child& child) noexcept {
        sync::invariant("FORK6", [&] { return !child.is_registered(); });
        child.next_ = first;
        if (child.next_ != nullptr) {
            point_to(*child.next_, child.next_);
        }
        point_to(child, first);
    }
    void unlink(fork_child& child) noexcept {
        fork_child*& link = *child.link_.load(std::memory_order_relaxed);
        sync::invariant("FORK6", [&] { return link == &child; });
        child.link_.store(nullptr, std::memory_order_relaxed);
        if (child.next_ != nullptr) {
            point_to(*child.next_, link);
        } else {
            link = nullptr;
        }
    }
    static void point_to(fork_child& child, fork_child*& link) noexcept {
        link = &child;
        child.link_.store(&link, std::memory_order_relaxed);
    }

    // For the owner of the parent.
    std::int64_t steals = 0;  // FORK2
    bool taken = false;       // FORK7: since the parent went on last

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
        // Success: the release publishes the record to the one other who may need it now: a child and who takes the
        // continuation away from above it. Failure: pairs with that.
        if (record_.compare_exchange_strong(seen, made.get(), std::memory_order_release, std::memory_order_acquire)) {
            return *made.release();
        }
    } catch (const std::bad_alloc&) {
        end_out_of_memory("a fork");
    }
    return *seen;
}

void fork_state::count_steal() noexcept {
    sync::invariant("FORK1", [this] { return open(); });
    record& r = get_record();
    ++r.steals;
    r.taken = true;
}

void fork_state::taken_back_from_sibling(fork_child& child) noexcept {
    record& r = get_record();
    sync::invariant("FORK7", [&] { return !r.taken; });
    r.taken = true;
    const sync::lock lock(r.mutex);
    r.unlink(child);
}

void fork_state::register_child(fork_child& child) noexcept {
    record& r = get_record();
    if (!std::exchange(r.taken, false)) {
        return;
    }
    const sync::lock lock(r.mutex);
    if (!std::exchange(r.early, false)) {
        r.link(child);
    }
}

void fork_state::leave(fork_child& child) noexcept {
    record& r = get_record();
    const sync::lock lock(r.mutex);
    if (child.is_registered()) {
        r.unlink(child);
        return;
    }
    const bool another = std::exchange(r.early, true);
    sync::invariant("FORK7", [another] { return !another; });
}

bool fork_state::wait(waiter& w) noexcept {
    place_ = &w;
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
void fork_state::end_record() {
    const std::unique_ptr<record> r = take_record();
    sync::invariant("FORK4", [&] { return r->outstanding.load(std::memory_order_relaxed) == 0; });
    sync::invariant("FORK6", [&] { return r->first == nullptr && !r->early; });
    throw_errors(std::move(r->errors));
}

// In the next three, nothing of the parent or of a child runs (END1): a child that has gone to another executor has
// come back before, as executor::shutdown() demands.

void fork_state::destroy_registered() noexcept {
    record& r = get_record();
    while (r.first != nullptr) {
        promise_base& child = static_cast<promise_base&>(*r.first);
        r.unlink(child);
        child.forks.destroy_children();
        std::coroutine_handle<promise_base>::from_promise(child).destroy();
    }
    if (!r.early) {
        drop_record();
    }
}

bool fork_state::end_early() noexcept {
    const bool early = get_record().early;
    sync::invariant("FORK8", [&] { return get_record().first == nullptr && early; });
    drop_record();
    return early;
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

[[gnu::noinline]] std::coroutine_handle<> fork_out(fork_state& parent, std::coroutine_handle<> child) noexcept {
    return this_worker().fork(parent, child);
}

[[gnu::noinline]] std::coroutine_handle<> take_back(fork_state& parent, fork_child& child) noexcept {
    worker* const w = sync::thread_pointer<worker>::get();
    if (w == nullptr || !w->take_back(parent)) {
        return nullptr;
    }
    parent.taken_back_by(child);
    return parent.parent();
}

[[gnu::noinline]] std::coroutine_handle<> arrive_at(fork_state& parent) noexcept {
    if (!parent.arrive()) {
        return nullptr;  // FORK4
    }
    const waiter joining = parent.joining();
    const worker* const w = sync::thread_pointer<worker>::get();
    if (w != nullptr && &w->home() == joining.home) {
        return joining.handle;
    }
    joining.post();  // the child has moved to another executor, or the parent has: it goes on where it joined
    return nullptr;
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
