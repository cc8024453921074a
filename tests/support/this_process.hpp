// What the system says about this process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace test {

// How many file descriptors are open.
[[nodiscard]] std::size_t open_descriptors();

struct thread_status {
    int id = 0;
    std::string name;
    char state = '?';            // S: sleeping, R: running
    std::uint64_t switches = 0;  // how often it has left a processor, by itself or not

    friend bool operator==(const thread_status&, const thread_status&) = default;
};

// The threads whose names begin so, by id.
[[nodiscard]] std::vector<thread_status> threads_named(const std::string& beginning);

// The calling thread's name.
[[nodiscard]] std::string this_thread_name();

}  // namespace test
