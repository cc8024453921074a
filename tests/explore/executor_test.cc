// Models of the whole executor: workers, injection, parking, tasks, shutdown.
#include "tests/explore/model.hpp"

#include <brigade/executor.hpp>
#include <brigade/yield.hpp>

namespace explore {
namespace {

using brigade::executor;
using brigade::task;

task<int> answer() {
    co_return 42;
}

MODEL(executor_model, block_on_gives_the_result) {
    executor ex({.workers = 1});
    require(ex.block_on(answer()) == 42, "the result");
}

MODEL(executor_model, block_on_with_two_workers) {
    executor ex({.workers = 2});
    require(ex.block_on(answer()) == 42, "the result");
}

}  // namespace
}  // namespace explore
