// Programs by dice: the explorer finds what the axioms of C++20 allow, no less and no more.
#include <cstdlib>
#include <random>

#include <gtest/gtest.h>

#include "tests/explore/litmus/program.hpp"
#include "tests/explore/litmus/verdict.hpp"

namespace explore::litmus {
namespace {

class programs {
public:
    explicit programs(std::uint64_t seed) : dice_(seed) {}

    program next(unsigned threads, unsigned length, bool with_fences, bool asymmetric) {
        program p(threads);
        int value = 0;
        for (thread_code& t : p) {
            for (unsigned left = 1 + roll(length); left != 0; --left) {
                t.push_back(instruction_of(++value, with_fences, asymmetric));
            }
        }
        return p;
    }

    program next_without_updates(unsigned threads, unsigned length) {
        program p(threads);
        int value = 0;
        for (thread_code& t : p) {
            for (unsigned left = 1 + roll(length); left != 0; --left) {
                t.push_back(roll(2) == 0 ? load(roll(2), one_of(rlx, rlx, acq, sc))
                                         : store(roll(2), ++value, one_of(rlx, rlx, rel, sc)));
            }
        }
        return p;
    }

private:
    unsigned roll(unsigned sides) { return static_cast<unsigned>(dice_() % sides); }
    template <class... Order>
    std::memory_order one_of(Order... orders) {
        const std::memory_order all[] = {orders...};
        return all[roll(sizeof...(orders))];
    }
    instruction instruction_of(int value, bool with_fences, bool asymmetric) {
        const unsigned o = roll(2);
        switch (roll(with_fences || asymmetric ? 12 : 10)) {
            case 0:
                return add(o, 10 * value, one_of(rlx, acq, rel, acq_rel, sc));
            case 1:
                return swap(o, value, one_of(rlx, acq, rel, acq_rel, sc));
            case 2:
                return compare_swap(o, static_cast<int>(roll(2)), value, one_of(rlx, acq, rel, acq_rel, sc),
                                    one_of(rlx, acq, sc));
            case 10:
            case 11:
                return asymmetric && roll(4) != 0 ? (roll(2) == 0 ? light() : heavy())
                                                  : fence(one_of(acq, rel, acq_rel, sc, sc));
            default:
                return value % 2 == 0 ? load(o, one_of(rlx, acq, sc)) : store(o, value, one_of(rlx, rel, sc));
        }
    }

    std::mt19937_64 dice_;
};

std::uint64_t seed_setting() {
    const char* const text = std::getenv("BRIGADE_EXPLORE_SEED");
    return text != nullptr ? std::stoull(text) : 1;
}
// How many programs to try: so many times as many as usual.
std::uint64_t scaled(unsigned count) {
    const char* const text = std::getenv("BRIGADE_EXPLORE_FACTOR");
    return static_cast<std::uint64_t>(count * (text != nullptr ? std::stod(text) : 1));
}

void try_many(unsigned threads, unsigned length, bool with_fences, bool asymmetric, unsigned count) {
    programs source(seed_setting() + 1000 * threads + length);
    for (std::uint64_t left = scaled(count); left != 0 && !::testing::Test::HasFailure(); --left) {
        expect_all_and_no_more(source.next(threads, length, with_fences, asymmetric), false, 1'000);
    }
}

TEST(litmus_random, two_threads) {
    try_many(2, 3, false, false, 400);
}
TEST(litmus_random, two_threads_with_fences) {
    try_many(2, 4, true, false, 400);
}
TEST(litmus_random, three_threads) {
    try_many(3, 2, false, false, 150);
}
TEST(litmus_random, three_threads_with_fences) {
    try_many(3, 3, true, false, 60);
}
TEST(litmus_random, load_buffering) {
    programs source(seed_setting());
    for (std::uint64_t left = scaled(300); left != 0 && !HasFailure(); --left) {
        expect_all_and_no_more(source.next_without_updates(2, 3), true, 1'000);
    }
}
TEST(litmus_random, asymmetric_fences) {
    try_many(2, 4, false, true, 150);
    try_many(3, 3, false, true, 40);
}

}  // namespace
}  // namespace explore::litmus
