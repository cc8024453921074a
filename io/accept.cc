#include "io/accept.hpp"

#include <algorithm>

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <brigade/executor.hpp>
#include <brigade/with_timeout.hpp>

#include "io/descriptor.hpp"
#include "io/reactor.hpp"

namespace brigade::detail {

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds first_pause = 10ms;
constexpr std::chrono::milliseconds longest_pause = 250ms;
constexpr int most_turned_away = 128;

// accept(2) also reports what has befallen the connection that it would have given: then the next one is asked for.
bool is_of_the_connection(const std::error_code& error) noexcept {
    if (error.category() != std::system_category()) {
        return false;
    }
    switch (error.value()) {
        case ECONNABORTED:
        case EHOSTDOWN:
        case EHOSTUNREACH:
        case ENETDOWN:
        case ENETUNREACH:
        case ENONET:
        case ENOPROTOOPT:
        case EPERM:
        case EPROTO:
            return true;
        default:
            return false;
    }
}

bool is_shortage(const std::error_code& error) noexcept {
    return error == std::errc::too_many_files_open || error == std::errc::too_many_files_open_in_system ||
           error == std::errc::no_buffer_space || error == std::errc::not_enough_memory;
}

int open_something() noexcept {
    return ::eventfd(0, EFD_CLOEXEC);
}

}  // namespace

descriptor_shortage::descriptor_shortage() : reserve_(open_something()) {
    if (reserve_ == -1) {
        throw std::system_error(last_error(), "brigade: eventfd, to have a descriptor in reserve");
    }
}

descriptor_shortage::~descriptor_shortage() {
    if (reserve_ != -1) {
        close_fd(reserve_);
    }
}

task<std::expected<bool, std::error_code>> descriptor_shortage::wait(std::chrono::milliseconds limit) {
    std::expected<bool, std::error_code> freed;
    waiting_.fetch_add(1, std::memory_order_relaxed);  // a hint
    try {
        freed = (co_await with_timeout(limit, freed_)).has_value();
    } catch (const operation_cancelled&) {
        freed = std::unexpected(std::make_error_code(std::errc::operation_canceled));
    }
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    co_return freed;
}

bool descriptor_shortage::turn_away(int listener) noexcept {
    const sync::lock lock(reserve_mutex_);
    for (int i = 0; i < most_turned_away; ++i) {
        const int found = open_something();
        if (found != -1 && reserve_ == -1) {
            reserve_ = found;
            continue;
        }
        if (found != -1) {
            close_fd(found);
            return false;
        }
        if (reserve_ == -1) {
            return true;  // another thread was quicker when it was to be opened again
        }
        close_fd(reserve_);
        const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        const int failure = errno;
        if (fd != -1) {
            close_fd(fd);
        }
        reserve_ = open_something();
        if (fd == -1 && failure != ECONNABORTED && failure != EINTR) {
            return true;  // none waits, or there is no descriptor even so
        }
    }
    return true;
}

task<std::expected<descriptor, std::error_code>> accept_from(descriptor_ref listener, file_kind kind,
                                                             sockaddr_storage* peer) {
    executor& home = executor::current();
    bool has_paused = false;  // and, as far as is known, there is no descriptor even so
    for (std::chrono::milliseconds pause = first_pause;;) {
        calling next(listener, direction::read, [peer](int fd) {
            socklen_t size = sizeof(*peer);
            return ::accept4(fd, reinterpret_cast<sockaddr*>(peer), peer != nullptr ? &size : nullptr,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
        });
        const std::expected<std::size_t, std::error_code> fd = co_await next;
        if (fd) {
            co_return descriptor(home, static_cast<int>(*fd), kind);
        }
        if (is_of_the_connection(fd.error())) {
            continue;
        }
        if (!is_shortage(fd.error())) {
            co_return std::unexpected(fd.error());
        }
        descriptor_shortage& shortage = reactor::of(home).shortage();
        if (has_paused) {
            pause = std::min(2 * pause, longest_pause);
            static_cast<void>(with_fd(listener, [&shortage, &has_paused](int listening) {
                has_paused = shortage.turn_away(listening);
                return 0;
            }));  // closed: the next call tells
            if (!has_paused) {
                continue;
            }
        }
        const std::expected<bool, std::error_code> one_is_free = co_await shortage.wait(pause);
        if (!one_is_free) {
            co_return std::unexpected(one_is_free.error());
        }
        has_paused = !*one_is_free;
    }
}

}  // namespace brigade::detail
