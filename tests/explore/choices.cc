#include "tests/explore/choices.hpp"

#include <bit>
#include <charconv>
#include <random>
#include <stdexcept>
#include <utility>

namespace explore {

unsigned choices::only(thread_set set) noexcept {
    return static_cast<unsigned>(std::countr_zero(set));
}

// Runs of equal choices as "choice" or "choice*count", with commas between.
std::string choices::schedule() const {
    std::string text;
    for (std::size_t i = 0; i < taken_.size();) {
        std::size_t end = i;
        while (end < taken_.size() && taken_[end] == taken_[i]) {
            ++end;
        }
        text += (text.empty() ? "" : ",") + std::to_string(taken_[i]);
        if (end - i > 1) {
            text += "*" + std::to_string(end - i);
        }
        i = end;
    }
    return text.empty() ? "0" : text;
}

namespace {

class replaying final : public choices {
public:
    explicit replaying(std::string_view schedule) {
        static constexpr std::size_t most = 1'000'000;  // as a choice, and in a row: far beyond what a run makes
        const char* at = schedule.data();
        const char* const end = at + schedule.size();
        const auto number = [&] {
            std::size_t n = 0;
            const auto [next, error] = std::from_chars(at, end, n);
            if (error != std::errc() || n > most) {
                throw std::invalid_argument("not a schedule: \"" + std::string(schedule) + "\"");
            }
            at = next;
            return n;
        };
        while (at != end) {
            const std::size_t choice = number();
            std::size_t count = 1;
            if (at != end && *at == '*') {
                ++at;
                count = number();
            }
            steps_.insert(steps_.end(), count, choice);
            if (at != end && *at == ',') {
                ++at;
            }
        }
    }

private:
    bool start() override {
        at_ = 0;
        return !std::exchange(done_, true);
    }
    std::size_t next(std::size_t fallback) { return at_ < steps_.size() ? steps_[at_++] : fallback; }
    std::size_t decide(choice_kind /*kind*/, std::size_t count) override { return std::min(next(0), count - 1); }
    std::size_t decide_thread(const thread_choice& c) override {
        const std::size_t wanted = next(c.previous);
        if (wanted < 32 && (c.enabled >> wanted & 1) != 0) {
            return wanted;
        }
        return only(c.enabled);  // another program than the one that printed the schedule
    }

    std::vector<std::size_t> steps_;
    std::size_t at_ = 0;
    bool done_ = false;
};

// What dice decide in both random searches.
class with_dice : public choices {
public:
    with_dice(std::uint64_t seed, std::uint64_t runs) : dice_(seed), left_(runs) {}

protected:
    bool start() override { return left_ != 0 && left_-- != 0; }
    std::size_t decide(choice_kind kind, std::size_t count) override {
        // The newest store, and no spurious failure, most of the time: bugs need few surprises, and loops end.
        if (roll(kind == choice_kind::value ? 3 : 8) != 0) {
            return 0;
        }
        return roll(count);
    }
    std::size_t roll(std::size_t sides) { return dice_() % sides; }
    unsigned any_of(thread_set set) {
        for (std::size_t skip = roll(static_cast<std::size_t>(std::popcount(set))); skip != 0; --skip) {
            set &= set - 1;
        }
        return only(set);
    }
    // Timeouts and spurious wake-ups now and then only.
    thread_set candidates(const thread_choice& c) {
        const thread_set forced = c.enabled & ~c.unforced;
        return forced == 0 || roll(16) == 0 ? c.enabled : forced;
    }

private:
    std::mt19937_64 dice_;
    std::uint64_t left_;
};

class at_random final : public with_dice {
public:
    using with_dice::with_dice;

private:
    std::size_t decide_thread(const thread_choice& c) override { return any_of(candidates(c)); }
};

class by_priority final : public with_dice {
public:
    by_priority(std::uint64_t seed, std::uint64_t runs, unsigned depth) : with_dice(seed, runs), depth_(depth) {}
    void end(std::size_t steps) override { longest_ = std::max(longest_, steps); }

private:
    bool start() override {
        if (!with_dice::start()) {
            return false;
        }
        for (std::size_t& p : priority_) {
            p = depth_ + roll(1'000'000);
        }
        changes_.assign(depth_ - 1, 0);
        for (std::size_t& step : changes_) {
            step = roll(longest_);
        }
        at_ = 0;
        lowest_ = depth_;
        return true;
    }
    std::size_t decide_thread(const thread_choice& c) override {
        const thread_set from = candidates(c);
        unsigned best = highest(from);
        for (const std::size_t step : changes_) {
            if (step == at_) {
                priority_[best] = --lowest_;
                best = highest(from);
            }
        }
        ++at_;
        return best;
    }
    [[nodiscard]] unsigned highest(thread_set set) const {
        unsigned best = only(set);
        for (unsigned t = best + 1; t < std::size(priority_); ++t) {
            if ((set >> t & 1) != 0 && priority_[t] > priority_[best]) {
                best = t;
            }
        }
        return best;
    }

    unsigned depth_;
    std::size_t longest_ = 100;
    std::size_t at_ = 0;
    std::size_t lowest_ = 0;
    std::size_t priority_[32] = {};
    std::vector<std::size_t> changes_;
};

}  // namespace

std::unique_ptr<choices> random_search(std::uint64_t seed, std::uint64_t runs) {
    return std::make_unique<at_random>(seed, runs);
}

std::unique_ptr<choices> pct_search(std::uint64_t seed, std::uint64_t runs, unsigned depth) {
    return std::make_unique<by_priority>(seed, runs, depth);
}

std::unique_ptr<choices> replay(std::string_view schedule) {
    return std::make_unique<replaying>(schedule);
}

}  // namespace explore
