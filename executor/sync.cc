#include <brigade/detail/sync.hpp>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <thread>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace brigade::detail::sync {

static_assert(sizeof(atomic<std::uint32_t>) == sizeof(std::uint32_t), "a futex is a plain 32-bit word");

namespace {

long futex(atomic<std::uint32_t>& word, int operation, std::uint32_t value) noexcept {
    return ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), operation | FUTEX_PRIVATE_FLAG, value, nullptr,
                     nullptr, 0);
}

}  // namespace

void futex_wait(atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
    // EAGAIN: the word has changed already. EINTR: a signal came. Both are what the caller loops for.
    if (futex(word, FUTEX_WAIT, expected) == -1 && errno != EAGAIN && errno != EINTR) {
        std::fprintf(stderr, "brigade: futex wait failed: %s\n", ::strerrordesc_np(errno));
        std::terminate();
    }
}

void futex_wake(atomic<std::uint32_t>& word) noexcept {
    // EFAULT: the woken thread has left and its memory with it; there is nobody to wake.
    if (futex(word, FUTEX_WAKE, 1) == -1 && errno != EFAULT) {
        std::fprintf(stderr, "brigade: futex wake failed: %s\n", ::strerrordesc_np(errno));
        std::terminate();
    }
}

void yield_thread() noexcept {
    std::this_thread::yield();
}

}  // namespace brigade::detail::sync
