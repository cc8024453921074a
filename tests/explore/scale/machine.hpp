// A simulated machine with as many processors as threads: what the runtime's sources do through the door takes virtual
// time there, by a table of costs, and all of it happens on one thread of the system.
//
// Each thread has a processor, and each processor a clock. The one whose clock is least runs on, so that events happen
// in the order of virtual time. To switch less often, one may run ahead of the others by about as much as a cache line
// takes to come (`lookahead`): what it does meanwhile could not have reached them earlier anyway.
//
//   MCH1  Every execution is one of the sequentially consistent interleavings of the sources: the order of virtual time
//         decides which, nothing else. Values are always the newest. The first simulation in a process is the same
//         each time, for the same costs and the same seed; a later one finds another heap, and so other neighbours in
//         cache lines.
//   MCH2  A cache line is in the caches of those that have read it since it was written, or of its writer. Who has it
//         pays for an access; who does not waits for a transfer. Transfers to writers of one line come one after the
//         other, and readers wait for the one under way; then any number of readers get it at once.
//   MCH3  A heavy fence waits for the heavy fences of others (Linux 6.8 and later take a mutex), and interrupts each
//         processor that runs.
//   MCH4  A sleeper costs nothing, and runs on some time after the wake-up.
//   MCH5  What a processor spends is booked under one of the activities below, so that they add up to the time that has
//         passed.
//
// docs/scale.md says what this leaves out.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "tests/explore/scale/cache.hpp"
#include "tests/explore/scale/costs.hpp"

namespace scale {

enum class activity : std::uint8_t {
    work,         // of the computation
    accesses,     // the scheduler's own instructions
    transfers,    // of cache lines
    queueing,     // for a cache line that others transfer
    fences,       // heavy ones, and waiting for those of others
    interrupted,  // by the heavy fences of others
    calls,        // into the system: to sleep, to wake, to read the clock
    asleep,
};
inline constexpr std::size_t activities = 8;
using time_sheet = std::array<picoseconds, activities>;

// A place in the sources and the time that processors have waited there for cache lines.
struct hot_place {
    std::string where;
    picoseconds waited;
};

class machine {
public:
    static machine& the() {
        static machine* const only = new machine;  // static objects may use the door until the very end
        return *only;
    }

    // Runs `body` as the first thread, and what it starts, until all have ended. Ends the process when they wait for
    // each other. `seed` varies the latency of wake-ups by a tenth.
    void run(const cost_table& costs, std::uint64_t seed, std::function<void()> body);

    // ---- from here on: called on a simulated thread

    // The computation has done so much.
    void work(picoseconds time) noexcept { book(activity::work, time); }
    // The scheduler has run instructions that the door does not see.
    void spend_on_scheduler(picoseconds time) noexcept { book(activity::accesses, time); }
    void begin_measuring() noexcept;
    // Since begin_measuring(): the virtual time that has passed, and what each thread did with it.
    struct measurement {
        picoseconds makespan;
        std::vector<time_sheet> threads;
        std::uint64_t accesses;
        std::uint64_t fences;   // heavy ones
        std::uint64_t wakeups;  // by futexes
        std::vector<hot_place> hot_places;
    };
    [[nodiscard]] measurement end_measuring();

    [[nodiscard]] unsigned current() const noexcept { return current_->number; }
    [[nodiscard]] picoseconds now() const noexcept { return current_->clock; }
    [[nodiscard]] const cost_table& costs() const noexcept { return costs_; }

    void read(const void* address, const std::source_location& where) {
        begin_access(costs_.access);
        cache_line_state& line = lines_.at(address);
        if (!line.readers[current_->number]) [[unlikely]] {
            fetch(line, false, where);
        }
    }
    void write(const void* address, bool is_locked, const std::source_location& where) {
        begin_access(is_locked ? costs_.access + costs_.locked : costs_.access);
        cache_line_state& line = lines_.at(address);
        if (line.only_reader != current_->number) [[unlikely]] {
            fetch(line, true, where);
        }
    }
    void full_fence() {
        wait_for_turn();
        book(activity::accesses, costs_.locked);
    }
    void light_fence() { book(activity::accesses, costs_.light_fence); }
    void heavy_fence();
    void read_clock() { book(activity::calls, costs_.clock); }

    // `limit`: virtual time, or never.
    void futex_wait(const void* word, bool holds_expected, picoseconds limit);
    void futex_wake(const void* word, unsigned most);
    void yield();

    unsigned start_thread(std::function<void()> body);
    void join_thread(unsigned thread);
    void at_thread_end(void (*last)() noexcept) noexcept { current_->at_end = last; }
    // Called when all threads have ended.
    void at_process_end(void (*last)()) { at_process_end_.push_back(last); }

    static constexpr picoseconds never = INT64_MAX;

private:
    static constexpr picoseconds lookahead = 50'000;

    enum class state : std::uint8_t { ready, asleep, ended };
    struct fiber;
    struct processor {
        unsigned number = 0;
        state now = state::ready;
        bool timed_out = false;
        activity latest = activity::accesses;
        picoseconds clock = 0;
        picoseconds lost = 0;  // to interruptions that have not been booked
        picoseconds asleep_since = 0;
        picoseconds wakes_at = never;  // by its limit
        const void* waits_for = nullptr;
        std::size_t place = 0;  // in queue_
        std::function<void()> body;
        void (*at_end)() noexcept = nullptr;
        time_sheet spent{};
        std::unique_ptr<fiber> context;
    };

    machine();
    ~machine();

    void book(activity what, picoseconds time) noexcept {
        current_->clock += time;
        current_->spent[static_cast<std::size_t>(what)] += time;
        current_->latest = what;
    }
    void wait_for_turn() {
        if (current_->clock > horizon_) [[unlikely]] {
            pass_on();
        }
    }
    void begin_access(picoseconds cost) {
        wait_for_turn();
        ++accesses_;
        book(activity::accesses, cost);
    }
    void fetch(cache_line_state& line, bool to_write, const std::source_location& where);

    // The processors that run or have a limit to their sleep, the earliest first: a binary heap. The current one stands
    // at the front as long as it runs, whatever its clock says.
    [[nodiscard]] static picoseconds key_of(const processor& p) noexcept {
        return p.now == state::asleep ? p.wakes_at : p.clock;
    }
    [[nodiscard]] static bool is_before(const processor& a, const processor& b) noexcept {
        return key_of(a) != key_of(b) ? key_of(a) < key_of(b) : a.number < b.number;
    }
    void put_at(std::size_t place, processor& p) noexcept;
    void sift_up(std::size_t place) noexcept;
    void sift_down(std::size_t place) noexcept;
    void enqueue(processor& p);
    void dequeue(processor& p) noexcept;

    // Who runs next. The end of everything when nobody is left: `outside_`.
    [[nodiscard]] processor& next_to_run();
    void pass_on();
    void set_horizon() noexcept;
    void sleep_on(const void* what, picoseconds limit);
    void wake(processor& p, picoseconds delay);
    void switch_to(processor& next);
    void run_thread(processor& p);

    cost_table costs_;
    std::minstd_rand random_;
    cache_directory lines_;
    processor* current_ = nullptr;
    processor* left_ = nullptr;  // who was current before a switch
    picoseconds horizon_ = 0;    // how far the current one may run
    picoseconds fences_end_ = 0;
    std::uint64_t accesses_ = 0;
    std::uint64_t fences_ = 0;
    std::uint64_t wakeups_ = 0;
    std::vector<std::unique_ptr<processor>> processors_;
    std::vector<processor*> queue_;
    std::vector<void (*)()> at_process_end_;
    picoseconds measured_from_ = 0;
    std::map<std::pair<const char*, unsigned>, picoseconds> waited_;  // by file and line
    processor outside_;                                               // what no simulated thread does; takes no time
};

}  // namespace scale
