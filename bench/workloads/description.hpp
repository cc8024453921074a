// What a program says about a work, and how a runtime takes part.
//
// A work is a class:
//
//     static constexpr description about;
//     explicit work(unsigned size);                       // makes the input
//     template <class Runtime> void run(Runtime& runtime) // what is timed
//         requires requires { runtime.fib(1U); };         // which runtimes take part
//     bool is_right() const;                              // after run()
//     double result() const;                              // the same for every runtime and language
//     double items() const;                               // what a rate counts; 0 where there is nothing to count
//
// A runtime is a class that is made from a number of workers and has one function for each work that it takes part in.
#pragma once

#include <string_view>

namespace workloads {

struct description {
    std::string_view suite;
    std::string_view name;
    unsigned size;          // as the reports give it
    unsigned reduced_size;  // for runtimes that cannot do that; 0: there is no such size
    unsigned small_size;    // milliseconds: to warm up, and for tests
    bool is_repeatable;     // run() may be called many times on the same input
    double tolerance = 0;   // relative, where results of different compilers may differ
};

// Why a runtime does not run a work at all sizes, or not on several workers.
struct limit {
    unsigned largest_size = ~0U;
    unsigned most_workers = ~0U;
    std::string_view reason = "";
};

// Specialised for runtimes that have limits: gives that of the work with this name.
template <class Runtime>
[[nodiscard]] limit limit_of(std::string_view /*work*/) {
    return {};
}

}  // namespace workloads
