// Reading by lines, delimiters and lengths, from any stream of bytes: TCP, TLS, Unix sockets, pipes, standard input.
//
// The reader asks the stream for more than it needs, and keeps the rest. It never holds more than the larger of
// `at_once` and the maximum that the caller gives, so a peer that sends no delimiter costs no memory beyond that.
//
// Each operation is a task that gives std::expected: the stream's errors as they are; message_size when what is asked
// for would be longer than the maximum; errc::end_of_stream when the stream ends before. With every error, also a stop
// or a deadline, all bytes that have come stay in buffered(). What an operation gives as a view is valid until the next
// operation or consume(). One task at a time.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <expected>
#include <string_view>
#include <system_error>
#include <vector>

#include <brigade/awaitable.hpp>
#include <brigade/byte_stream.hpp>
#include <brigade/errc.hpp>
#include <brigade/task.hpp>

namespace brigade {

// Has what buffered_reader needs.
template <class S>
concept readable_stream = requires(S& stream, mutable_bytes buffer) {
    requires std::same_as<await_result_t<decltype(stream.read_some(buffer))>,
                          std::expected<std::size_t, std::error_code>>;
};

namespace detail {

// Bytes that have come and have not been taken, and room for more.
class input_buffer {
public:
    explicit input_buffer(std::size_t at_once) noexcept : at_once_(std::max<std::size_t>(at_once, 1)) {}

    [[nodiscard]] const_bytes bytes() const noexcept { return const_bytes(memory_).subspan(begin_, end_ - begin_); }
    // The first `count` bytes, which are taken; they stay where they are until room() is asked for.
    const_bytes take(std::size_t count) noexcept;
    // Where more can be put, when the buffer is to hold up to `most`; empty when it does. May allocate.
    [[nodiscard]] mutable_bytes room(std::size_t most);
    void add(std::size_t count) noexcept { end_ += count; }

private:
    std::size_t at_once_;
    std::vector<std::byte> memory_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

[[nodiscard]] inline std::string_view as_text(const_bytes bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace detail

template <readable_stream Stream>
class buffered_reader {
public:
    // Reads from `source`, which outlives this; `at_once` bytes at a time, if nothing needs more. Allocates with the
    // first read.
    explicit buffered_reader(Stream& source, std::size_t at_once = 4096) noexcept : source_(source), buffer_(at_once) {}

    // What has come and was not taken.
    [[nodiscard]] const_bytes buffered() const noexcept { return buffer_.bytes(); }
    // Takes the first `count` of buffered(), or all.
    void consume(std::size_t count) noexcept { buffer_.take(std::min(count, buffered().size())); }

    // What is there, as read_some() of the stream; from the stream itself when nothing is buffered.
    task<std::expected<std::size_t, std::error_code>> read_some(mutable_bytes into) {
        if (buffered().empty()) {
            auto reading = source_.read_some(into);
            co_return co_await std::move(reading);
        }
        const const_bytes given = buffer_.take(std::min(into.size(), buffered().size()));
        std::ranges::copy(given, into.begin());
        co_return given.size();
    }

    // Waits until buffered() has `count` bytes or more.
    task<std::expected<void, std::error_code>> fill(std::size_t count) {
        while (buffered().size() < count) {
            auto more = read_more(count);
            const std::expected<void, std::error_code> got = co_await std::move(more);
            if (!got) {
                co_return got;
            }
        }
        co_return {};
    }

    // The next `count` bytes.
    task<std::expected<const_bytes, std::error_code>> read_exactly(std::size_t count) {
        auto filling = fill(count);
        const std::expected<void, std::error_code> filled = co_await std::move(filling);
        if (!filled) {
            co_return std::unexpected(filled.error());
        }
        co_return buffer_.take(count);
    }

    // All bytes up to and with the next `delimiter`, which is not empty; `most` counts it as well.
    task<std::expected<std::string_view, std::error_code>> read_until(std::string_view delimiter, std::size_t most) {
        std::size_t searched = 0;
        for (;;) {
            const std::string_view here = detail::as_text(buffered());
            const std::size_t at = here.substr(0, most).find(delimiter, searched);
            if (at != std::string_view::npos) {
                co_return detail::as_text(buffer_.take(at + delimiter.size()));
            }
            // The delimiter may have begun.
            searched = here.size() < delimiter.size() ? 0 : here.size() - delimiter.size() + 1;
            auto more = read_more(most);
            const std::expected<void, std::error_code> got = co_await std::move(more);
            if (!got) {
                co_return std::unexpected(got.error());
            }
        }
    }

    // The next line without its end, which is "\n" or "\r\n" and counts in `most`. What follows the last "\n" is no
    // line: errc::end_of_stream, and it stays in buffered().
    task<std::expected<std::string_view, std::error_code>> read_line(std::size_t most) {
        auto reading = read_until("\n", most);
        std::expected<std::string_view, std::error_code> line = co_await std::move(reading);
        if (line) {
            line->remove_suffix(line->ends_with("\r\n") ? 2 : 1);
        }
        co_return line;
    }

private:
    // Gets at least one byte more, and holds no more than `most` then, or than is read at once.
    task<std::expected<void, std::error_code>> read_more(std::size_t most) {
        if (buffered().size() >= most) {
            co_return std::unexpected(std::make_error_code(std::errc::message_size));
        }
        auto reading = source_.read_some(buffer_.room(most));
        const std::expected<std::size_t, std::error_code> got = co_await std::move(reading);
        if (!got) {
            co_return std::unexpected(got.error());
        }
        if (*got == 0) {
            co_return std::unexpected(make_error_code(errc::end_of_stream));
        }
        buffer_.add(*got);
        co_return {};
    }

    Stream& source_;
    detail::input_buffer buffer_;
};

}  // namespace brigade
