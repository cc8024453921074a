// A process that has used up its descriptors (EMFILE).
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <brigade/brigade.hpp>

#include "tests/support/blocking_socket.hpp"

namespace test {

// The build with AddressSanitizer has UndefinedBehaviorSanitizer as well, which opens a pipe to see whether it may look
// at an object.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool checks_by_opening_pipes = true;
#elif defined(__has_feature)
inline constexpr bool checks_by_opening_pipes = __has_feature(address_sanitizer);
#else
inline constexpr bool checks_by_opening_pipes = false;
#endif

// While it lives, the process can open nothing; a descriptor that is closed can be opened again.
class no_descriptor_left {
public:
    no_descriptor_left() : no_descriptor_left(lowest_free()) {}
    // Nor one of that number or above, if that is closed.
    explicit no_descriptor_left(int limit) {
        EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
        rlimit narrow = before_;
        narrow.rlim_cur = static_cast<rlim_t>(limit);
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &narrow), 0);
    }
    ~no_descriptor_left() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }
    no_descriptor_left(const no_descriptor_left&) = delete;
    no_descriptor_left& operator=(const no_descriptor_left&) = delete;

    // The number that the next descriptor gets.
    [[nodiscard]] static int lowest_free() {
        const brigade::owned_fd opened(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        return opened.get();
    }

private:
    rlimit before_{};
};

// A socket that can connect when there are no descriptors left.
inline blocking_socket unconnected() {
    return blocking_socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

inline void connect(const blocking_socket& client, const brigade::endpoint& to) {
    EXPECT_EQ(::connect(client.fd(), to.native(), to.native_size()), 0);
}

}  // namespace test
