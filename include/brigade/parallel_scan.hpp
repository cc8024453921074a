// parallel_inclusive_scan, parallel_exclusive_scan: all sums of the elements up to each, for any associative operation.
//
// Source: the scan of Blelloch, "Prefix sums and their applications" (1990), as oneTBB's parallel_scan does it: what
// one worker does from left to right is a scan of one pass. Only a part that another worker has taken over, before what
// stands to the left of it is known, is summed up first, with the sums of its chunks kept, and scanned when that is
// known. So one worker applies the operation once for each element, and several, in the worst case, twice.
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

#include <brigade/detail/parallel_region.hpp>
#include <brigade/detail/sync.hpp>
#include <brigade/fork.hpp>
#include <brigade/parallel_for.hpp>
#include <brigade/parallel_range.hpp>
#include <brigade/task.hpp>

namespace brigade {

namespace detail {

// What the parts of a scan share. T is the type of the sums.
template <class T, class I, class O, class Op, bool Inclusive>
struct scan {
    // The sum of a part that was taken over; an inner one has both halves.
    struct summed {
        std::size_t begin;
        std::size_t end;
        T sum;
        std::unique_ptr<summed> left;
        std::unique_ptr<summed> right;
    };
    // The sum of all that stands to the left of a part; nothing: the part is the first, and there is no initial value.
    using prefix = std::optional<T>;

    template <class X>
    [[nodiscard]] T combine(const T& a, X&& x) const {
        return static_cast<T>(std::invoke(op, a, std::forward<X>(x)));
    }
    [[nodiscard]] prefix extend(const prefix& before, const T& sum) const {
        return before ? combine(*before, sum) : sum;
    }
    [[nodiscard]] T sum(std::size_t begin, std::size_t end) const {
        I i = advanced(first, begin);
        const I last = advanced(first, end);
        T total = static_cast<T>(*i);
        for (++i; i != last; ++i) {
            total = combine(total, *i);
        }
        return total;
    }
    // Writes the results, and gives the sum up to the end.
    [[nodiscard]] T write(std::size_t begin, std::size_t end, const prefix& before) const {
        I i = advanced(first, begin);
        const I last = advanced(first, end);
        O place = advanced(out, begin);
        std::optional<T> start;
        if (!before) {
            start.emplace(static_cast<T>(*i));
            *place = *start;
            ++i;
            ++place;
        }
        T total = before ? *before : *std::move(start);
        for (; i != last; ++i, ++place) {
            T next = combine(total, *i);  // before the element is overwritten
            if constexpr (Inclusive) {
                *place = next;
            } else {
                *place = std::move(total);
            }
            total = std::move(next);
        }
        return total;
    }

    I first;
    O out;
    const Op& op;
    parallel_region& region;
};

// The sums of [begin, end), which is not empty; null when the region is over.
template <class Scan>
task<std::unique_ptr<typename Scan::summed>> sum_part(const Scan& whole, std::size_t begin, std::size_t end) {
    using summed = Scan::summed;
    std::unique_ptr<summed> left;
    std::unique_ptr<summed> right;
    try {
        if (whole.region.is_over()) {
            co_return nullptr;
        }
        if (end - begin > whole.region.grain()) {
            const std::size_t middle = begin + (end - begin) / 2;
            co_await fork(left, sum_part(whole, begin, middle));
            co_await call(right, sum_part(whole, middle, end));
        } else {
            left.reset(new summed{begin, end, whole.region.run_leaf(end - begin, [&] { return whole.sum(begin, end); }),
                                  nullptr, nullptr});
        }
    } catch (...) {
        whole.region.fail(std::current_exception());
    }
    co_await join();
    try {
        if (left && right) {
            auto sum = whole.combine(left->sum, right->sum);
            left.reset(new summed{begin, end, std::move(sum), std::move(left), std::move(right)});
        }
    } catch (...) {
        whole.region.fail(std::current_exception());
    }
    co_return left;
}

// Writes the results of a part whose sums are known.
template <class Scan>
task<> write_part(const Scan& whole, const typename Scan::summed& part, typename Scan::prefix before) {
    try {
        if (whole.region.is_over()) {
            co_return;
        }
        if (part.left) {
            co_await fork(write_part(whole, *part.left, before));
            co_await call(write_part(whole, *part.right, whole.extend(before, part.left->sum)));
        } else {
            static_cast<void>(whole.write(part.begin, part.end, before));
        }
    } catch (...) {
        whole.region.fail(std::current_exception());
    }
    co_await join();
}

// The sum up to the end of a part; nothing when the region is over.
template <class Prefix>
struct scan_result {
    Prefix sum;
    sync::atomic<bool> ended{false};
};

// Writes the results of [begin, end), which is not empty.
template <class Scan>
task<> scan_part(const Scan& whole, std::size_t begin, std::size_t end, typename Scan::prefix before,
                 scan_result<typename Scan::prefix>& result) {
    const std::size_t middle = begin + (end - begin) / 2;
    scan_result<typename Scan::prefix> left;
    std::unique_ptr<typename Scan::summed> right;
    try {
        if (whole.region.is_over()) {
            co_return;
        }
        if (end - begin > whole.region.grain()) {
            co_await fork(scan_part(whole, begin, middle, before, left));
            // Where it is false, the left half still runs, or has just ended. Relaxed: a guess that decides how the
            // right half is done, and for one worker no guess; the sum is read behind the join, which orders it.
            if (!left.ended.load(std::memory_order_relaxed)) {
                co_await call(right, sum_part(whole, middle, end));
            }
        } else {
            result.sum = whole.region.run_leaf(end - begin, [&] { return whole.write(begin, end, before); });
        }
    } catch (...) {
        whole.region.fail(std::current_exception());
    }
    co_await join();
    try {
        if (left.sum && right) {
            result.sum = whole.extend(left.sum, right->sum);
            co_await write_part(whole, *right, std::move(left.sum));
        } else if (left.sum) {
            co_await scan_part(whole, middle, end, std::move(left.sum), result);
        }
    } catch (...) {
        whole.region.fail(std::current_exception());
    }
    result.ended.store(true, std::memory_order_relaxed);  // as the load above
}

template <bool Inclusive, class View, class O, class T, class Op>
task<> scan_in(View range, O out, std::optional<T> init, Op op) {
    const auto count = static_cast<std::size_t>(std::ranges::size(range));
    if (count == 0) {
        co_return;
    }
    parallel_region region(co_await this_promise(), count);
    using iterator = std::ranges::iterator_t<View>;
    const scan<T, iterator, O, Op, Inclusive> whole{std::ranges::begin(range), std::move(out), op, region};
    scan_result<std::optional<T>> total;
    co_await call(scan_part(whole, 0, count, std::move(init), total));
    co_await join();
    region.end();
}

// What a scan needs of the type of its sums.
template <class T, class X, class Op>
concept scannable =
    std::copyable<T> && std::constructible_from<T, X> && std::is_invocable_r_v<T, const Op&, const T&, X> &&
    std::is_invocable_r_v<T, const Op&, const T&, const T&>;

}  // namespace detail

// For the elements x1, x2, ...: writes x1, op(x1, x2), op(op(x1, x2), x3), ... to `out`, which may be the beginning of
// the range itself. `op` must be associative, and need not be commutative; for what is so only nearly, and otherwise,
// see parallel_reduce. It is called with values of the type of the elements, and elements. Ended early, it has written
// some of the results.
template <parallel_range R, class O, class Op = std::plus<>, class T = std::ranges::range_value_t<std::views::all_t<R>>>
    requires detail::scannable<T, detail::element_of<R>, Op> && parallel_output_iterator<O, const T&>
task<> parallel_inclusive_scan(R&& range, O out, Op op = {}) {
    return detail::scan_in<true, std::views::all_t<R>, O, T, Op>(std::views::all(std::forward<R>(range)),
                                                                 std::move(out), std::nullopt, std::move(op));
}
// With op(init, x1) as the first result. The sums are of the type of `init`.
template <parallel_range R, class O, class Op, class T>
    requires detail::scannable<T, detail::element_of<R>, Op> && parallel_output_iterator<O, const T&>
task<> parallel_inclusive_scan(R&& range, O out, Op op, T init) {
    return detail::scan_in<true, std::views::all_t<R>, O, T, Op>(std::views::all(std::forward<R>(range)),
                                                                 std::move(out), std::move(init), std::move(op));
}
// Writes init, op(init, x1), op(op(init, x1), x2), ...: as many as there are elements.
template <parallel_range R, class O, class T, class Op = std::plus<>>
    requires detail::scannable<T, detail::element_of<R>, Op> && parallel_output_iterator<O, T>
task<> parallel_exclusive_scan(R&& range, O out, T init, Op op = {}) {
    return detail::scan_in<false, std::views::all_t<R>, O, T, Op>(std::views::all(std::forward<R>(range)),
                                                                  std::move(out), std::move(init), std::move(op));
}

}  // namespace brigade
