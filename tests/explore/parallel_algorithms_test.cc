// Models of the parallel algorithms, on whole executors: what their parts share beside what forks and joins order.
#include <array>

#include <brigade/executor.hpp>
#include <brigade/multiple_errors.hpp>
#include <brigade/parallel_for.hpp>
#include <brigade/parallel_scan.hpp>

#include "tests/explore/parts_of_models.hpp"

namespace explore {
namespace {

using brigade::executor;
using brigade::join_handle;
using brigade::multiple_errors;
using brigade::operation_cancelled;
using brigade::parallel_for;
using brigade::parallel_inclusive_scan;
using brigade::task;

// The right half is summed up where another worker takes it over, and scanned in one pass where none does.
MODEL_WITH(parallel_scan_model, on_two_workers, orders_only(2, 6'000)) {
    executor ex({.workers = 2});
    std::array<int, 4> values{1, 10, 100, 1'000};
    ex.block_on([&]() -> task<> { co_await parallel_inclusive_scan(values, values.begin()); });
    require(values == std::array<int, 4>{1, 11, 111, 1'111}, "each sum");
}

MODEL_WITH(parallel_scan_model, of_two_elements_on_two_workers, orders_only(2, 6'000)) {
    executor ex({.workers = 2});
    std::array<int, 2> values{1, 10};
    ex.block_on([&]() -> task<> { co_await parallel_inclusive_scan(values, values.begin()); });
    require(values == std::array<int, 2>{1, 11}, "each sum");
}

MODEL_WITH(parallel_scan_model, an_exception_of_the_operation_comes_out, orders_only(1, 4'000)) {
    executor ex({.workers = 2});
    std::array<int, 4> values{1, 10, 100, 1'000};
    const auto fail = [](int a, int b) {
        if (b == 100) {
            throw failure();
        }
        return a + b;
    };
    bool caught = false;
    try {
        ex.block_on([&]() -> task<> { co_await parallel_inclusive_scan(values, values.begin(), fail); });
    } catch (const failure&) {
        caught = true;
    } catch (const multiple_errors& e) {
        caught = e.errors().size() == 2;  // from the sum of a part that was taken over, and from its scan
    }
    require(caught && values[0] == 1, "when the parts that run have ended");
}

MODEL_WITH(parallel_for_model, a_stop_ends_it_unless_nothing_is_left, orders_only(1, 4'000)) {
    executor ex({.workers = 2});
    std::array<int, 3> calls{};
    bool cancelled = false;
    const auto body = [&]() -> task<> {
        try {
            co_await parallel_for(calls, [](int& n) { ++n; });
        } catch (const operation_cancelled&) {
            cancelled = true;
        }
    };
    join_handle<> handle = ex.spawn(body);
    handle.request_stop();
    ex.block_on([&]() -> task<> { co_await handle; });
    require(cancelled || calls == std::array<int, 3>{1, 1, 1}, "PAR4");
}

}  // namespace
}  // namespace explore
