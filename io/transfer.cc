#include <brigade/transfer.hpp>

#include <algorithm>
#include <array>
#include <limits>

#include <fcntl.h>
#include <poll.h>
#include <sys/sendfile.h>

#include <brigade/errc.hpp>

#include "io/descriptor.hpp"

namespace brigade::detail {

namespace {

// What one call moves: a call does not see that others wait, or that the task is stopped.
constexpr std::size_t most_at_once = std::size_t{512} * 1024;

// splice() between a reading and a writing end, which both may have to wait, says EAGAIN for either. This operation
// belongs to the reading end. When that is not what there is to wait for, it ends with `target_is_full`.
class splice_operation final : public io_operation {
public:
    enum : std::size_t { finished, target_is_full };

    // Counts `rest` down.
    splice_operation(descriptor_ref from, descriptor_ref to, std::size_t& rest) noexcept
        : io_operation(from, direction::read), to_(to), rest_(rest) {}
    [[nodiscard]] std::expected<std::size_t, std::error_code> await_resume() const noexcept { return result(); }

private:
    outcome call(int fd) noexcept override;
    outcome move(int from, int to) noexcept;

    static constexpr int most_refusals = 16;

    const descriptor_ref to_;
    std::size_t& rest_;
    int refused_in_a_row_ = 0;  // with EAGAIN, when both ends were ready
};

io_operation::outcome splice_operation::call(int fd) noexcept {
    if (rest_ == 0) {
        return end_with(finished);
    }
    if (to_.entry == nullptr) {
        return end_with(errc::closed);
    }
    const registration::admission admitted = to_.entry->begin(to_.generation, direction::write);
    if (admitted != registration::admission::granted) {
        return end_with(registration::error_of(admitted));
    }
    const std::size_t before = rest_;
    const outcome came = move(fd, to_.entry->fd());
    moved(before - rest_);
    to_.entry->count(direction::write, before - rest_);
    to_.entry->end(direction::write);
    return came;
}

io_operation::outcome splice_operation::move(int from, int to) noexcept {
    const ssize_t gone =
        ::splice(from, nullptr, to, nullptr, std::min(rest_, most_at_once), SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (gone > 0) {
        rest_ -= static_cast<std::size_t>(gone);
        refused_in_a_row_ = 0;
        return rest_ == 0 ? end_with(finished) : outcome::progress;
    }
    if (gone == 0) {
        return closed() ? end_with(errc::closed) : end_with(finished);
    }
    if (errno != EAGAIN) {
        return to_.entry->is_closed() ? end_with(errc::closed) : fail();
    }
    std::array<pollfd, 2> asked{pollfd{.fd = from, .events = POLLIN | POLLRDHUP, .revents = 0},
                                pollfd{.fd = to, .events = POLLOUT, .revents = 0}};
    if (::poll(asked.data(), asked.size(), 0) == -1) {
        return fail();
    }
    if (asked[1].revents == 0) {
        return end_with(target_is_full);
    }
    if (asked[0].revents == 0) {
        return outcome::would_block;
    }
    // Something may have come in between, of which the event is spent. But where urgent data stand next in a TCP
    // stream, splice() never goes on, although both ends are ready.
    if (++refused_in_a_row_ == most_refusals) {
        return end_with(std::make_error_code(std::errc::io_error));
    }
    return outcome::progress;
}

}  // namespace

io_operation::outcome send_file_operation::call(int fd) noexcept {
    if (rest_ == 0) {
        return end_with(0);
    }
    const std::uint64_t from = offset_ + (count_ - rest_);
    if (from < offset_ || from > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max())) {
        return end_with(std::make_error_code(std::errc::invalid_argument));
    }
    auto position = static_cast<off_t>(from);
    const ssize_t sent = ::sendfile(fd, file_, &position, std::min(rest_, most_at_once));
    if (sent < 0) {
        return fail();
    }
    if (sent == 0) {
        return end_with(errc::end_of_stream);
    }
    moved(static_cast<std::size_t>(sent));
    rest_ -= static_cast<std::size_t>(sent);
    return rest_ == 0 ? end_with(0) : outcome::progress;
}

task<std::expected<std::size_t, std::error_code>> splice_between(descriptor_ref from, descriptor_ref to,
                                                                 std::size_t count, std::size_t* done) {
    for (std::size_t rest = count;;) {
        splice_operation step(from, to, rest);
        const std::expected<std::size_t, std::error_code> came = co_await step;
        if (done != nullptr) {
            *done = count - rest;
        }
        if (!came) {
            co_return std::unexpected(came.error());
        }
        if (*came == splice_operation::finished) {
            co_return count - rest;
        }
        calling room(to, direction::write, [](int fd) { return poll_now(fd, POLLOUT); });
        const std::expected<std::size_t, std::error_code> there_is = co_await room;
        if (!there_is) {
            co_return std::unexpected(there_is.error());
        }
    }
}

}  // namespace brigade::detail
