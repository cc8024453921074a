// A white-box test: the slots behind a reactor's sockets.
#include "io/registration_table.hpp"

#include <cstddef>
#include <cstdint>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "io/reactor.hpp"

namespace {

using brigade::detail::reactor;
using brigade::detail::registration;
using brigade::detail::registration_table;

std::uint32_t index_of(const registration& slot) {
    return static_cast<std::uint32_t>(slot.key());
}

class registration_table_test : public testing::Test {
protected:
    std::vector<registration*> take(std::size_t count) {
        std::vector<registration*> slots;
        for (std::size_t i = 0; i < count; ++i) {
            slots.push_back(&table_.take(home_));
        }
        return slots;
    }

    brigade::executor owner_{{.workers = 1}};
    reactor home_{owner_};
    registration_table table_;
};

TEST_F(registration_table_test, is_empty_at_first) {
    EXPECT_EQ(table_.in_use(), 0U);
}

TEST_F(registration_table_test, gives_indices_from_0_on) {
    const std::vector<registration*> slots = take(64);
    for (std::uint32_t i = 0; i < slots.size(); ++i) {
        EXPECT_EQ(index_of(*slots[i]), i);
    }
    EXPECT_EQ(table_.in_use(), 64U);
}

// Chunks of 64, 128, 256, ...: the ends of the first ones and what lies between.
TEST_F(registration_table_test, finds_every_slot_by_its_index) {
    const std::vector<registration*> slots = take(64 + 128 + 256 + 512 + 1);
    std::set<std::uint32_t> indices;
    for (const registration* const slot : slots) {
        EXPECT_EQ(&table_.at(index_of(*slot)), slot);
        indices.insert(index_of(*slot));
    }
    EXPECT_EQ(indices.size(), slots.size());
    for (const std::uint32_t first_of_chunk : {0U, 64U, 192U, 448U, 960U}) {
        EXPECT_TRUE(indices.contains(first_of_chunk));
    }
    EXPECT_EQ(*indices.rbegin(), 960U);
}

TEST_F(registration_table_test, gives_the_last_one_returned_first) {
    const std::vector<registration*> slots = take(10);
    table_.give_back(*slots[3]);
    table_.give_back(*slots[7]);
    EXPECT_EQ(table_.in_use(), 8U);
    EXPECT_EQ(&table_.take(home_), slots[7]);
    EXPECT_EQ(&table_.take(home_), slots[3]);
    EXPECT_EQ(table_.in_use(), 10U);
}

TEST_F(registration_table_test, reuses_slots_before_it_makes_more) {
    std::vector<registration*> slots = take(300);
    const std::set<registration*> before(slots.begin(), slots.end());
    for (registration* const slot : slots) {
        table_.give_back(*slot);
    }
    EXPECT_EQ(table_.in_use(), 0U);
    const std::vector<registration*> again = take(300);
    std::size_t reused = 0;
    for (registration* const slot : again) {
        reused += before.contains(slot) ? 1 : 0;
        EXPECT_LT(index_of(*slot), 64U + 128U + 256U);
    }
    EXPECT_GE(reused, 300U - 148U);  // 448 slots exist, of which 148 were never taken
}

// The reactor's thread looks slots up while others take them and thereby add chunks.
TEST_F(registration_table_test, threads_take_return_and_look_up_at_once) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([this] {
            for (int round = 0; round < 20; ++round) {
                const std::vector<registration*> mine = take(100);
                for (registration* const slot : mine) {
                    EXPECT_EQ(&table_.at(index_of(*slot)), slot);
                    table_.give_back(*slot);
                }
            }
        });
    }
    for (std::thread& t : threads) {
        t.join();
    }
    EXPECT_EQ(table_.in_use(), 0U);
}

}  // namespace
