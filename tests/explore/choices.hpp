// Where an execution could go on in more than one way, somebody chooses: a search through all ways, dice, or a schedule
// that was printed before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace explore {

using thread_set = std::uint32_t;  // bit i: thread i
constexpr thread_set one(unsigned thread) noexcept {
    return thread_set{1} << thread;
}

enum class choice_kind : std::uint8_t {
    value,     // which store a load reads, where a store stands; 0 is the newest
    spurious,  // 1: a weak compare-exchange, or a queue, fails for no reason
};

// Who may take the next step.
struct thread_choice {
    thread_set enabled = 0;     // can go on by themselves
    thread_set unforced = 0;    // among them, those that go on only by a timeout or a spurious wake-up
    unsigned previous = 0;      // who took the last step
    bool previous_can = false;  // and could go on: another choice is a preemption
};

class choices {
public:
    virtual ~choices() = default;
    choices() = default;
    choices(const choices&) = delete;
    choices& operator=(const choices&) = delete;

    // One of `count` possibilities, 0 being what happens without interference. Nothing is asked when there is only one.
    [[nodiscard]] std::size_t choose(choice_kind kind, std::size_t count) {
        return count <= 1 ? 0 : note(decide(kind, count));
    }
    [[nodiscard]] unsigned choose_thread(const thread_choice& c) {
        return (c.enabled & (c.enabled - 1)) == 0 ? only(c.enabled) : static_cast<unsigned>(note(decide_thread(c)));
    }

    // For partial-order reduction: how many choices there have been, and that at choice `where` another thread could
    // have gone first with another outcome.
    [[nodiscard]] std::size_t position() const noexcept { return taken_.size(); }
    virtual void reverse(std::size_t /*where*/, unsigned /*thread*/) {}
    // At choice `where`, a load could have read `value`, which `writer` stores later.
    virtual void offer_future(std::size_t /*where*/, std::uint64_t /*value*/, unsigned /*writer*/) {}
    struct future {
        std::uint64_t value;
        unsigned writer;
        friend bool operator==(const future&, const future&) = default;
    };
    // A choice among `count` possibilities, to which offer_future() may have added more.
    [[nodiscard]] virtual std::size_t choose_with_futures(std::size_t count) {
        return choose(choice_kind::value, count);
    }
    [[nodiscard]] virtual future taken_future(std::size_t /*beyond*/) const { return {}; }

    // Begins a run. False when there is nothing left to try.
    [[nodiscard]] bool begin() {
        taken_.clear();
        return start();
    }
    // The steps of the run that is over.
    virtual void end(std::size_t /*steps*/) {}
    // Whether all of a bounded space has been tried.
    [[nodiscard]] virtual bool complete() const { return false; }
    // For a person: what to say to see the last run again.
    [[nodiscard]] std::string schedule() const;

protected:
    virtual std::size_t decide(choice_kind kind, std::size_t count) = 0;
    virtual std::size_t decide_thread(const thread_choice& c) = 0;
    virtual bool start() = 0;
    std::size_t note(std::size_t choice) {
        taken_.push_back(static_cast<std::uint8_t>(choice));
        return choice;
    }
    static unsigned only(thread_set set) noexcept;

private:
    std::vector<std::uint8_t> taken_;
};

// Depth first through everything within the bounds, with dynamic partial-order reduction: Flanagan and Godefroid (POPL
// 2005), and for the bound on preemptions Coons, Musuvathi and McKinley (OOPSLA 2013). `limit` runs at most. Without
// `reduce`, every thread is tried everywhere.
[[nodiscard]] std::unique_ptr<choices> exhaustive_search(unsigned preemptions, std::uint64_t limit, bool reduce = true);
// Every choice by dice.
[[nodiscard]] std::unique_ptr<choices> random_search(std::uint64_t seed, std::uint64_t runs);
// Burckhardt, Kothari, Musuvathi and Nagarakatti (ASPLOS 2010): random priorities, lowered at depth - 1 random steps.
[[nodiscard]] std::unique_ptr<choices> pct_search(std::uint64_t seed, std::uint64_t runs, unsigned depth);
// One run, as choices::schedule() gave it. Throws std::invalid_argument when it does not read as one.
[[nodiscard]] std::unique_ptr<choices> replay(std::string_view schedule);

}  // namespace explore
