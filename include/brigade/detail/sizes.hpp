// How far things go before a rare path is taken. What the runtime really uses stands here; a build that explores
// interleavings has small ones, so that it takes all paths. Every side of the door (sync.hpp) gives each a value: one
// that is forgotten, misspelt or of another type does not compile.
#pragma once

#include <chrono>
#include <cstddef>

namespace brigade::detail::sync {

struct size_settings {
    std::size_t first_ring;    // slots of a queue at first
    std::size_t kept_ring;     // slots that a queue may have when its worker rests
    std::size_t batch;         // the most tasks that are moved at once
    std::size_t ready_many;    // tasks of a worker with which it looks for injected ones rarely
    std::size_t ready_enough;  // and beyond which it injects reluctantly
    std::size_t registry_shards;
    unsigned shard_turn;                     // entries in a row that a thread adds to one shard
    std::chrono::nanoseconds fork_patience;  // that ready tasks have with one that forks
    std::chrono::nanoseconds watch_period;   // between two looks at the poller's seat
    std::chrono::nanoseconds long_stay;      // away from the seat: another may come meanwhile
    unsigned measured_sitting;               // one in so many
    unsigned measured_lone;                  // the same of tasks that are ready alone
    std::chrono::nanoseconds standby;        // of who has just gone to sleep
    unsigned turns_to_glance;                // of a worker's loop, at first, from one look at the clock to the next
    std::chrono::nanoseconds glance_period;  // at least, between two glances at the events
    std::size_t frame_page;                  // bytes; a power of two
    std::size_t frame_magazine;              // frames that move together between a thread and a page
    std::size_t frame_pages_kept;            // unused pages that stay for the next burst
};

inline constexpr size_settings real_sizes{
    .first_ring = 256,
    .kept_ring = 4096,
    .batch = 32,
    .ready_many = 32,
    .ready_enough = 256,
    .registry_shards = 16,
    .shard_turn = 32,
    .fork_patience = std::chrono::microseconds(10),
    .watch_period = std::chrono::milliseconds(1),
    .long_stay = std::chrono::microseconds(30),
    .measured_sitting = 7,
    .measured_lone = 31,
    .standby = std::chrono::milliseconds(5),
    .turns_to_glance = 16,
    .glance_period = std::chrono::microseconds(200),
    .frame_page = 64 * 1024,
    .frame_magazine = 32,
    .frame_pages_kept = 32,
};

}  // namespace brigade::detail::sync
