#pragma once

#include <utility>

#include <unistd.h>

namespace fetch_urls {

// Owns a file descriptor.
class file_descriptor {
public:
    file_descriptor() = default;
    explicit file_descriptor(int number) : number_(number) {}
    file_descriptor(file_descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    file_descriptor& operator=(file_descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~file_descriptor() { close(); }

    int number() const { return number_; }
    bool is_open() const { return number_ >= 0; }
    void close() {
        if (is_open()) {
            ::close(std::exchange(number_, -1));  // Linux closes it whatever close returns
        }
    }

private:
    int number_ = -1;
};

}  // namespace fetch_urls
