// A file descriptor with an owner.
#pragma once

#include <utility>

namespace brigade {

// Move-only; closes the descriptor when it goes. Belongs to one thread at a time.
class owned_fd {
public:
    owned_fd() = default;  // none
    // Takes over `fd`, an open descriptor or -1 for none.
    explicit owned_fd(int fd) noexcept : fd_(fd) {}
    owned_fd(owned_fd&& other) noexcept : fd_(other.release()) {}
    owned_fd& operator=(owned_fd&& other) noexcept {
        if (this != &other) {
            reset(other.release());
        }
        return *this;
    }
    ~owned_fd() { reset(); }

    // -1 for none.
    [[nodiscard]] int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ != -1; }
    // The caller owns it from here on.
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
    // Closes what is there. Terminates, with a report, when that was closed behind its back.
    void reset(int fd = -1) noexcept;

private:
    int fd_ = -1;
};

}  // namespace brigade
