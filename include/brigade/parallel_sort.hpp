// parallel_sort: sorts in place.
//
// Quicksort: a partition, then both sides in parallel; a part of a few microseconds' work is std::ranges::sort's. The
// partition is that of Edelkamp and Weiss, "BlockQuicksort: avoiding branch mispredictions in quicksort" (ESA 2016): it
// first notes, for a block at either end, which elements stand on the wrong side, without a branch for each, and then
// exchanges them in pairs. Elements that are equal to the pivot count as wrong on both sides, so that many equal ones
// are divided evenly. A part is first looked at up to the first two elements that are not in order: so what is sorted,
// or is after a partition or two, as what was sorted the other way round, is not sorted again. The pivot is a median of
// medians from across the part; one that is nevertheless bad too often leaves the rest to std::ranges::sort, in one
// piece, which bounds the whole to O(n log n).
//
// The first partitions use one worker: of n log2(n) steps, n and n / 2 and n / 4 ... are not shared, so that for a
// million elements no number of workers makes it faster than ten times.
//
// Rejected: a parallel merge sort, which shares all its steps, for its second array, and for what becomes of the
// elements in there when a comparison throws.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
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
#include <brigade/yield.hpp>

namespace brigade {

namespace detail {

template <class Compare, class Projection>
struct projected_less {
    template <class A, class B>
    [[nodiscard]] bool operator()(A&& a, B&& b) const {
        return static_cast<bool>(std::invoke(compare, std::invoke(projection, std::forward<A>(a)),
                                             std::invoke(projection, std::forward<B>(b))));
    }

    const Compare& compare;
    const Projection& projection;
};

// Partitions [first, last) around the element at `first`, piece by piece.
template <class I, class Less>
class partitioning {
public:
    partitioning(const I& first, const I& last, const Less& less)
        : pivot_(first), left_(first + 1), right_(last), less_(less) {}

    // Goes on for about so many elements. Whether it is complete.
    bool advance(std::size_t elements) {
        const auto goal = right_ - left_ - static_cast<std::iter_difference_t<I>>(elements);
        while (right_ - left_ > goal) {
            if (right_ - left_ < 2 * block) {
                finish();
                return true;
            }
            note_left();
            note_right();
            exchange();
        }
        return false;
    }
    // When it is complete: puts the pivot between the sides, and gives its place.
    I place_pivot() {
        const I place = left_ - 1;
        std::ranges::iter_swap(pivot_, place);
        return place;
    }

private:
    using difference = std::iter_difference_t<I>;
    static constexpr int block = 128;
    struct notes {
        std::array<std::uint8_t, block> offsets;  // of elements on the wrong side
        std::size_t next = 0;
        std::size_t end = 0;

        [[nodiscard]] bool none() const noexcept { return next == end; }
    };

    // The pivot, as a copy where that is cheap: the notes are bytes, which might alias it.
    using pivot_view =
        std::conditional_t<std::is_trivially_copyable_v<std::iter_value_t<I>> && sizeof(std::iter_value_t<I>) <= 16,
                           std::iter_value_t<I>, std::iter_reference_t<I>>;

    // is_wrong(pivot, i): the i-th element of the block does not belong there.
    template <class Wrong>
    void note(notes& wrong, const Wrong& is_wrong) {
        if (!wrong.none()) {
            return;
        }
        const pivot_view pivot = *pivot_;
        std::size_t end = 0;
        for (int i = 0; i < block; ++i) {
            wrong.offsets[end] = static_cast<std::uint8_t>(i);
            end += static_cast<std::size_t>(is_wrong(pivot, i));
        }
        wrong.next = 0;
        wrong.end = end;
    }
    void note_left() {
        note(lefts_, [this, left = left_](const auto& pivot, int i) { return !less_(left[i], pivot); });
    }
    void note_right() {
        note(rights_, [this, right = right_](const auto& pivot, int i) { return !less_(pivot, right[-1 - i]); });
    }
    // Afterwards one block, or both, are done with.
    void exchange() {
        const std::size_t pairs = std::min(lefts_.end - lefts_.next, rights_.end - rights_.next);
        for (std::size_t i = 0; i < pairs; ++i) {
            const int l = lefts_.offsets[lefts_.next + i];
            const int r = rights_.offsets[rights_.next + i];
            std::ranges::iter_swap(left_ + l, right_ - (1 + r));
        }
        lefts_.next += pairs;
        rights_.next += pairs;
        if (lefts_.none()) {
            left_ += block;
        }
        if (rights_.none()) {
            right_ -= block;
        }
    }
    // What the blocks leave, by Hoare's method. A block that was noted in part is looked at again.
    void finish() {
        for (;;) {
            while (left_ != right_ && less_(*left_, *pivot_)) {
                ++left_;
            }
            while (left_ != right_ && less_(*pivot_, right_[-1])) {
                --right_;
            }
            if (right_ - left_ < 2) {
                left_ = right_;  // one that is left is equal to the pivot
                return;
            }
            --right_;
            std::ranges::iter_swap(left_, right_);
            ++left_;
        }
    }

    I pivot_;
    I left_;
    I right_;
    const Less& less_;
    notes lefts_;
    notes rights_;
};

template <class I, class Less>
I median_of_3(const I& a, const I& b, const I& c, const Less& less) {
    if (less(*a, *b)) {
        return less(*b, *c) ? b : less(*a, *c) ? c : a;
    }
    return less(*a, *c) ? a : less(*b, *c) ? c : b;
}

// Brings a good pivot to the front.
template <class I, class Less>
void choose_pivot(const I& first, const I& last, const Less& less) {
    const auto step = (last - first - 1) / 8;
    const auto median_at = [&](int i) {
        return median_of_3(first + step * i, first + step * (i + 1), first + step * (i + 2), less);
    };
    std::ranges::iter_swap(first, median_of_3(median_at(0), median_at(3), median_at(6), less));
}

template <class I, class Compare, class Projection>
struct sort {
    // How many elements to look at before others may have their turn.
    [[nodiscard]] std::size_t piece() const noexcept { return std::max<std::size_t>(region.grain(), 256); }

    I first;
    const Compare& compare;
    const Projection& projection;
    parallel_region& region;
    projected_less<Compare, Projection> less{compare, projection};
};

// Whether [begin, end) is in order already. False when the region is over.
template <class Sort>
task<bool> is_sorted_part(const Sort& whole, std::size_t begin, std::size_t end) {
    while (end - begin > 1) {
        const std::size_t last = begin + std::min(whole.piece() + 1, end - begin);  // the last looked at
        if (whole.region.is_over() || !std::ranges::is_sorted(advanced(whole.first, begin), advanced(whole.first, last),
                                                              std::cref(whole.compare), std::cref(whole.projection))) {
            co_return false;
        }
        begin = last - 1;
        co_await make_way_awaiter();
    }
    co_return true;
}

// Puts a pivot where it belongs in [begin, end), and gives its place; nothing when the region is over.
template <class Sort>
task<std::optional<std::size_t>> partition_part(const Sort& whole, std::size_t begin, std::size_t end) {
    const auto first = advanced(whole.first, begin);
    const auto last = advanced(whole.first, end);
    choose_pivot(first, last, whole.less);
    partitioning partition(first, last, whole.less);
    while (!partition.advance(whole.piece())) {
        co_await make_way_awaiter();
        if (whole.region.is_over()) {
            co_return std::nullopt;
        }
    }
    co_return begin + static_cast<std::size_t>(partition.place_pivot() - first);
}

// Tolerates as many bad pivots.
template <class Sort>
task<> sort_part(const Sort& whole, std::size_t begin, std::size_t end, int bad_pivots) {
    constexpr std::size_t smallest = 32;  // below which a partition would not be worth its frame
    parallel_region& region = whole.region;
    try {
        while (end - begin > std::max(region.grain(), smallest) && bad_pivots > 0 && !region.is_over()) {
            if (co_await is_sorted_part(whole, begin, end)) {
                begin = end;
                break;
            }
            const std::optional<std::size_t> pivot = co_await partition_part(whole, begin, end);
            if (!pivot) {
                break;
            }
            const std::size_t left = *pivot - begin;
            const std::size_t right = end - *pivot - 1;
            bad_pivots -= static_cast<int>(std::min(left, right) < (left + right) / 8);
            co_await fork(sort_part(whole, begin, *pivot, bad_pivots));
            begin = *pivot + 1;
        }
        if (begin != end && !region.is_over()) {
            region.run_leaf(end - begin, [&] {
                std::ranges::sort(advanced(whole.first, begin), advanced(whole.first, end), std::cref(whole.compare),
                                  std::cref(whole.projection));
            });
        }
    } catch (...) {
        region.fail(std::current_exception());
    }
    co_await join();
}

template <class View, class Compare, class Projection>
task<> sort_in(View range, Compare compare, Projection projection) {
    const auto count = static_cast<std::size_t>(std::ranges::size(range));
    if (count < 2) {
        co_return;
    }
    parallel_region region(co_await this_promise(), count);
    const sort<std::ranges::iterator_t<View>, Compare, Projection> whole{std::ranges::begin(range), compare, projection,
                                                                         region};
    co_await call(sort_part(whole, 0, count, static_cast<int>(std::bit_width(count))));
    co_await join();
    region.end();
}

}  // namespace detail

// Sorts the range, which is borrowed, by compare(projection(a), projection(b)), as std::ranges::sort does; equal
// elements do not keep their order. O(n log n) comparisons, no memory but some frames. When a comparison throws, or the
// task is stopped, every element is still valid, but their order, and after an exception their values, are not
// specified. Otherwise as parallel_for says.
template <parallel_range R, class Compare = std::ranges::less, class Projection = std::identity>
    requires std::ranges::borrowed_range<R> && parallel_sortable<std::ranges::iterator_t<R>, Compare, Projection>
task<> parallel_sort(R&& range, Compare compare = {}, Projection projection = {}) {
    return detail::sort_in<std::views::all_t<R>, Compare, Projection>(std::views::all(std::forward<R>(range)),
                                                                      std::move(compare), std::move(projection));
}
template <class I, class S, class Compare = std::ranges::less, class Projection = std::identity>
    requires parallel_iterators<I, S> && parallel_sortable<I, Compare, Projection>
task<> parallel_sort(I first, S last, Compare compare = {}, Projection projection = {}) {
    return parallel_sort(std::ranges::subrange(std::move(first), std::move(last)), std::move(compare),
                         std::move(projection));
}

}  // namespace brigade
