#include <brigade/byte_stream.hpp>

#include <algorithm>
#include <array>

#include <sys/uio.h>

#include <brigade/errc.hpp>

#include "io/registration.hpp"
#include "io/system_call.hpp"

namespace brigade::detail {

namespace {

// Buffers in the system's form, as many as one call takes here.
class io_vectors {
public:
    // Leaves out the first `skipped` bytes, which lie in the first buffer.
    template <class Bytes>
    explicit io_vectors(std::span<const Bytes> buffers, std::size_t skipped = 0) noexcept
        : count_(std::min(buffers.size(), most)) {
        for (std::size_t i = 0; i < count_; ++i) {
            const Bytes here = i == 0 ? buffers[0].subspan(skipped) : buffers[i];
            vectors_[i] = {.iov_base = const_cast<std::byte*>(here.data()), .iov_len = here.size()};
            size_ += here.size();
        }
    }
    [[nodiscard]] std::span<const iovec> all() const noexcept { return std::span(vectors_).first(count_); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    static constexpr std::size_t most = 64;

    std::array<iovec, most> vectors_;
    std::size_t count_;
    std::size_t size_ = 0;
};

}  // namespace

io_operation::outcome read_some_operation::call(int fd) noexcept {
    if (buffer_.empty()) {
        return end_with(0);  // the system would wait for a byte even where there is no room for it
    }
    return end_read(read_bytes(fd, on_socket(), buffer_), buffer_.size());
}

io_operation::outcome read_some_vectored_operation::call(int fd) noexcept {
    // Empty ones in front might take all the places, and look like the end.
    const auto first = std::ranges::find_if(buffers_, [](mutable_bytes b) { return !b.empty(); });
    const io_vectors into(buffers_.subspan(static_cast<std::size_t>(first - buffers_.begin())));
    if (into.size() == 0) {
        return end_with(0);
    }
    return end_read(read_vectors(fd, on_socket(), into.all()), into.size());
}

io_operation::outcome write_some_operation::call(int fd) noexcept {
    if (bytes_.empty()) {
        return end_with(0);
    }
    const std::ptrdiff_t written = write_bytes(fd, on_socket(), bytes_);
    if (written < 0) {
        return fail();
    }
    moved(static_cast<std::size_t>(written));
    return end_with(static_cast<std::size_t>(written));
}

io_operation::outcome event_operation::call(int /*fd*/) noexcept {
    return end_with(0);  // the readiness stays as it was, for who calls then
}

io_operation::outcome read_exactly_operation::call(int fd) noexcept {
    if (rest_.empty()) {
        return end_with(0);
    }
    const std::ptrdiff_t got = read_bytes(fd, on_socket(), rest_);
    if (got < 0) {
        return fail();
    }
    if (got == 0) {
        return end_with(closed() ? errc::closed : errc::end_of_stream);
    }
    moved(static_cast<std::size_t>(got));
    rest_ = rest_.subspan(static_cast<std::size_t>(got));
    return rest_.empty() ? end_with(0) : outcome::progress_and_empty;
}

std::expected<void, std::error_code> read_exactly_operation::await_resume() const noexcept {
    if (done_ != nullptr) {
        *done_ = size_ - rest_.size();
    }
    return result_without_value();
}

io_operation::outcome write_all_operation::call(int fd) noexcept {
    if (rest_.empty()) {
        return end_with(0);
    }
    const std::ptrdiff_t written = write_bytes(fd, on_socket(), rest_);
    if (written < 0) {
        return fail();
    }
    moved(static_cast<std::size_t>(written));
    rest_ = rest_.subspan(static_cast<std::size_t>(written));
    return rest_.empty() ? end_with(0) : outcome::progress;
}

std::expected<void, std::error_code> write_all_operation::await_resume() const noexcept {
    if (done_ != nullptr) {
        *done_ = size_ - rest_.size();
    }
    return result_without_value();
}

io_operation::outcome write_all_vectored_operation::call(int fd) noexcept {
    const io_vectors from(rest_, written_of_first_);
    if (from.size() == 0) {
        rest_ = rest_.subspan(from.all().size());
        written_of_first_ = 0;
        return rest_.empty() ? end_with(0) : outcome::progress;
    }
    const std::ptrdiff_t written = write_vectors(fd, on_socket(), from.all());
    if (written < 0) {
        return fail();
    }
    moved(static_cast<std::size_t>(written));
    written_ += static_cast<std::size_t>(written);
    written_of_first_ += static_cast<std::size_t>(written);
    while (!rest_.empty() && written_of_first_ >= rest_.front().size()) {
        written_of_first_ -= rest_.front().size();
        rest_ = rest_.subspan(1);
    }
    return rest_.empty() ? end_with(0) : outcome::progress;
}

std::expected<void, std::error_code> write_all_vectored_operation::await_resume() const noexcept {
    if (done_ != nullptr) {
        *done_ = written_;
    }
    return result_without_value();
}

namespace {

std::expected<std::size_t, std::error_code> read_now(registration& entry, mutable_bytes buffer) noexcept {
    const registration::arrival arrived = entry.take_readiness(direction::read);
    if (arrived == registration::arrival::waits) {
        return std::unexpected(std::make_error_code(std::errc::operation_would_block));
    }
    const std::ptrdiff_t got = retried([&] { return read_bytes(entry.fd(), entry.is_socket(), buffer); });
    const int failure = got < 0 ? last_errno() : 0;
    if (entry.is_closed()) [[unlikely]] {
        return std::unexpected(make_error_code(errc::closed));
    }
    if (failure == EAGAIN) {
        return std::unexpected(std::make_error_code(std::errc::operation_would_block));
    }
    const std::size_t count = failure == 0 ? static_cast<std::size_t>(got) : 0;
    // After an error as well: what follows it has no event of its own.
    entry.has_called(direction::read, arrived == registration::arrival::calls_after_the_end,
                     count != 0 && count < buffer.size());
    if (failure != 0) {
        return std::unexpected(std::error_code(failure, std::system_category()));
    }
    entry.count(direction::read, count);
    return count;
}

std::expected<std::size_t, std::error_code> write_now(registration& entry, const_bytes bytes) noexcept {
    registration::arrival arrived = registration::arrival::calls_again;
    for (;;) {
        const std::ptrdiff_t written = retried([&] { return write_bytes(entry.fd(), entry.is_socket(), bytes); });
        const int failure = written < 0 ? last_errno() : 0;
        if (failure != 0 && entry.is_closed()) {
            return std::unexpected(make_error_code(errc::closed));
        }
        if (failure != EAGAIN) {
            // After an error as well: what follows it has no event of its own.
            entry.has_called(direction::write, arrived == registration::arrival::calls_after_the_end, false);
            if (failure != 0) {
                return std::unexpected(std::error_code(failure, std::system_category()));
            }
            const auto count = static_cast<std::size_t>(written);
            entry.count(direction::write, count);
            return count;
        }
        // REG1: what came before the word was quiet is found by one more call.
        arrived = entry.take_readiness(direction::write);
        if (arrived == registration::arrival::waits) {
            return std::unexpected(std::make_error_code(std::errc::operation_would_block));
        }
    }
}

// Runs `use(registration)`, which waits for nothing, as the one operation of its direction.
template <class Use>
std::expected<std::size_t, std::error_code> at_once(descriptor_ref d, direction way, Use use) noexcept {
    if (d.entry == nullptr) {
        return std::unexpected(make_error_code(errc::closed));
    }
    const registration::admission admitted = d.entry->begin(d.generation, way);
    if (admitted != registration::admission::granted) {
        return std::unexpected(registration::error_of(admitted));
    }
    const std::expected<std::size_t, std::error_code> outcome = use(*d.entry);
    d.entry->end(way);
    return outcome;
}

}  // namespace

}  // namespace brigade::detail

namespace brigade {

std::expected<std::size_t, std::error_code> byte_stream::try_read_some(mutable_bytes buffer) noexcept {
    using result = std::expected<std::size_t, std::error_code>;
    return detail::at_once(descriptor_.ref(), detail::direction::read, [buffer](detail::registration& entry) {
        return buffer.empty() ? result(0) : detail::read_now(entry, buffer);
    });
}

std::expected<std::size_t, std::error_code> byte_stream::try_write_some(const_bytes bytes) noexcept {
    using result = std::expected<std::size_t, std::error_code>;
    return detail::at_once(descriptor_.ref(), detail::direction::write, [bytes](detail::registration& entry) {
        return bytes.empty() ? result(0) : detail::write_now(entry, bytes);
    });
}

}  // namespace brigade
