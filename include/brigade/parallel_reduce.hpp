// parallel_reduce: the sum of all elements, for any associative operation.
//
//     const long words = co_await parallel_reduce(documents, 0L, std::plus(), count_words);
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <iterator>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

#include <brigade/detail/parallel_region.hpp>
#include <brigade/fork.hpp>
#include <brigade/parallel_for.hpp>
#include <brigade/parallel_range.hpp>
#include <brigade/task.hpp>

namespace brigade {

namespace detail {

template <class T, class I, class Op, class Transform>
struct reduction {
    static constexpr bool singly = task_function<const Transform&, std::iter_reference_t<I>>;

    [[nodiscard]] T combine(T&& a, T&& b) const { return static_cast<T>(std::invoke(op, std::move(a), std::move(b))); }
    [[nodiscard]] T sum(std::size_t begin, std::size_t end) const {
        const I last = advanced(first, end);
        I i = advanced(first, begin);
        T total = static_cast<T>(std::invoke(transform, *i));
        for (++i; i != last; ++i) {
            total = combine(std::move(total), static_cast<T>(std::invoke(transform, *i)));
        }
        return total;
    }

    I first;
    const Op& op;
    const Transform& transform;
};

// Nothing when the region is over. [begin, end) is not empty.
template <class T, class I, class Op, class Transform>
task<std::optional<T>> reduce_part(parallel_region& region, const reduction<T, I, Op, Transform>& of, std::size_t begin,
                                   std::size_t end) {
    constexpr bool singly = reduction<T, I, Op, Transform>::singly;
    std::optional<T> left;
    std::optional<T> right;
    try {
        if (region.is_over()) {
            co_return std::nullopt;
        }
        if (end - begin > (singly ? 1 : region.grain())) {
            const std::size_t middle = begin + (end - begin) / 2;
            co_await fork(left, reduce_part(region, of, begin, middle));
            co_await call(right, reduce_part(region, of, middle, end));
        } else if constexpr (singly) {
            left.emplace(static_cast<T>(co_await std::invoke(of.transform, *advanced(of.first, begin))));
        } else {
            left.emplace(region.run_leaf(end - begin, [&] { return of.sum(begin, end); }));
        }
    } catch (...) {
        region.fail(std::current_exception());
    }
    co_await join();
    try {
        if (left && right) {
            left = of.combine(std::move(*left), std::move(*right));
        }
    } catch (...) {
        region.fail(std::current_exception());
    }
    co_return left;
}

template <class View, class T, class Op, class Transform>
task<T> reduce_in(View range, T init, Op op, Transform transform) {
    const auto count = static_cast<std::size_t>(std::ranges::size(range));
    if (count == 0) {
        co_return init;
    }
    using iterator = std::ranges::iterator_t<View>;
    const reduction<T, iterator, Op, Transform> whole{std::ranges::begin(range), op, transform};
    parallel_region region(co_await this_promise(), count);
    std::optional<T> total;
    co_await call(total, reduce_part(region, whole, 0, count));
    co_await join();
    region.end();
    co_return whole.combine(std::move(init), *std::move(total));
}

// A value of a T can be made from what calling F for an X gives, or the task gives that it gives.
template <class F, class X, class T>
concept gives = std::invocable<F, X> && std::constructible_from<T, outcome_of<F, X>>;

}  // namespace detail

// op(init, op(t1, op(t2, ...))) for the elements in their order, t being transform(element), or what the task gives
// that it gives, as a T. Where the parentheses stand depends on how the work is divided: so `op` must be associative,
// and need not be commutative. What is associative only nearly, as is a sum of floating-point numbers, may differ in
// the last digits from one call to the next, on one worker as well. `init` takes part once, and is the result for no
// elements. `op` is called with two rvalues, by several workers at once; it is no task function. Otherwise as
// parallel_for says.
template <parallel_range R, std::movable T, class Op = std::plus<>, class Transform = std::identity>
    requires detail::gives<const Transform&, detail::element_of<R>, T> && std::is_invocable_r_v<T, const Op&, T, T>
task<T> parallel_reduce(R&& range, T init, Op op = {}, Transform transform = {}) {
    return detail::reduce_in<std::views::all_t<R>, T, Op, Transform>(
        std::views::all(std::forward<R>(range)), std::move(init), std::move(op), std::move(transform));
}
template <class I, class S, std::movable T, class Op = std::plus<>, class Transform = std::identity>
    requires parallel_iterators<I, S> && detail::gives<const Transform&, std::iter_reference_t<I>, T> &&
             std::is_invocable_r_v<T, const Op&, T, T>
task<T> parallel_reduce(I first, S last, T init, Op op = {}, Transform transform = {}) {
    return parallel_reduce(std::ranges::subrange(std::move(first), std::move(last)), std::move(init), std::move(op),
                           std::move(transform));
}

}  // namespace brigade
