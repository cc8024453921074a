// Forks, joins and waits of every kind at once, on four workers.
#include <brigade/fork.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

namespace {

using brigade::call;
using brigade::executor;
using brigade::fork;
using brigade::join;
using brigade::task;

// The same numbers for the same seed, whatever the threads do.
class numbers {
public:
    explicit numbers(std::uint64_t seed) : state_(seed * 0x9e37'79b9'7f4a'7c15U + 1) {}
    unsigned next(unsigned below) {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return static_cast<unsigned>((state_ >> 33) % below);
    }

private:
    std::uint64_t state_;
};

struct outcome {
    int leaves = 0;
    int failures = 0;

    outcome& operator+=(const outcome& other) {
        leaves += other.leaves;
        failures += other.failures;
        return *this;
    }
    friend bool operator==(const outcome&, const outcome&) = default;
};

task<> wait_somehow(unsigned how) {
    switch (how) {
        case 0:
            co_await brigade::yield();
            break;
        case 1: {
            brigade::join_handle<> handle = brigade::spawn([]() -> task<> { co_await brigade::yield(); });
            co_await handle;
            break;
        }
        case 2:
            co_await brigade::sleep_for(std::chrono::microseconds(50));
            break;
        default:
            break;
    }
}

task<> fail(unsigned how) {
    co_await wait_somehow(how);
    throw std::runtime_error("planned");
}

// What the children of one join threw.
int count_errors(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const brigade::multiple_errors& all) {
        return static_cast<int>(all.errors().size());
    } catch (const std::runtime_error&) {
        return 1;
    }
}

// `plain` follows the same numbers and neither forks nor waits.
outcome plain(int depth, std::uint64_t seed) {
    numbers n(seed);
    if (depth == 0) {
        return {.leaves = 1};
    }
    outcome sum;
    for (unsigned round = 0, rounds = 1 + n.next(2); round < rounds; ++round) {
        for (unsigned child = 0, children = 1 + n.next(4); child < children; ++child) {
            const unsigned kind = n.next(16);
            static_cast<void>(n.next(20));
            sum += kind == 0 ? outcome{.failures = 1} : plain(depth - 1, seed * 31 + round * 7 + child);
        }
    }
    return sum;
}

task<outcome> tree(int depth, std::uint64_t seed) {
    numbers n(seed);
    if (depth == 0) {
        co_return outcome{.leaves = 1};
    }
    outcome sum;
    for (unsigned round = 0, rounds = 1 + n.next(2); round < rounds; ++round) {
        std::vector<outcome> results(1 + n.next(4));
        for (unsigned child = 0; child < results.size(); ++child) {
            const unsigned kind = n.next(16);
            const unsigned how = n.next(20);
            if (kind == 0) {
                co_await fork(fail(how));
            } else if (kind < 5) {
                co_await call(results[child], tree(depth - 1, seed * 31 + round * 7 + child));
            } else {
                co_await fork(results[child], tree(depth - 1, seed * 31 + round * 7 + child));
            }
            co_await wait_somehow(how);
        }
        try {
            co_await join();
        } catch (...) {
            sum.failures += count_errors(std::current_exception());
        }
        for (const outcome& result : results) {
            sum += result;
        }
    }
    co_return sum;
}

TEST(fork_stress, trees_of_forks_calls_waits_and_failures) {
    executor four({.workers = 4});
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        EXPECT_EQ(four.block_on(tree, 6, seed), plain(6, seed)) << "seed " << seed;
    }
}

TEST(fork_stress, several_trees_at_once) {
    executor four({.workers = 4});
    std::vector<brigade::join_handle<outcome>> trees;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        trees.push_back(four.spawn(tree, 5, seed));
    }
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const outcome result = four.block_on([&]() -> task<outcome> { co_return co_await std::move(trees[seed - 1]); });
        EXPECT_EQ(result, plain(5, seed)) << "seed " << seed;
    }
}

// Each fork is a chance for three thieves.
TEST(fork_stress, a_loop_of_forks_with_thieves) {
    executor four({.workers = 4});
    constexpr int forks = 100'000;
    std::atomic<int> ran = 0;
    four.block_on([&]() -> task<> {
        const auto child = [](std::atomic<int>& count) -> task<> {
            count.fetch_add(1, std::memory_order_relaxed);
            co_return;
        };
        for (int i = 0; i < forks; ++i) {
            co_await fork(child(ran));
            if (i % 1000 == 0) {
                co_await join();
            }
        }
        co_await join();
    });
    EXPECT_EQ(ran, forks);
}

}  // namespace
