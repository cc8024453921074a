#include "tests/fault/injected.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstddef>
#include <cstdlib>
#include <mutex>

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

// NOLINTBEGIN: the linker makes these names.
#define REPLACED(result, name, ...)    \
    result __real_##name(__VA_ARGS__); \
    result __wrap_##name(__VA_ARGS__);

extern "C" {
REPLACED(ssize_t, read, int, void*, size_t)
REPLACED(ssize_t, readv, int, const iovec*, int)
REPLACED(ssize_t, recv, int, void*, size_t, int)
REPLACED(ssize_t, recvfrom, int, void*, size_t, int, sockaddr*, socklen_t*)
REPLACED(ssize_t, recvmsg, int, msghdr*, int)
REPLACED(int, recvmmsg, int, mmsghdr*, unsigned, int, timespec*)
REPLACED(ssize_t, write, int, const void*, size_t)
REPLACED(ssize_t, writev, int, const iovec*, int)
REPLACED(ssize_t, send, int, const void*, size_t, int)
REPLACED(ssize_t, sendto, int, const void*, size_t, int, const sockaddr*, socklen_t)
REPLACED(ssize_t, sendmsg, int, const msghdr*, int)
REPLACED(int, sendmmsg, int, mmsghdr*, unsigned, int)
REPLACED(ssize_t, sendfile, int, int, off_t*, size_t)
REPLACED(ssize_t, splice, int, off64_t*, int, off64_t*, size_t, unsigned)
REPLACED(int, accept4, int, sockaddr*, socklen_t*, int)
REPLACED(int, connect, int, const sockaddr*, socklen_t)
REPLACED(int, poll, pollfd*, nfds_t, int)
REPLACED(int, epoll_wait, int, epoll_event*, int, int)
REPLACED(int, epoll_pwait2, int, epoll_event*, int, const timespec*, const sigset_t*)
REPLACED(int, epoll_ctl, int, int, int, epoll_event*)
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
}
// NOLINTEND

namespace fault {

namespace {

std::atomic<bool> interrupts = false;
std::atomic<bool> is_old_system = false;
std::atomic<bool> pretends_to_block = false;
std::atomic<bool> shortens = false;
std::atomic<bool> resets_connections = false;
std::atomic<unsigned> one_in = 8;
std::atomic<std::uint64_t> count = 0;

std::uint64_t seed() noexcept {
    const char* const run = std::getenv("TEST_RUN_NUMBER");
    return run == nullptr ? 1 : std::strtoull(run, nullptr, 10);
}

std::uint64_t random_number() noexcept {
    static std::atomic<std::uint64_t> state = seed() << 32;
    std::uint64_t mixed = (state.fetch_add(1) + 1) * 0x9E37'79B9'7F4A'7C15U;
    mixed = (mixed ^ mixed >> 30) * 0xBF58'476D'1CE4'E5B9U;
    mixed = (mixed ^ mixed >> 27) * 0x94D0'49BB'1331'11EBU;
    return mixed ^ mixed >> 31;
}

bool happens(const std::atomic<bool>& kind) noexcept {
    if (!kind || random_number() % one_in != 0) {
        return false;
    }
    ++count;
    return true;
}

// What a descriptor is, if it may be meddled with.
struct target {
    bool is_pipe = false;
    bool is_socket = false;
    bool is_stream = false;
    int domain = 0;

    [[nodiscard]] bool takes_faults() const noexcept { return is_pipe || is_socket; }
};

target target_of(int fd) noexcept {
    const int flags = ::fcntl(fd, F_GETFL);
    struct stat file{};
    if (flags == -1 || (flags & O_NONBLOCK) == 0 || ::fstat(fd, &file) == -1) {
        return {};
    }
    int domain = 0;
    int type = 0;
    socklen_t size = sizeof(int);
    if (!S_ISSOCK(file.st_mode)) {
        return {.is_pipe = S_ISFIFO(file.st_mode)};
    }
    if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == -1 ||
        ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == -1) {
        return {};
    }
    return {.is_socket = true, .is_stream = type == SOCK_STREAM, .domain = domain};
}

// What stands in epoll for each descriptor.
struct entry {
    int epoll = -1;
    epoll_event event{};
};
std::mutex entries_mutex;
std::array<entry, 65536> entries;

void remember(int epoll, int fd, const epoll_event& event) noexcept {
    const std::lock_guard lock(entries_mutex);
    if (static_cast<std::size_t>(fd) < entries.size()) {
        entries[static_cast<std::size_t>(fd)] = {.epoll = epoll, .event = event};
    }
}

// Modified to what it is, an entry that is ready is reported again. One that is no longer there gives an error, and
// needs no edge: who puts it in hears of what is there.
void give_an_edge(int fd) noexcept {
    const std::lock_guard lock(entries_mutex);
    if (static_cast<std::size_t>(fd) < entries.size()) {
        entry& known = entries[static_cast<std::size_t>(fd)];
        static_cast<void>(__real_epoll_ctl(known.epoll, EPOLL_CTL_MOD, fd, &known.event));
    }
}

void reset(int fd, const target& what) noexcept {
    if (what.domain == AF_UNIX) {
        static_cast<void>(::shutdown(fd, SHUT_RDWR));
        return;
    }
    sockaddr nobody{};
    nobody.sa_family = AF_UNSPEC;
    static_cast<void>(__real_connect(fd, &nobody, sizeof(nobody)));  // which sends a reset to whom it was connected
}

// Whether the call is to fail; errno says how.
bool fails(int fd, const target& what) noexcept {
    if (!what.takes_faults()) {
        return false;
    }
    if (happens(interrupts)) {
        errno = EINTR;
        return true;
    }
    if (happens(pretends_to_block)) {
        give_an_edge(fd);
        errno = EAGAIN;
        return true;
    }
    if (what.is_stream && happens(resets_connections)) {
        reset(fd, what);
        errno = ECONNRESET;
        return true;
    }
    return false;
}

std::size_t fewer(std::size_t n) noexcept {
    return n > 1 && happens(shortens) ? 1 + random_number() % (n - 1) : n;
}
std::size_t to_read(std::size_t n, const target& what) noexcept {
    return what.domain == AF_UNIX && what.is_stream ? fewer(n) : n;
}
std::size_t to_write(std::size_t n, const target& what) noexcept {
    return what.is_stream || (what.is_pipe && n > PIPE_BUF) ? fewer(n) : n;
}

// Several buffers, or the front of the first that is not empty.
class vectors {
public:
    template <class Shorten>
    vectors(const iovec* first, std::size_t count, Shorten shorten) noexcept : first_(first), count_(count) {
        const iovec* const end = first + count;
        const iovec* const filled = std::find_if(first, end, [](const iovec& v) { return v.iov_len != 0; });
        if (filled == end) {
            return;
        }
        const std::size_t size = shorten(filled->iov_len);
        if (size != filled->iov_len) {
            front_ = {.iov_base = filled->iov_base, .iov_len = size};
            is_short_ = true;
        }
    }
    [[nodiscard]] const iovec* data() const noexcept { return is_short_ ? &front_ : first_; }
    [[nodiscard]] std::size_t count() const noexcept { return is_short_ ? 1 : count_; }

private:
    const iovec* first_;
    std::size_t count_;
    iovec front_{};
    bool is_short_ = false;
};

}  // namespace

void inject(const kinds& which) noexcept {
    one_in = std::max(which.one_in, 1U);
    interrupts = which.interrupted;
    pretends_to_block = which.would_block;
    shortens = which.short_transfers;
    resets_connections = which.resets;
    is_old_system = which.old_system;
}

std::uint64_t injected() noexcept {
    return count;
}

}  // namespace fault

using fault::target;
using fault::target_of;
using fault::vectors;

// NOLINTBEGIN: the linker's names.
ssize_t __wrap_read(int fd, void* buffer, size_t n) {
    const target what = target_of(fd);
    return fault::fails(fd, what) ? -1 : __real_read(fd, buffer, fault::to_read(n, what));
}

ssize_t __wrap_readv(int fd, const iovec* buffers, int n) {
    const target what = target_of(fd);
    if (fault::fails(fd, what)) {
        return -1;
    }
    const vectors into(buffers, static_cast<size_t>(n), [&](size_t size) { return fault::to_read(size, what); });
    return __real_readv(fd, into.data(), static_cast<int>(into.count()));
}

ssize_t __wrap_recv(int fd, void* buffer, size_t n, int flags) {
    const target what = target_of(fd);
    return fault::fails(fd, what) ? -1 : __real_recv(fd, buffer, fault::to_read(n, what), flags);
}

ssize_t __wrap_recvfrom(int fd, void* buffer, size_t n, int flags, sockaddr* from, socklen_t* size) {
    return fault::fails(fd, target_of(fd)) ? -1 : __real_recvfrom(fd, buffer, n, flags, from, size);
}

ssize_t __wrap_recvmsg(int fd, msghdr* message, int flags) {
    const target what = target_of(fd);
    if (fault::fails(fd, what)) {
        return -1;
    }
    const vectors into(message->msg_iov, message->msg_iovlen, [&](size_t n) { return fault::to_read(n, what); });
    iovec* const all = message->msg_iov;
    const size_t count = message->msg_iovlen;
    message->msg_iov = const_cast<iovec*>(into.data());
    message->msg_iovlen = into.count();
    const ssize_t got = __real_recvmsg(fd, message, flags);
    message->msg_iov = all;
    message->msg_iovlen = count;
    return got;
}

int __wrap_recvmmsg(int fd, mmsghdr* messages, unsigned n, int flags, timespec* limit) {
    return fault::fails(fd, target_of(fd)) ? -1 : __real_recvmmsg(fd, messages, n, flags, limit);
}

ssize_t __wrap_write(int fd, const void* bytes, size_t n) {
    const target what = target_of(fd);
    return fault::fails(fd, what) ? -1 : __real_write(fd, bytes, fault::to_write(n, what));
}

ssize_t __wrap_writev(int fd, const iovec* buffers, int n) {
    const target what = target_of(fd);
    if (fault::fails(fd, what)) {
        return -1;
    }
    const vectors from(buffers, static_cast<size_t>(n), [&](size_t size) { return fault::to_write(size, what); });
    return __real_writev(fd, from.data(), static_cast<int>(from.count()));
}

ssize_t __wrap_send(int fd, const void* bytes, size_t n, int flags) {
    const target what = target_of(fd);
    return fault::fails(fd, what) ? -1 : __real_send(fd, bytes, fault::to_write(n, what), flags);
}

ssize_t __wrap_sendto(int fd, const void* bytes, size_t n, int flags, const sockaddr* to, socklen_t size) {
    return fault::fails(fd, target_of(fd)) ? -1 : __real_sendto(fd, bytes, n, flags, to, size);
}

ssize_t __wrap_sendmsg(int fd, const msghdr* message, int flags) {
    const target what = target_of(fd);
    if (fault::fails(fd, what)) {
        return -1;
    }
    const vectors from(message->msg_iov, message->msg_iovlen, [&](size_t n) { return fault::to_write(n, what); });
    msghdr shorter = *message;
    shorter.msg_iov = const_cast<iovec*>(from.data());
    shorter.msg_iovlen = from.count();
    return __real_sendmsg(fd, &shorter, flags);
}

int __wrap_sendmmsg(int fd, mmsghdr* messages, unsigned n, int flags) {
    return fault::fails(fd, target_of(fd))
               ? -1
               : __real_sendmmsg(fd, messages, static_cast<unsigned>(fault::fewer(n)), flags);
}

ssize_t __wrap_sendfile(int to, int from, off_t* offset, size_t n) {
    const target what = target_of(to);
    return fault::fails(to, what) ? -1 : __real_sendfile(to, from, offset, what.is_stream ? fault::fewer(n) : n);
}

ssize_t __wrap_splice(int from, off64_t* from_offset, int to, off64_t* to_offset, size_t n, unsigned flags) {
    if (fault::fails(from, target_of(from)) || fault::fails(to, target_of(to))) {
        return -1;
    }
    return __real_splice(from, from_offset, to, to_offset, fault::fewer(n), flags);
}

int __wrap_accept4(int fd, sockaddr* from, socklen_t* size, int flags) {
    target what = target_of(fd);
    what.is_stream = false;  // there is no connection to reset
    return fault::fails(fd, what) ? -1 : __real_accept4(fd, from, size, flags);
}

// One that was interrupted goes on by itself, but for a Unix socket, which has none under way.
int __wrap_connect(int fd, const sockaddr* to, socklen_t size) {
    const target what = target_of(fd);
    if (what.is_socket && what.is_stream && what.domain == AF_UNIX && fault::happens(fault::interrupts)) {
        errno = EINTR;
        return -1;
    }
    const int outcome = __real_connect(fd, to, size);
    if (outcome == -1 && errno == EINPROGRESS && what.is_socket && fault::happens(fault::interrupts)) {
        errno = EINTR;
    }
    return outcome;
}

int __wrap_poll(pollfd* asked, nfds_t n, int milliseconds) {
    if (milliseconds == 0 && fault::happens(fault::interrupts)) {
        errno = EINTR;
        return -1;
    }
    return __real_poll(asked, n, milliseconds);
}

int __wrap_epoll_wait(int epoll, epoll_event* events, int n, int milliseconds) {
    if (fault::happens(fault::interrupts)) {
        errno = EINTR;
        return -1;
    }
    return __real_epoll_wait(epoll, events, n, milliseconds);
}

int __wrap_epoll_pwait2(int epoll, epoll_event* events, int n, const timespec* limit, const sigset_t* mask) {
    if (fault::is_old_system) {
        ++fault::count;
        errno = EPERM;
        return -1;
    }
    if (fault::happens(fault::interrupts)) {
        errno = EINTR;
        return -1;
    }
    return __real_epoll_pwait2(epoll, events, n, limit, mask);
}

int __wrap_epoll_ctl(int epoll, int what, int fd, epoll_event* event) {
    if (what == EPOLL_CTL_ADD) {
        fault::remember(epoll, fd, *event);
    }
    return __real_epoll_ctl(epoll, what, fd, event);
}

// What the library calls without the C library's functions.
long __wrap_syscall(long number, ...) {
    va_list given;
    va_start(given, number);
    std::array<long, 6> a{};  // there are never more; what was not given is not looked at by the kernel either
    for (long& argument : a) {
        argument = va_arg(given, long);
    }
    va_end(given);
    const int fd = static_cast<int>(a[0]);
    const auto size = static_cast<size_t>(a[2]);
    switch (number) {
        case SYS_read:
            return __wrap_read(fd, reinterpret_cast<void*>(a[1]), size);
        case SYS_recvfrom:
            return __wrap_recv(fd, reinterpret_cast<void*>(a[1]), size, static_cast<int>(a[3]));
        case SYS_readv:
            return __wrap_readv(fd, reinterpret_cast<const iovec*>(a[1]), static_cast<int>(a[2]));
        case SYS_recvmsg:
            return __wrap_recvmsg(fd, reinterpret_cast<msghdr*>(a[1]), static_cast<int>(a[2]));
        case SYS_write:
            return __wrap_write(fd, reinterpret_cast<const void*>(a[1]), size);
        case SYS_sendto:
            return __wrap_send(fd, reinterpret_cast<const void*>(a[1]), size, static_cast<int>(a[3]));
        case SYS_writev:
            return __wrap_writev(fd, reinterpret_cast<const iovec*>(a[1]), static_cast<int>(a[2]));
        case SYS_sendmsg:
            return __wrap_sendmsg(fd, reinterpret_cast<const msghdr*>(a[1]), static_cast<int>(a[2]));
        case SYS_epoll_pwait2:
            return __wrap_epoll_pwait2(fd, reinterpret_cast<epoll_event*>(a[1]), static_cast<int>(a[2]),
                                       reinterpret_cast<const timespec*>(a[3]), nullptr);
        default:
            return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    }
}
// NOLINTEND
