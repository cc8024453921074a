// The owning end of a socket that a reactor watches.
#pragma once

#include <cstdint>
#include <utility>

namespace brigade {
class executor;
}

namespace brigade::detail {

class registration;

// Names a socket without keeping it open. A registration serves many sockets in turn; the generation tells them apart.
struct socket_ref {
    registration* entry = nullptr;
    std::uint32_t generation = 0;
};

// Move-only. Destroying it closes the socket; operations in flight end with errc::closed.
class socket {
public:
    socket() = default;
    // Takes over a non-blocking fd; closes it if that fails (std::bad_alloc, std::system_error).
    socket(executor& home, int fd);
    socket(socket&& other) noexcept : ref_(std::exchange(other.ref_, {})) {}
    socket& operator=(socket&& other) noexcept {
        if (this != &other) {
            close();
            ref_ = std::exchange(other.ref_, {});
        }
        return *this;
    }
    ~socket() { close(); }

    // Any thread, also while others use the socket. Does nothing the second time.
    void close() noexcept;
    [[nodiscard]] socket_ref ref() const noexcept { return ref_; }
    // -1 when closed or moved from.
    [[nodiscard]] int fd() const noexcept;

private:
    socket_ref ref_;  // constant from construction or assignment on
};

}  // namespace brigade::detail
