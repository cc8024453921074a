// parallel_transform: store a function of each element.
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
#include <brigade/parallel_for.hpp>
#include <brigade/parallel_range.hpp>
#include <brigade/task.hpp>

namespace brigade {

namespace detail {

template <class View, class O, class F>
task<> transform_in(View range, O out, F function) {
    const auto first = std::ranges::begin(range);
    const auto count = static_cast<std::size_t>(std::ranges::size(range));
    if constexpr (task_function<const F&, std::ranges::range_reference_t<View>>) {
        const auto body = [&](std::size_t i) -> task<> {
            *advanced(out, i) = co_await std::invoke(std::as_const(function), *advanced(first, i));
        };
        co_await for_each_of(std::ranges::begin(std::views::iota(std::size_t{0}, count)), count, body);
    } else {
        const auto leaf = [&](std::size_t begin, std::size_t end) {
            const auto last = advanced(first, end);
            O place = advanced(out, begin);
            for (auto i = advanced(first, begin); i != last; ++i, ++place) {
                *place = std::invoke(std::as_const(function), *i);
            }
        };
        co_await run_divided(count, leaf);
    }
}

}  // namespace detail

// Assigns function(element), or what the task gives that it gives, to the element of `out` with the same index. `out`
// may be the beginning of the range itself. Ended early, it has written some of the elements. Otherwise as parallel_for
// says.
template <parallel_range R, class O, class F>
    requires std::invocable<const std::decay_t<F>&, detail::element_of<R>> &&
             parallel_output_iterator<O, detail::outcome_of<const std::decay_t<F>&, detail::element_of<R>>>
task<> parallel_transform(R&& range, O out, F&& function) {
    return detail::transform_in<std::views::all_t<R>, O, std::decay_t<F>>(std::views::all(std::forward<R>(range)),
                                                                          std::move(out), std::forward<F>(function));
}
template <class I, class S, class O, class F>
    requires parallel_iterators<I, S>
task<> parallel_transform(I first, S last, O out, F&& function)
    requires requires(std::ranges::subrange<I, S> range) {
        brigade::parallel_transform(range, out, std::forward<F>(function));
    }
{
    return brigade::parallel_transform(std::ranges::subrange(std::move(first), std::move(last)), std::move(out),
                                       std::forward<F>(function));
}
// `out` is a range, which is borrowed. Throws std::invalid_argument when it is the shorter one.
template <parallel_range R, parallel_range O, class F>
    requires std::ranges::borrowed_range<O>
task<> parallel_transform(R&& range, O&& out, F&& function)
    requires requires { brigade::parallel_transform(range, std::ranges::begin(out), std::forward<F>(function)); }
{
    if (std::cmp_less(std::ranges::size(out), std::ranges::size(range))) {
        throw std::invalid_argument("brigade: parallel_transform into a range that is too short");
    }
    return brigade::parallel_transform(std::forward<R>(range), std::ranges::begin(out), std::forward<F>(function));
}

}  // namespace brigade
