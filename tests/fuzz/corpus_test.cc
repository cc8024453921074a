// What the fuzzer has found, and a few thousand variations of each: with every compiler and sanitizer.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/fuzz/fuzzed.hpp"

namespace {

using bytes = std::vector<std::byte>;
using fuzzed = void (*)(fuzz::input);

std::vector<bytes> corpus(const std::string& name) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator("tests/fuzz/corpus/" + name)) {
        files.push_back(entry.path());
    }
    std::ranges::sort(files);
    std::vector<bytes> all;
    for (const auto& file : files) {
        std::ifstream stream(file, std::ios::binary);
        const std::string text(std::istreambuf_iterator<char>(stream), {});
        const auto read = std::as_bytes(std::span(text));
        all.emplace_back(read.begin(), read.end());
    }
    return all;
}

// One of what the fuzzer does to an input as well.
bytes varied(bytes one, const std::vector<bytes>& all, std::minstd_rand& random) {
    const auto any_place = [&] { return one.begin() + static_cast<std::ptrdiff_t>(random() % (one.size() + 1)); };
    const auto any_byte = [&] { return static_cast<std::byte>(random() >> 8); };
    switch (random() % 5) {
        case 0:
            one.insert(any_place(), any_byte());
            break;
        case 1:
            one.erase(any_place(), one.end());
            break;
        case 2:
            if (const auto at = any_place(); at != one.end()) {
                *at = any_byte();
            }
            break;
        case 3:
            if (const auto at = any_place(); at != one.end()) {
                *at ^= std::byte{1} << static_cast<int>(random() % 8);
            }
            break;
        default: {
            const bytes& other = all[random() % all.size()];
            one.insert(any_place(), other.begin(), other.end());
            break;
        }
    }
    return one;
}

void expect_no_complaint(const std::string& name, fuzzed function) {
    const std::vector<bytes> all = corpus(name);
    ASSERT_GE(all.size(), 10U) << "the corpus is not where it should be";
    std::minstd_rand random(7);
    for (const bytes& one : all) {
        function(one);
        bytes next = one;
        for (int i = 0; i < 100; ++i) {
            next = varied(i % 10 == 0 ? one : std::move(next), all, random);
            function(next);
        }
    }
    function({});
}

TEST(corpus, framing_agrees_with_a_search_in_the_whole_stream) {
    expect_no_complaint("framing", &fuzz::framing);
}

TEST(corpus, endpoints_are_parsed_as_they_are_printed) {
    expect_no_complaint("endpoint", &fuzz::endpoint);
}

TEST(corpus, unix_endpoints_are_parsed_as_they_are_printed) {
    expect_no_complaint("unix_endpoint", &fuzz::unix_endpoint);
}

}  // namespace
