// parallel_for: the loop whose iterations run in parallel.
//
//     co_await parallel_for(pixels, [](pixel& p) { p = sharpen(p); });
//     co_await parallel_for(0, rows, [&](int row) { solve(row); });
//     co_await parallel_for(urls, [&](const url& u) -> task<> { co_await fetch(u); });
//
// All parallel algorithms (parallel_for, parallel_transform, parallel_reduce, the scans, parallel_sort, and
// parallel_invoke) hold to the following.
//   - There is nothing to tune: plain iterations are gathered into chunks of a few microseconds, by measuring them. A
//     loop that as a whole takes no longer is better written as a loop: another worker may be woken for it.
//   - A callable is moved into the task, and called as const by several workers at once; std::ref lends one. Where it
//     gives a task, that is awaited, and what it was called with lives as long: lambdas with captures are safe.
//   - Elements whose callable gives a task are children of their own: while one waits, the others run. All of a million
//     may wait at once, with a frame each.
//   - An exception ends the algorithm early: no further chunk, or task, is begun, those that run are waited for.
//     Then the exception is rethrown, or multiple_errors when several were thrown, in the order in which they were.
//   - A stop of the awaiting task ends it likewise, and throws operation_cancelled, unless nothing was left to begin
//     when it was noticed, or something else was thrown.
//   - Chunks on one worker give way to tasks that are due, as forks do.
//   - Nothing orders the elements. Plain callables must not wait for each other.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <iterator>
#include <ranges>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <brigade/detail/parallel_region.hpp>
#include <brigade/parallel_range.hpp>
#include <brigade/task.hpp>

namespace brigade {

namespace detail {

template <class I, class F>
task<> for_each_of(I first, std::size_t count, const F& body) {
    if constexpr (task_function<const F&, std::iter_reference_t<I>>) {
        const awaited_leaf<I, F> leaf{first, body};
        co_await run_divided(count, leaf);
    } else {
        const auto leaf = [&first, &body](std::size_t begin, std::size_t end) {
            const I last = advanced(first, end);
            for (I i = advanced(first, begin); i != last; ++i) {
                static_cast<void>(std::invoke(body, *i));
            }
        };
        co_await run_divided(count, leaf);
    }
}

template <class View, class F>
task<> for_each_in(View range, F body) {
    co_await for_each_of(std::ranges::begin(range), static_cast<std::size_t>(std::ranges::size(range)), body);
}

}  // namespace detail

// Calls body(element) for each element, which it may change; so not for those of a std::vector<bool>, but by
// std::as_const.
template <parallel_range R, class F>
    requires std::invocable<const std::decay_t<F>&, detail::element_of<R>> &&
             refers_to_separate_element<detail::element_of<R>>
task<> parallel_for(R&& range, F&& body) {
    return detail::for_each_in<std::views::all_t<R>, std::decay_t<F>>(std::views::all(std::forward<R>(range)),
                                                                      std::forward<F>(body));
}
template <class I, class S, class F>
    requires parallel_iterators<I, S> && std::invocable<const std::decay_t<F>&, std::iter_reference_t<I>> &&
             refers_to_separate_element<std::iter_reference_t<I>>
task<> parallel_for(I first, S last, F&& body) {
    return parallel_for(std::ranges::subrange(std::move(first), std::move(last)), std::forward<F>(body));
}
// Calls body(i) for each index from `first` up to, and not including, `last`; the type of i is what both convert to: a
// char between two of them, an int between a char and a short, and never bool, which has no next value after true.
// Throws std::invalid_argument when `first` has no place in it: -1 beside an unsigned `last`.
template <std::integral I, std::integral L, class F>
    requires std::weakly_incrementable<std::common_type_t<I, L>> &&
             std::invocable<const std::decay_t<F>&, std::common_type_t<I, L>>
task<> parallel_for(I first, L last, F&& body) {
    using index = std::common_type_t<I, L>;
    // Promoted, since std::cmp_less takes no characters.
    if (std::unsigned_integral<index> && std::cmp_less(+first, 0)) {
        throw std::invalid_argument("brigade: parallel_for from a negative index to an unsigned one");
    }
    const index begin = static_cast<index>(first);
    const index end = std::cmp_less(+first, +last) ? static_cast<index>(last) : begin;
    return parallel_for(std::views::iota(begin, end), std::forward<F>(body));
}

}  // namespace brigade
