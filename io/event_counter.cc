#include <brigade/event_counter.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <brigade/executor.hpp>

#include "io/descriptor.hpp"

namespace brigade {

namespace detail {

io_operation::outcome event_counter_wait::call(int fd) noexcept {
    std::uint64_t count = 0;
    return ::read(fd, &count, sizeof(count)) < 0 ? fail() : end_with(std::size_t{count});
}

}  // namespace detail

std::expected<event_counter, std::error_code> event_counter::make(executor& home, unsigned initial) {
    const int fd = ::eventfd(initial, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd == -1) {
        return detail::error_of_call();
    }
    return event_counter(detail::descriptor(home, fd));
}

std::expected<event_counter, std::error_code> event_counter::make(unsigned initial) {
    return make(executor::current(), initial);
}

std::expected<void, std::error_code> event_counter::add(std::uint64_t count) noexcept {
    return detail::with_fd(descriptor_.ref(), [&count](int fd) { return ::write(fd, &count, sizeof(count)); });
}

}  // namespace brigade
