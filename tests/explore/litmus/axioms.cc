// The outcomes of a program by the axioms of C++20, found by trying every candidate execution: every choice of which
// compare-exchanges succeed, every modification order, every store for every load. Nothing is shared with the explorer,
// which runs a machine in place of this.
//
//   AX1  happens-before is the closure of sequenced-before and synchronizes-with ([intro.races], [atomics.order]/2,
//        [atomics.fences]); release sequences go on through read-modify-writes only.
//   AX2  coherence: who happens before another is not coherence-ordered behind it ([intro.races]/11-14).
//   AX3  S, a total order of the sequentially consistent operations and fences, agrees with strongly-happens-before and
//        with the four rules of [atomics.order]/4. `s_agrees` asks for happens-before in place of the former.
//   AX4  A light fence is such a fence as far as heavy ones are concerned: what is ordered behind a light fence by one
//        of these rules must not stand before it in S with a heavy one in between.
#include <algorithm>
#include <vector>

#include "tests/explore/litmus/program.hpp"
#include "tests/explore/litmus/relation.hpp"

namespace explore::litmus {

namespace {

struct event {
    instruction code;
    std::size_t thread = 0;  // 0: the values at the start
    bool is_read = false;
    bool is_write = false;
    std::memory_order order{};  // that counts: of a compare-exchange that failed, the one for that
    int read = 0;
    int written = 0;
    std::size_t from = 0;  // reads-from
};

bool is_fence(const event& e) {
    return e.code.what >= action::fence;
}
bool is_light(const event& e) {
    return e.code.what == action::light_fence;
}
bool is_heavy(const event& e) {
    return e.code.what == action::heavy_fence;
}
bool is_acquire(const event& e) {
    return e.order == acq || e.order == acq_rel || e.order == sc;
}
bool is_release(const event& e) {
    return e.order == rel || e.order == acq_rel || e.order == sc;
}
bool is_sc_access(const event& e) {
    return !is_fence(e) && e.thread != 0 && e.order == sc;
}
bool is_sc_fence(const event& e) {
    return is_fence(e) && (e.order == sc || is_light(e));
}
bool is_in_s(const event& e) {
    return is_sc_access(e) || is_sc_fence(e);
}

class candidates {
public:
    candidates(const program& p, letter l) : letter_(l), objects_(object_count(p)) {
        for (unsigned o = 0; o < objects_; ++o) {
            events_.push_back({.code = store(o, 0, rlx), .is_write = true, .order = rlx});
        }
        for (std::size_t t = 0; t < p.size(); ++t) {
            for (const instruction& i : p[t]) {
                event e{.code = i, .thread = t + 1, .order = i.order};
                e.is_read = reads(i);
                e.is_write = !is_fence(e) && i.what != action::load;
                e.order = is_heavy(e) ? sc : is_light(e) ? rlx : i.order;
                events_.push_back(e);
            }
        }
        for (std::size_t a = 0; a < events_.size(); ++a) {
            for (std::size_t b = a + 1; b < events_.size(); ++b) {
                const bool from_start = events_[a].thread == 0 && events_[b].thread != 0;
                if (from_start || (events_[a].thread == events_[b].thread && events_[a].thread != 0)) {
                    add_to(sequenced_, a, b);
                }
            }
        }
    }

    outcomes all() {
        choose_successes(0);
        return std::move(found_);
    }

private:
    void choose_successes(std::size_t at) {
        while (at < events_.size() && events_[at].code.what != action::compare_swap) {
            ++at;
        }
        if (at == events_.size()) {
            writes_.assign(objects_, {});
            for (std::size_t e = 0; e < events_.size(); ++e) {
                if (events_[e].is_write) {
                    writes_[events_[e].code.object].push_back(e);
                }
            }
            choose_modification_order(0);
            return;
        }
        for (const bool succeeds : {true, false}) {
            events_[at].is_write = succeeds;
            events_[at].order = succeeds ? events_[at].code.order : events_[at].code.failure;
            choose_successes(at + 1);
        }
    }

    // The values at the start stay first.
    void choose_modification_order(unsigned object) {
        if (object == objects_) {
            choose_reads(0);
            return;
        }
        std::vector<std::size_t>& order = writes_[object];
        std::sort(order.begin() + 1, order.end());
        do {
            if (give_values(order)) {
                choose_modification_order(object + 1);
            }
        } while (std::next_permutation(order.begin() + 1, order.end()));
    }

    // A read-modify-write reads what stands before it. False when a compare-exchange would not have succeeded.
    bool give_values(const std::vector<std::size_t>& order) {
        for (std::size_t i = 1; i < order.size(); ++i) {
            event& e = events_[order[i]];
            e.written = e.code.value;
            if (e.is_read) {
                e.from = order[i - 1];
                e.read = events_[e.from].written;
                e.written += e.code.what == action::add ? e.read : 0;
                if (e.code.what == action::compare_swap && e.read != e.code.expected) {
                    return false;
                }
            }
        }
        return true;
    }

    void choose_reads(std::size_t at) {
        while (at < events_.size() && (!events_[at].is_read || events_[at].is_write)) {
            ++at;
        }
        if (at == events_.size()) {
            check();
            return;
        }
        for (const std::size_t w : writes_[events_[at].code.object]) {
            event& e = events_[at];
            e.from = w;
            e.read = events_[w].written;
            if (e.code.what != action::compare_swap || e.read != e.code.expected) {
                choose_reads(at + 1);
            }
        }
    }

    void check() {
        relation happens = sequenced_;
        relation synchronizes{};
        for (std::size_t r = 0; r < events_.size(); ++r) {
            if (events_[r].is_read) {
                add_synchronizes_with(r, synchronizes);
            }
        }
        for (std::size_t a = 0; a < events_.size(); ++a) {
            happens[a] |= synchronizes[a];
        }
        close(happens, events_.size());
        const relation coherence = coherence_order();
        for (std::size_t a = 0; a < events_.size(); ++a) {
            for (std::size_t b = 0; b < events_.size(); ++b) {
                if (has(happens, a, b) && (a == b || has(coherence, b, a))) {
                    return;  // AX2
                }
            }
        }
        if (has_s(happens, synchronizes, coherence)) {
            note();
        }
    }

    void add_synchronizes_with(std::size_t r, relation& to) const {
        // Back through the release sequences that contain what `r` reads.
        for (std::size_t head = events_[r].from;; head = events_[head].from) {
            for (std::size_t a = 0; a < events_.size(); ++a) {
                const bool releases = is_release(events_[a]) && events_[head].thread != 0 &&
                                      (a == head || (is_fence(events_[a]) && has(sequenced_, a, head)));
                for (std::size_t b = 0; releases && b < events_.size(); ++b) {
                    if (is_acquire(events_[b]) && (b == r || (is_fence(events_[b]) && has(sequenced_, r, b)))) {
                        add_to(to, a, b);
                    }
                }
            }
            if (!events_[head].is_read) {
                return;
            }
        }
    }

    // [atomics.order]/3: reads-from, modification order, reads-before, and their closure.
    relation coherence_order() const {
        relation r{};
        for (const std::vector<std::size_t>& order : writes_) {
            for (std::size_t i = 0; i + 1 < order.size(); ++i) {
                add_to(r, order[i], order[i + 1]);
            }
        }
        for (std::size_t e = 0; e < events_.size(); ++e) {
            if (events_[e].is_read) {
                add_to(r, events_[e].from, e);
                const std::vector<std::size_t>& order = writes_[events_[e].code.object];
                const auto next = std::ranges::find(order, events_[e].from) + 1;
                if (next != order.end() && *next != e) {
                    add_to(r, e, *next);
                }
            }
        }
        close(r, events_.size());
        return r;
    }

    // The four rules for S, as "must stand before".
    relation rules_for_s(const relation& happens, const relation& coherence) const {
        relation rules{};
        const auto ends = [&](std::size_t a, bool before) {  // a itself, and the fences before or behind it
            std::vector<std::size_t> found;
            for (std::size_t f = 0; f < events_.size(); ++f) {
                if ((f == a && is_sc_access(events_[a])) ||
                    (is_sc_fence(events_[f]) && (before ? has(happens, f, a) : has(happens, a, f)))) {
                    found.push_back(f);
                }
            }
            return found;
        };
        for (std::size_t a = 0; a < events_.size(); ++a) {
            for (std::size_t b = 0; b < events_.size(); ++b) {
                if (!has(coherence, a, b)) {
                    continue;
                }
                for (const std::size_t first : ends(a, true)) {
                    for (const std::size_t second : ends(b, false)) {
                        add_to(rules, first, second);
                    }
                }
            }
        }
        return rules;
    }

    // [intro.races]/12.
    relation strongly_happens(const relation& happens, const relation& synchronizes) const {
        relation strongly = sequenced_;
        for (std::size_t a = 0; a < events_.size(); ++a) {
            for (std::size_t b = 0; b < events_.size(); ++b) {
                if (has(synchronizes, a, b) && events_[a].order == sc && events_[b].order == sc) {
                    add_to(strongly, a, b);
                }
                for (std::size_t u = 0; u < events_.size(); ++u) {
                    for (std::size_t v = 0; v < events_.size(); ++v) {
                        if (has(sequenced_, a, u) && has(happens, u, v) && has(sequenced_, v, b)) {
                            add_to(strongly, a, b);
                        }
                    }
                }
            }
        }
        close(strongly, events_.size());
        return strongly;
    }

    bool has_s(const relation& happens, const relation& synchronizes, const relation& coherence) const {
        relation rules = rules_for_s(happens, coherence);
        const relation base = letter_ == letter::standard ? strongly_happens(happens, synchronizes) : happens;
        if (std::ranges::any_of(events_, is_light)) {
            return has_s_by_trial(base, rules);
        }
        for (std::size_t a = 0; a < events_.size(); ++a) {
            rules[a] |= base[a];
            for (std::size_t b = 0; b < events_.size(); ++b) {
                if (!is_in_s(events_[a]) || !is_in_s(events_[b])) {
                    rules[a] &= ~(std::uint32_t{1} << b);
                }
            }
        }
        add_time(rules);
        return !has_cycle(rules, events_.size());
    }

    // For no_load_buffering: the order in which a machine could have taken the steps.
    void add_time(relation& rules) const {
        if (letter_ != letter::no_load_buffering) {
            return;
        }
        for (std::size_t a = 0; a < events_.size(); ++a) {
            rules[a] |= sequenced_[a];
            if (events_[a].is_read) {
                add_to(rules, events_[a].from, a);
            }
        }
    }

    // AX4
    bool has_s_by_trial(const relation& base, const relation& rules) const {
        std::vector<std::size_t> s;
        for (std::size_t e = 0; e < events_.size(); ++e) {
            if (is_in_s(events_[e])) {
                s.push_back(e);
            }
        }
        do {
            relation time{};
            for (std::size_t i = 0; i + 1 < s.size(); ++i) {
                add_to(time, s[i], s[i + 1]);
            }
            add_time(time);
            if (obeys(s, base, rules) && !has_cycle(time, events_.size())) {
                return true;
            }
        } while (std::next_permutation(s.begin(), s.end()));
        return false;
    }
    bool obeys(const std::vector<std::size_t>& s, const relation& base, const relation& rules) const {
        for (std::size_t late = 0; late < s.size(); ++late) {
            bool heavy_between = false;
            for (std::size_t early = late; early-- > 0;) {
                const event& a = events_[s[early]];
                const event& b = events_[s[late]];
                const bool counts = heavy_between || (!is_light(a) && !is_light(b)) || is_heavy(a) || is_heavy(b);
                if (has(base, s[late], s[early]) || (counts && has(rules, s[late], s[early]))) {
                    return false;
                }
                heavy_between = heavy_between || is_heavy(a);
            }
        }
        return true;
    }

    void note() {
        outcome o;
        for (const event& e : events_) {
            if (e.is_read) {
                o.push_back(e.read);
            }
        }
        for (const std::vector<std::size_t>& order : writes_) {
            o.push_back(events_[order.back()].written);
        }
        found_.insert(std::move(o));
    }

    letter letter_;
    unsigned objects_;
    std::vector<event> events_;
    relation sequenced_{};
    std::vector<std::vector<std::size_t>> writes_;  // by object, in modification order
    outcomes found_;
};

}  // namespace

unsigned object_count(const program& p) {
    unsigned count = 0;
    for (const thread_code& t : p) {
        for (const instruction& i : t) {
            count = std::max(count, i.what < action::fence ? i.object + 1 : 0);
        }
    }
    return count;
}

outcomes allowed(const program& p, letter l) {
    return candidates(p, l).all();
}

}  // namespace explore::litmus
