#include <brigade/detail/fork_join.hpp>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <new>
#include <vector>

#include <brigade/multiple_errors.hpp>

#include "executor/scheduler.hpp"
#include "executor/worker.hpp"

namespace brigade::detail {

bool fork_state::wait(waiter& w) noexcept {
    place_ = &w;
    const std::int64_t steals = std::exchange(steals_, 0);
    // pairs: arrive(); releases the parent to the last child, acquires the results of those that have arrived. From
    // here on the parent belongs to the last child, if one is outstanding (FORK3).
    const std::int64_t arrived = -outstanding_.fetch_add(steals, std::memory_order_acq_rel);
    sync::invariant("FORK2", [&] { return 0 <= arrived && arrived <= steals; });
    return arrived != steals;
}

bool fork_state::arrive() noexcept {
    // pairs: wait() and itself; releases the child's result, and the last one acquires them all, and the parent.
    return outstanding_.fetch_sub(1, std::memory_order_acq_rel) == 1;
}

void fork_state::add_error(std::exception_ptr error) noexcept {
    auto* const node = new (std::nothrow) fork_error{std::move(error), nullptr};
    if (node == nullptr) {
        std::fputs("brigade: out of memory for the exception of a child\n", stderr);
        std::terminate();
    }
    node->next = errors_.load(std::memory_order_relaxed);  // a guess; the exchange decides
    // Relaxed: what takes the child's result to the parent takes the node as well (FORK5).
    while (!errors_.compare_exchange_weak(node->next, node, std::memory_order_relaxed)) {
    }
}

void fork_state::rethrow_errors() {
    std::size_t count = 0;
    // Relaxed: as in finish_join().
    for (const fork_error* e = errors_.load(std::memory_order_relaxed); e != nullptr; e = e->next) {
        ++count;
    }
    std::vector<std::exception_ptr> errors;
    errors.reserve(count);  // or they stay where they are
    for (fork_error* newest = errors_.exchange(nullptr, std::memory_order_relaxed); newest != nullptr;) {
        const std::unique_ptr<fork_error> node(std::exchange(newest, newest->next));
        errors.push_back(std::move(node->error));
    }
    std::reverse(errors.begin(), errors.end());
    throw_errors(std::move(errors));
    std::terminate();  // not reached: there was one
}

[[gnu::noinline]] std::coroutine_handle<> fork_out(fork_state& parent, std::coroutine_handle<> child) noexcept {
    return this_worker().fork(parent, child);
}

[[gnu::noinline]] std::coroutine_handle<> fork_ended(fork_state& parent) noexcept {
    worker* const w = sync::thread_pointer<worker>::get();
    if (w != nullptr && w->take_back(parent)) {
        return parent.parent();
    }
    if (!parent.arrive()) {
        return nullptr;  // FORK4
    }
    const waiter joining = parent.joining();
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
