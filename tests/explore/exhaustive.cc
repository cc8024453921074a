// Depth-first search. The path holds every choice of the run; the next run repeats it up to the last choice that has
// something left to try, and takes that.
//
//   DFS1  A choice of a value tries everything. A choice of a thread tries what it was asked to: at first only the
//         thread that goes on by itself, later those that reverse() named, because a step of theirs conflicts with one
//         that was taken from here.
//   DFS2  With a bound on preemptions, the reversed step may lie beyond the bound where the conflict is. So the thread
//         is also tried where the running one was last switched to, which costs no more than the switch did (Coons et
//         al.).
//   DFS3  Timeouts and spurious wake-ups conflict with nothing and everything: they are tried wherever they can happen,
//         as long as the model's budget for them lasts.
//   DFS4  Without reduction everybody who can go on is tried at each choice: to check that the reduction loses nothing.
#include <bit>
#include <stdexcept>
#include <utility>

#include "tests/explore/choices.hpp"

namespace explore {

namespace {

class exhaustive final : public choices {
public:
    exhaustive(unsigned preemptions, std::uint64_t limit, bool reduce)
        : most_preemptions_(preemptions), left_(limit), reduce_(reduce) {}

    void reverse(std::size_t where, unsigned thread) override {
        if (where >= path_.size() || !path_[where].is_thread) {
            return;
        }
        add(path_[where], thread);
        for (std::size_t i = where; i-- > 0;) {  // DFS2
            if (path_[i].is_thread && path_[i].is_switch) {
                add(path_[i], thread);
                return;
            }
        }
    }
    void offer_future(std::size_t where, std::uint64_t value, unsigned writer) override {
        std::vector<future>& known = path_.at(where).futures;
        const future f{value, writer};
        for (const future& k : known) {
            if (k == f) {
                return;
            }
        }
        known.push_back(f);
    }
    std::size_t choose_with_futures(std::size_t count) override { return note(decide(choice_kind::value, count)); }
    future taken_future(std::size_t beyond) const override { return path_[at_ - 1].futures.at(beyond); }

    bool complete() const override { return exhausted_; }

private:
    struct node {
        bool is_thread = false;
        bool is_switch = false;  // the thread that was chosen is not the one that ran before
        std::size_t chosen = 0;
        std::size_t count = 0;  // of values
        std::vector<future> futures{};
        thread_choice threads{};
        thread_set to_try = 0;
        thread_set tried = 0;
        unsigned preemptions = 0;  // before this choice
    };

    bool start() override {
        at_ = 0;
        preemptions_ = 0;
        if (left_ == 0) {
            return false;
        }
        --left_;
        if (std::exchange(started_, true)) {
            while (!path_.empty() && !advance(path_.back())) {
                path_.pop_back();
            }
            exhausted_ = path_.empty();
        }
        return !exhausted_;
    }

    // The next thing to try at `n`; false when there is none.
    static bool advance(node& n) {
        if (!n.is_thread) {
            return ++n.chosen < n.count + n.futures.size();
        }
        const thread_set left = n.to_try & ~n.tried;
        if (left == 0) {
            return false;
        }
        take(n, static_cast<unsigned>(std::countr_zero(left)));
        return true;
    }
    static void take(node& n, unsigned thread) {
        n.chosen = thread;
        n.tried |= one(thread);
        n.is_switch = thread != n.threads.previous;
    }
    static bool is_preemption(const node& n, unsigned thread) {
        return n.threads.previous_can && thread != n.threads.previous;
    }

    void add(node& n, unsigned thread) {
        // When the thread could not have gone first, whoever could may have made it able to.
        const thread_set wanted = (n.threads.enabled & one(thread)) != 0 ? one(thread) : n.threads.enabled;
        for (unsigned t = 0; t < 32; ++t) {
            if ((wanted & one(t)) != 0 && n.preemptions + (is_preemption(n, t) ? 1U : 0U) <= most_preemptions_) {
                n.to_try |= one(t);
            }
        }
    }

    std::size_t decide(choice_kind /*kind*/, std::size_t count) override {
        if (at_ == path_.size()) {
            path_.push_back({.count = count, .preemptions = preemptions_});
        }
        const node& n = path_[at_++];
        if (n.is_thread || n.count != count) {
            throw std::logic_error("the model does not behave the same when its choices are repeated");
        }
        return n.chosen;
    }

    std::size_t decide_thread(const thread_choice& c) override {
        if (at_ == path_.size()) {
            path_.push_back({.is_thread = true, .threads = c, .preemptions = preemptions_});
            node& n = path_.back();
            const thread_set forced = c.enabled & ~c.unforced;
            take(n, c.previous_can ? c.previous : only(forced != 0 ? forced : c.enabled));
            const thread_set anyway = reduce_ ? (forced != 0 ? c.unforced : 0) : c.enabled;  // DFS3, DFS4
            for (unsigned t = 0; t < 32; ++t) {
                if ((anyway & one(t)) != 0) {
                    add(n, t);
                }
            }
        }
        const node& n = path_[at_++];
        if (!n.is_thread || n.threads.enabled != c.enabled) {
            throw std::logic_error("the model does not behave the same when its choices are repeated");
        }
        const auto thread = static_cast<unsigned>(n.chosen);
        preemptions_ += is_preemption(n, thread) ? 1U : 0U;
        return thread;
    }

    unsigned most_preemptions_;
    std::uint64_t left_;
    bool reduce_;
    std::vector<node> path_;
    std::size_t at_ = 0;
    unsigned preemptions_ = 0;
    bool started_ = false;
    bool exhausted_ = false;
};

}  // namespace

std::unique_ptr<choices> exhaustive_search(unsigned preemptions, std::uint64_t limit, bool reduce) {
    return std::make_unique<exhaustive>(preemptions, limit, reduce);
}

}  // namespace explore
