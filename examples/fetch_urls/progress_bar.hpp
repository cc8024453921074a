// One line on standard error that is drawn over and over; nothing at all unless that is a terminal.
#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>

namespace fetch_urls {

class progress_bar {
public:
    explicit progress_bar(std::size_t total);
    ~progress_bar() { clear(); }
    progress_bar(const progress_bar&) = delete;
    progress_bar& operator=(const progress_bar&) = delete;

    // Whether anyone sees it.
    static bool is_wanted();

    void begin(std::string_view what);
    void advance();
    void clear();

private:
    void draw();

    bool wanted_ = is_wanted();
    std::size_t total_;
    std::size_t done_ = 0;
    std::string_view what_;
    std::chrono::steady_clock::time_point next_drawing_;
};

}  // namespace fetch_urls
