// After a model has failed, the explorer goes on with the next one.
#include "tests/explore/model.hpp"

namespace explore {
namespace {

namespace sync = brigade::detail::sync;

TEST(failure_recovery, a_deadlock_that_is_found_at_the_end_of_a_thread_leaves_the_next_model_alone) {
    settings no_surprises;
    no_surprises.bounds.spurious = 0;
    const report first = search(no_surprises, [] {
        sync::atomic<std::uint32_t> never{0};
        const model_thread other([] {});
        while (never.load(std::memory_order_relaxed) == 0) {
            sync::futex_wait(never, 0);
        }
    });
    EXPECT_TRUE(first.failed);
    EXPECT_EQ(first.message.substr(0, 8), "deadlock");
    const report second = search({}, [] {
        sync::atomic<int> sum{0};
        {
            const model_thread other([&] { sum.fetch_add(1, std::memory_order_relaxed); });
            sum.fetch_add(1, std::memory_order_relaxed);
        }
        require(sum.load(std::memory_order_relaxed) == 2, "both");
    });
    EXPECT_FALSE(second.failed) << second.message;
    EXPECT_TRUE(second.complete);
}

}  // namespace
}  // namespace explore
