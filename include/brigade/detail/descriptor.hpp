// The owning end of a file descriptor that a reactor watches.
#pragma once

#include <cstdint>
#include <utility>

namespace brigade {
class executor;
}

namespace brigade::detail {

class registration;

// Names a descriptor without keeping it open. A registration serves many in turn; the generation tells them apart.
struct descriptor_ref {
    registration* entry = nullptr;
    std::uint32_t generation = 0;
};

// What a descriptor is, as far as it is read and written in different ways.
enum class file_kind : std::uint8_t {
    tcp_connection,  // a read that got less than it asked for has emptied it
    socket,          // of another kind
    pipe,            // as a TCP connection
    other,
};

// Whether others, in this process or another, use the same open file: then closing this descriptor leaves a connection
// alone, and otherwise ends it at once, although operations may still be inside.
enum class sharing : bool { none, with_others };

// Move-only. Destroying it closes the descriptor; operations in flight end with errc::closed.
class descriptor {
public:
    descriptor() = default;
    // Takes over a non-blocking fd; closes it if that fails (std::bad_alloc, std::system_error).
    descriptor(executor& home, int fd, file_kind kind = file_kind::other, sharing who = sharing::none);
    descriptor(descriptor&& other) noexcept : ref_(std::exchange(other.ref_, {})) {}
    descriptor& operator=(descriptor&& other) noexcept {
        if (this != &other) {
            close();
            ref_ = std::exchange(other.ref_, {});
        }
        return *this;
    }
    ~descriptor() { close(); }

    // Any thread, also while others use it. Does nothing the second time.
    void close() noexcept;
    [[nodiscard]] descriptor_ref ref() const noexcept { return ref_; }
    // -1 when closed or moved from.
    [[nodiscard]] int fd() const noexcept;

private:
    descriptor_ref ref_;  // constant from construction or assignment on
};

}  // namespace brigade::detail
