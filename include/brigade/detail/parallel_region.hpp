// How a parallel algorithm is divided among the workers.
//
// A range is cut in two; the left half is a forked child, and the parent, which other workers may take over, goes on
// with the right one; until a part is no longer than the *grain*, which is then one plain loop, a *leaf*. Each cut is a
// fork: what a worker leaves on its deque halves from one to the next, so that a thief, who takes the oldest, finds the
// largest. At every moment all but the leaves that run can be taken, however long one of them turns out to be.
//
// The grain begins with one element. A leaf that ended within half of `leaf_time` doubles it; one that took longer sets
// it to what would have taken that half. On one worker the left end of the range is thus worked off in leaves of 1, 1,
// 2, 4, 8, ... elements, and these are the very parts that the first cuts have left: no part is cut finer than needed.
// A leaf takes a few microseconds, a fork and two looks at the clock some sixty nanoseconds.
//
//   PAR1  The grain is a guess: the next elements may take longer. So the clock is read for every leaf, and a leaf that
//         takes long enough to be worth a fork is no more than a share of the whole range (`leaves_per_worker`).
//   PAR2  A leaf ends well within the patience that ready tasks have with one that forks (WRK3), and each leaf but the
//         last of a part follows a fork. So an algorithm over plain callables lets others run as any computation does
//         that forks.
//   PAR3  What a part throws goes to the list of the task that is the algorithm, where its join() finds it: flat,
//         whatever the depth of the parts, and reported if the task is destroyed before (FORK8). A part that is on its
//         way has not arrived at its parent, nor has its parent at its own, up to that task: FORK4 holds.
//   PAR4  After the first exception, and after a stop of the task, no leaf begins. The algorithm ends when those that
//         run have ended.
//
// Rejected: lazy binary splitting (Tzannes, Caragea, Barua and Vishkin, PPoPP 2010), which cuts only when the deque of
// the worker is empty, so that a worker that is never robbed forks log n times. What a worker has not cut off is locked
// up behind an element that takes long; to fork each leaf as well mends that, and costs as much as cutting all. It also
// gains nothing: with a look for others after each leaf (WRK3), a million elements of 70 ns took 73.6 ms on one worker,
// and 73.3 ms as it is here (Clang 19 -O3 -march=native, minima of 10).
// Rejected: a grain from the length and the number of workers alone, as Cilk's min(2048, n / 8P): it knows nothing of
// the body, so a leaf may take microseconds or seconds.
#pragma once

#include <algorithm>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <functional>
#include <iterator>
#include <ranges>
#include <type_traits>
#include <utility>

#include <brigade/detail/promise.hpp>
#include <brigade/detail/sync.hpp>
#include <brigade/executor.hpp>
#include <brigade/fork.hpp>
#include <brigade/stop.hpp>
#include <brigade/task.hpp>

namespace brigade::detail {

// `co_await this_promise()`: the calling coroutine's own.
class this_promise {
public:
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <runtime_promise P>
    bool await_suspend(std::coroutine_handle<P> self) noexcept {
        promise_ = &self.promise();
        return false;  // does not suspend
    }
    [[nodiscard]] promise_base& await_resume() const noexcept { return *promise_; }

private:
    promise_base* promise_ = nullptr;
};

// What the parts of one algorithm share. A variable of the task that calls the algorithm, which joins the parts.
class parallel_region {
public:
    parallel_region(promise_base& caller, std::size_t elements)
        : caller_(caller), largest_grain_(elements / (leaves_per_worker * executor::current().worker_count())) {}

    // PAR4. Ask only where work is left: whether that is not to be begun.
    [[nodiscard]] bool is_over() noexcept {
        if (caller_.stop != nullptr && caller_.stop->stop_requested()) {
            stopped_.store(true, std::memory_order_relaxed);  // read after the join
        }
        return stopped_.load(std::memory_order_relaxed) || failed_.load(std::memory_order_relaxed);  // in good time
    }
    // PAR3. For a part that has not ended.
    void fail(std::exception_ptr error) noexcept {
        caller_.add_error(std::move(error));
        failed_.store(true, std::memory_order_relaxed);
    }
    // When the caller has joined the parts, without an exception: throws if work is left.
    void end() const {
        if (stopped_.load(std::memory_order_relaxed)) {
            throw operation_cancelled();
        }
    }

    // How many elements a leaf may have. Relaxed: a guess.
    [[nodiscard]] std::size_t grain() const noexcept { return grain_.load(std::memory_order_relaxed); }
    // Runs `leaf`, which works on so many elements, and learns how long they take.
    template <class Leaf>
    auto run_leaf(std::size_t elements, const Leaf& leaf) {
        const learning learns(*this, elements);
        return leaf();
    }

private:
    static constexpr sync::clock::duration leaf_time = std::chrono::microseconds(8);
    static constexpr sync::clock::duration short_time = leaf_time / 16;
    static constexpr std::size_t leaves_per_worker = 16;

    class learning {
    public:
        learning(parallel_region& region, std::size_t elements) noexcept : region_(region), elements_(elements) {}
        learning(const learning&) = delete;
        learning& operator=(const learning&) = delete;
        ~learning() { region_.learn(elements_, sync::clock::now() - began_); }

    private:
        parallel_region& region_;
        std::size_t elements_;
        sync::clock::time_point began_ = sync::clock::now();
    };

    void learn(std::size_t elements, sync::clock::duration time) noexcept {
        const std::size_t before = grain();
        std::size_t after = before;
        if (time > leaf_time) {
            const auto share = static_cast<double>(leaf_time.count()) / (2.0 * static_cast<double>(time.count()));
            after = std::max<std::size_t>(static_cast<std::size_t>(static_cast<double>(elements) * share), 1);
        } else if (time < leaf_time / 2 && (time < short_time || 2 * elements <= largest_grain_)) {
            after = std::max(before, 2 * elements + 1);  // two such leaves, or a half that is one longer
        }
        if (after != before) {
            grain_.store(after, std::memory_order_relaxed);
        }
    }

    promise_base& caller_;
    const std::size_t largest_grain_;
    sync::atomic<std::size_t> grain_{1};
    sync::atomic<bool> failed_{false};
    sync::atomic<bool> stopped_{false};
};

template <class R>
struct awaited {
    using type = R;
};
template <class T>
struct awaited<task<T>> {
    using type = T;
};
// What a call gives, or what the task gives that it gives.
template <class F, class... Args>
using outcome_of = awaited<std::invoke_result_t<F, Args...>>::type;

template <class I>
[[nodiscard]] I advanced(const I& first, std::size_t offset) {
    return first + static_cast<std::iter_difference_t<I>>(offset);
}

// What an algorithm meets in a range that it was given.
template <class R>
using element_of = std::ranges::range_reference_t<std::views::all_t<R>>;

// A leaf of one element, for which the body gives a task.
template <class I, class F>
struct awaited_leaf {
    const I& first;
    const F& body;
};
template <class Leaf>
inline constexpr bool is_awaited_leaf = false;
template <class I, class F>
inline constexpr bool is_awaited_leaf<awaited_leaf<I, F>> = true;

// Runs leaf(b, e) for parts [b, e) of [begin, end), which is not empty; or an awaited leaf for each element.
template <class Leaf>
task<> divide(parallel_region& region, const Leaf& leaf, std::size_t begin, std::size_t end) {
    try {
        while (end - begin > (is_awaited_leaf<Leaf> ? 1 : region.grain()) && !region.is_over()) {
            const std::size_t middle = begin + (end - begin) / 2;
            co_await fork(divide(region, leaf, begin, middle));
            begin = middle;
        }
        if (!region.is_over()) {
            if constexpr (is_awaited_leaf<Leaf>) {
                // In one expression: what the body is called with lives as long as its task.
                co_await std::invoke(leaf.body, *advanced(leaf.first, begin));
            } else {
                region.run_leaf(end - begin, [&] { leaf(begin, end); });
            }
        }
    } catch (...) {
        region.fail(std::current_exception());
    }
    co_await join();
}

// The same over [0, count), with a region of its own.
template <class Leaf>
task<> run_divided(std::size_t count, const Leaf& leaf) {
    if (count != 0) {
        parallel_region region(co_await this_promise(), count);
        co_await call(divide(region, leaf, 0, count));
        co_await join();
        region.end();
    }
}

}  // namespace brigade::detail
