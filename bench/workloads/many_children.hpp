// One parent with very many children that do next to nothing: what starting and joining them costs by the form that a
// runtime has for children of one parent (fork and join, a task group, a scope), without a handle for each.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "bench/workloads/description.hpp"

namespace workloads {

class many_children {
public:
    static constexpr description about{"fork_join", "many_children", 1'000'000, 0, 1'000, true};

    explicit many_children(unsigned children) : marks_(children) {}
    template <class Runtime>
    void run(Runtime& runtime)
        requires requires(std::vector<unsigned char>& marks) { runtime.mark_all(marks); }
    {
        std::ranges::fill(marks_, static_cast<unsigned char>(0));
        runtime.mark_all(marks_);
    }
    [[nodiscard]] bool is_right() const { return marked() == marks_.size(); }
    [[nodiscard]] double result() const { return static_cast<double>(marked()); }
    [[nodiscard]] double items() const { return static_cast<double>(marks_.size()); }

    // What a child does.
    [[gnu::noinline]] static void mark(unsigned char& own) { own = 1; }

private:
    [[nodiscard]] std::size_t marked() const { return static_cast<std::size_t>(std::ranges::count(marks_, 1)); }

    std::vector<unsigned char> marks_;
};

}  // namespace workloads
