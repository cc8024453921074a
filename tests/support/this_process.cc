#include "tests/support/this_process.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <pthread.h>

namespace test {

namespace {

// A thread that ends while it is looked at gives an empty name.
thread_status status_in(const std::filesystem::path& folder) {
    thread_status status;
    status.id = std::stoi(folder.filename());
    std::ifstream lines(folder / "status");
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string key;
        std::getline(words, key, ':');
        if (key == "Name") {
            words.ignore(1);  // the tab
            std::getline(words, status.name);
        } else if (key == "State") {
            words >> status.state;
        } else if (key.ends_with("_ctxt_switches")) {
            std::uint64_t count = 0;
            words >> count;
            status.switches += count;
        }
    }
    return status;
}

}  // namespace

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator entries("/proc/self/fd");
    // One of them is the iterator's own.
    return static_cast<std::size_t>(std::distance(begin(entries), end(entries))) - 1;
}

std::vector<thread_status> threads_named(const std::string& beginning) {
    std::vector<thread_status> found;
    for (const std::filesystem::directory_entry& entry : std::filesystem::directory_iterator("/proc/self/task")) {
        thread_status status = status_in(entry.path());
        if (status.name.starts_with(beginning)) {
            found.push_back(std::move(status));
        }
    }
    std::ranges::sort(found, {}, &thread_status::id);
    return found;
}

std::string this_thread_name() {
    std::array<char, 16> name{};
    ::pthread_getname_np(::pthread_self(), name.data(), name.size());
    return name.data();
}

}  // namespace test
