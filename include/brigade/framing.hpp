// Messages with their length in front, as many binary protocols have them: an unsigned integer of one to eight bytes,
// the most significant byte first, that counts the bytes behind it.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <limits>
#include <system_error>

#include <brigade/buffered_reader.hpp>
#include <brigade/buffered_writer.hpp>
#include <brigade/task.hpp>

namespace brigade {

// What a length is sent as.
template <class L>
concept frame_length = std::unsigned_integral<L> && !std::same_as<L, bool>;

namespace detail {

template <frame_length Length>
[[nodiscard]] Length in_network_order(Length value) noexcept {
    return std::endian::native == std::endian::big ? value : std::byteswap(value);
}

}  // namespace detail

// The next message, valid until the reader's next operation. message_size when it says that it is longer than `most`,
// before any of it is read; errc::end_of_stream when the stream ends before, also between two messages: then nothing is
// buffered(). A message is taken as a whole or, with every error, not at all.
template <frame_length Length = std::uint32_t, class Stream>
task<std::expected<const_bytes, std::error_code>> read_frame(buffered_reader<Stream>& from, std::size_t most) {
    auto prefix = from.fill(sizeof(Length));
    const std::expected<void, std::error_code> has_length = co_await std::move(prefix);
    if (!has_length) {
        co_return std::unexpected(has_length.error());
    }
    Length raw;
    std::memcpy(&raw, from.buffered().data(), sizeof(raw));
    const Length length = detail::in_network_order(raw);
    if (length > most || length > std::numeric_limits<std::size_t>::max() - sizeof(Length)) {
        co_return std::unexpected(std::make_error_code(std::errc::message_size));
    }
    auto message = from.read_exactly(sizeof(Length) + static_cast<std::size_t>(length));
    const std::expected<const_bytes, std::error_code> whole = co_await std::move(message);
    if (!whole) {
        co_return std::unexpected(whole.error());
    }
    co_return whole->subspan(sizeof(Length));
}

// Adds a message to what the writer holds; see buffered_writer::write(). message_size, and nothing is added, when its
// length does not fit.
template <frame_length Length = std::uint32_t, class Stream>
task<std::expected<void, std::error_code>> write_frame(buffered_writer<Stream>& to, const_bytes message) {
    if (message.size() > std::numeric_limits<Length>::max()) {
        co_return std::unexpected(std::make_error_code(std::errc::message_size));
    }
    const auto length = detail::in_network_order(static_cast<Length>(message.size()));
    const auto prefix = std::bit_cast<std::array<std::byte, sizeof(Length)>>(length);
    to.add(prefix);
    auto writing = to.write(message);
    co_return co_await std::move(writing);
}

}  // namespace brigade
