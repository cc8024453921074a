// Runs the example as its user would, and keeps what it says.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace example_test {

struct outcome {
    int exit_status = 0;  // 128 and the signal's number if one ended it
    std::string output;
    std::string errors;
};

enum class errors_go_to { file, terminal };

// A folder of its own for the test that runs, empty at first.
std::filesystem::path fresh_folder();

// Runs fetch_urls in `folder`.
outcome run_fetch_urls(const std::filesystem::path& folder, const std::vector<std::string>& arguments,
                       errors_go_to = errors_go_to::file);

void write_file(const std::filesystem::path&, const std::string& content);
std::string read_file(const std::filesystem::path&);
std::vector<std::string> lines_of(const std::string& text);

}  // namespace example_test
