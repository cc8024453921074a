// What the parallel algorithms take as a range.
#pragma once

#include <concepts>
#include <ranges>
#include <type_traits>
#include <vector>

namespace brigade {

// Random access and a known length, so that it can be cut in two anywhere: a std::vector, std::deque, std::array,
// std::span, std::views::iota(0, n), a transform view of one of them. Copy a std::list or a generator into a
// std::vector first. A range that is an lvalue is borrowed and must outlive the task; one that is an rvalue is moved
// into the task, as by std::views::all.
template <class R>
concept parallel_range =
    std::ranges::random_access_range<R> && std::ranges::sized_range<R> && std::ranges::viewable_range<R>;

// The begin and end of such a range. It is borrowed.
template <class I, class S>
concept parallel_iterators = std::random_access_iterator<I> && std::sized_sentinel_for<S, I>;

// What refers to elements that several workers may write to at once, each to its own. Not so those of a
// std::vector<bool>, which share their bytes: a std::vector<char> does instead.
template <class Reference>
concept refers_to_separate_element = !std::same_as<Reference, std::vector<bool>::reference>;

// A random-access iterator through which several workers may write at once, each to elements of its own, values of a T.
template <class I, class T>
concept parallel_output_iterator = std::random_access_iterator<I> && std::indirectly_writable<I, T> &&
                                   refers_to_separate_element<std::iter_reference_t<I>>;

// A random-access iterator whose elements several workers may exchange and move at once, each a part of them, by a
// comparison and a projection that they share, and therefore call as const.
template <class I, class Compare, class Projection>
concept parallel_sortable =
    std::sortable<I, const Compare&, const Projection&> && refers_to_separate_element<std::iter_reference_t<I>>;

}  // namespace brigade
