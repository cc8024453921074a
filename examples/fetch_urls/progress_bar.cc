#include "progress_bar.hpp"

#include <algorithm>
#include <iostream>
#include <string>

#include <unistd.h>

namespace fetch_urls {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t width = 40;
constexpr auto between_drawings = 50ms;  // so that the drawing takes no CPU time away from the fetching

}  // namespace

progress_bar::progress_bar(std::size_t total) : total_(std::max<std::size_t>(total, 1)) {}

bool progress_bar::is_wanted() {
    return isatty(STDERR_FILENO) == 1;
}

void progress_bar::begin(std::string_view what) {
    what_ = what;
    done_ = 0;
    draw();
}

void progress_bar::advance() {
    ++done_;
    if (done_ >= total_ || std::chrono::steady_clock::now() >= next_drawing_) {
        draw();
    }
}

void progress_bar::draw() {
    if (!wanted_) {
        return;
    }
    const std::size_t filled = std::min(done_, total_) * width / total_;
    std::string bar = std::string(filled, '=') + std::string(width - filled, ' ');
    std::string name(what_);
    name.resize(std::max<std::size_t>(name.size(), 12), ' ');
    std::cerr << '\r' << name << '[' << bar << "] " << done_ << '/' << total_ << "\x1b[K" << std::flush;
    next_drawing_ = std::chrono::steady_clock::now() + between_drawings;
}

void progress_bar::clear() {
    if (wanted_) {
        std::cerr << "\r\x1b[K" << std::flush;
    }
}

}  // namespace fetch_urls
