#include <brigade/detail/sync.hpp>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <exception>
#include <thread>

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace brigade::detail::sync {

static_assert(sizeof(atomic<std::uint32_t>) == sizeof(std::uint32_t), "a futex is a plain 32-bit word");

namespace {

long futex(atomic<std::uint32_t>& word, int operation, std::uint32_t value, const timespec* limit) noexcept {
    return ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), operation | FUTEX_PRIVATE_FLAG, value, limit,
                     nullptr, 0);
}

void sleep_on(atomic<std::uint32_t>& word, std::uint32_t expected, const timespec* limit) noexcept {
    // EAGAIN: the word has changed already. EINTR: a signal came. ETIMEDOUT: the limit. All are what the caller loops
    // for.
    if (futex(word, FUTEX_WAIT, expected, limit) == 0 || errno == EAGAIN) {
        return;
    }
    if (errno != EINTR && errno != ETIMEDOUT) {
        std::fprintf(stderr, "brigade: futex wait failed: %s\n", ::strerrordesc_np(errno));
        std::terminate();
    }
    if constexpr (under_thread_sanitizer) {
        ::usleep(0);  // one of the calls in which the sanitizer runs the handlers that it has put off
    }
}

}  // namespace

void futex_wait(atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
    // ThreadSanitizer puts a signal's handler off until the thread makes a call that it knows; this one it does not.
    // With a limit, however long, the wait ends at the signal even if the handler asks for a restart. But not at one
    // that came just before it; so the main thread, to which the system gives signals first, looks every second.
    static constexpr timespec long_enough{.tv_sec = 86400, .tv_nsec = 0};
    static constexpr timespec a_second{.tv_sec = 1, .tv_nsec = 0};
    if constexpr (under_thread_sanitizer) {
        sleep_on(word, expected, ::gettid() == ::getpid() ? &a_second : &long_enough);
    } else {
        sleep_on(word, expected, nullptr);
    }
}

void futex_wait_for(atomic<std::uint32_t>& word, std::uint32_t expected, std::chrono::nanoseconds limit) noexcept {
    constexpr std::chrono::nanoseconds::rep second = 1'000'000'000;
    const timespec relative{.tv_sec = limit.count() / second, .tv_nsec = limit.count() % second};
    sleep_on(word, expected, &relative);
}

void futex_wake(atomic<std::uint32_t>& word) noexcept {
    // EFAULT: the woken thread has left and its memory with it; there is nobody to wake.
    if (futex(word, FUTEX_WAKE, 1, nullptr) == -1 && errno != EFAULT) {
        std::fprintf(stderr, "brigade: futex wake failed: %s\n", ::strerrordesc_np(errno));
        std::terminate();
    }
}

void backoff::pause() noexcept {
    if (yields_ < most_yields) {
        ++yields_;
        std::this_thread::yield();
    } else {
        std::this_thread::sleep_for(moment);
    }
}

void spinlock::lock_contended() noexcept {
    for (backoff turn; !try_lock(); turn.pause()) {
    }
}

unsigned this_thread_number() noexcept {
    static atomic<unsigned> next{0};
    // Relaxed: the number orders nothing.
    thread_local const unsigned mine = next.fetch_add(1, std::memory_order_relaxed);
    return mine;
}

unsigned earlier_calls_of_this_thread() noexcept {
    static constinit thread_local unsigned calls = 0;
    return calls++;
}

namespace {

// Destructors of keys run after those of thread-local objects, and again for what they themselves have set.
pthread_key_t thread_end_key() noexcept {
    static const pthread_key_t key = [] {
        pthread_key_t made{};
        const auto call = [](void* last) { reinterpret_cast<void (*)() noexcept>(last)(); };
        if (const int error = ::pthread_key_create(&made, call); error != 0) {
            std::fprintf(stderr, "brigade: pthread_key_create failed: %s\n", ::strerrordesc_np(error));
            std::terminate();
        }
        return made;
    }();
    return key;
}

}  // namespace

void at_thread_end(void (*last)() noexcept) noexcept {
    if (const int error = ::pthread_setspecific(thread_end_key(), reinterpret_cast<void*>(last)); error != 0) {
        std::fprintf(stderr, "brigade: pthread_setspecific failed: %s\n", ::strerrordesc_np(error));
        std::terminate();
    }
}

constinit bool internal::light_fence_is_free = false;

namespace {

long membarrier(int command) noexcept {
    return ::syscall(SYS_membarrier, command, 0, 0);
}

}  // namespace

void prepare_asymmetric_fences() noexcept {
    // Decided once: a fence must not change sides while somebody relies on it.
    [[maybe_unused]] static const bool once = [] {
        const bool free = !under_sanitizer && membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
        internal::light_fence_is_free = free;
        return true;
    }();
}

void asymmetric_fence_heavy() noexcept {
    if (!internal::light_fence_is_free) {
        std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs: asymmetric_fence_light()
        return;
    }
    if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == -1) {
        std::fprintf(stderr, "brigade: membarrier failed: %s\n", ::strerrordesc_np(errno));
        std::terminate();
    }
}

void discard(atomic<void*>* slots, std::size_t count) noexcept {
    static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto begin = (reinterpret_cast<std::uintptr_t>(slots) + page - 1) / page * page;
    const auto end = reinterpret_cast<std::uintptr_t>(slots + count) / page * page;
    if (begin < end) {
        auto* const first = reinterpret_cast<std::byte*>(slots) + (begin - reinterpret_cast<std::uintptr_t>(slots));
        // A refusal costs memory, and nothing else.
        static_cast<void>(::madvise(first, end - begin, MADV_DONTNEED));
    }
}

void say(const char* text) noexcept {
    std::fputs(text, stderr);
}

void invariant_broken(const char* name, const std::source_location& where) noexcept {
    std::fprintf(stderr, "brigade: %s:%u: the invariant %s does not hold\n", where.file_name(), where.line(), name);
    std::terminate();
}

}  // namespace brigade::detail::sync
