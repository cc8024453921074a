#include <brigade/framing.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <expected>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <brigade/brigade.hpp>

#include "tests/fuzz/fuzzed.hpp"

namespace fuzz {

namespace {

using brigade::const_bytes;
using brigade::errc;
using brigade::task;

using namespace std::string_view_literals;

constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

std::string_view text_of(const_bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Decisions, from the front of an input; zeros when that is used up.
class decisions {
public:
    explicit decisions(input from) noexcept : rest_(from) {}

    std::uint8_t next() noexcept {
        if (rest_.empty()) {
            return 0;
        }
        const auto first = std::to_integer<std::uint8_t>(rest_.front());
        rest_ = rest_.subspan(1);
        return first;
    }
    std::vector<std::uint8_t> several(std::size_t count) {
        std::vector<std::uint8_t> all(count);
        std::ranges::generate(all, [this] { return next(); });
        return all;
    }
    // Mostly small; sometimes more than there can be.
    std::size_t next_size() noexcept {
        const std::uint8_t small = next();
        switch (small) {
            case 255:
                return unlimited;
            case 254:
                return unlimited - next();
            case 253:
                return std::size_t{256} * next();
            default:
                return small;
        }
    }
    [[nodiscard]] input rest() const noexcept { return rest_; }

private:
    input rest_;
};

// Gives its bytes in pieces of these sizes, over and over; a piece of size 0 is an error that passes.
class stream_in_pieces {
public:
    stream_in_pieces(std::string_view bytes, std::vector<std::uint8_t> pieces)
        : rest_(bytes), pieces_(std::move(pieces)) {
        pieces_.push_back(1);  // so that it goes on
    }

    task<std::expected<std::size_t, std::error_code>> read_some(brigade::mutable_bytes into) {
        const std::size_t piece = pieces_[at_++ % pieces_.size()];
        if (piece == 0) {
            co_return std::unexpected(passing_error());
        }
        const std::size_t count = std::min({piece, into.size(), rest_.size()});
        std::ranges::copy(std::as_bytes(std::span(rest_.substr(0, count))), into.begin());
        rest_.remove_prefix(count);
        co_return count;
    }

    static std::error_code passing_error() { return std::make_error_code(std::errc::host_unreachable); }

private:
    std::string_view rest_;
    std::vector<std::uint8_t> pieces_;
    std::size_t at_ = 0;
};

// What an operation is to give: `taken` bytes from the front, and of those the ones from `skipped` on, less the end.
struct outcome {
    std::error_code error{};
    std::size_t taken = 0;
    std::size_t skipped = 0;
    std::size_t without = 0;  // at the end

    static outcome end() { return {.error = errc::end_of_stream}; }
    static outcome too_long() { return {.error = std::make_error_code(std::errc::message_size)}; }
};

outcome expected_until(std::string_view all, std::string_view delimiter, std::size_t most) {
    const std::size_t at = all.substr(0, most).find(delimiter);
    if (at != std::string_view::npos) {
        return {.taken = at + delimiter.size()};
    }
    return all.size() >= most ? outcome::too_long() : outcome::end();
}

outcome expected_line(std::string_view all, std::size_t most) {
    outcome line = expected_until(all, "\n", most);
    if (!line.error) {
        line.without = line.taken >= 2 && all[line.taken - 2] == '\r' ? 2 : 1;
    }
    return line;
}

outcome expected_exactly(std::string_view all, std::size_t count) {
    return all.size() < count ? outcome::end() : outcome{.taken = count};
}

outcome expected_frame(std::string_view all, std::size_t prefix, std::size_t most) {
    if (all.size() < prefix) {
        return outcome::end();
    }
    std::uint64_t length = 0;
    for (const char c : all.substr(0, prefix)) {
        length = length << 8 | static_cast<std::uint8_t>(c);
    }
    if (length > most || length > unlimited - prefix) {
        return outcome::too_long();
    }
    return all.size() - prefix < length ? outcome::end() : outcome{.taken = prefix + length, .skipped = prefix};
}

// The reader and what it has to agree with.
class reading {
public:
    reading(stream_in_pieces& from, std::string_view all, std::size_t at_once)
        : reader_(from, at_once), rest_(all), bound_(std::max<std::size_t>(at_once, 1)) {}

    task<> line(std::size_t most) {
        co_await repeated(expected_line(rest_, most), most, [this, most] { return reader_.read_line(most); });
    }
    task<> until(std::string_view delimiter, std::size_t most) {
        co_await repeated(expected_until(rest_, delimiter, most), most,
                          [this, delimiter, most] { return reader_.read_until(delimiter, most); });
    }
    task<> exactly(std::size_t count) {
        co_await repeated(expected_exactly(rest_, count), count, [this, count] { return reader_.read_exactly(count); });
    }
    template <class Length>
    task<> frame(std::size_t most) {
        const std::size_t longest = most > unlimited - sizeof(Length) ? unlimited : most + sizeof(Length);
        co_await repeated(expected_frame(rest_, sizeof(Length), most), longest,
                          [this, most] { return brigade::read_frame<Length>(reader_, most); });
    }
    task<> some(std::size_t count) {
        std::array<std::byte, 256> place{};
        auto step = reader_.read_some(std::span(place).first(std::min(count, place.size())));
        const std::expected<std::size_t, std::error_code> got = co_await std::move(step);
        if (!got) {
            check(got.error() == stream_in_pieces::passing_error(), "read_some() gives errors of the stream only");
        } else {
            check(*got <= std::min(count, place.size()), "no more than there is room for");
            check(*got != 0 || count == 0 || rest_.empty(), "0 is the end");
            check(text_of(place).substr(0, *got) == rest_.substr(0, *got), "read_some() gives what comes next");
            rest_.remove_prefix(*got);
        }
        check_buffer();
    }
    void consume(std::size_t count) {
        const std::size_t held = reader_.buffered().size();
        reader_.consume(count);
        rest_.remove_prefix(std::min(count, held));
        check_buffer();
    }

private:
    // Until the stream's own errors are over, which lose nothing.
    template <class Make>
    task<> repeated(outcome expected, std::size_t most, Make make) {
        bound_ = std::max(bound_, most);
        for (;;) {
            auto step = make();
            const auto got = co_await std::move(step);
            if (!got && got.error() == stream_in_pieces::passing_error()) {
                check_buffer();
                continue;
            }
            check((got ? std::error_code() : got.error()) == expected.error, "the outcome is the one expected");
            if (got) {
                const std::string_view given(reinterpret_cast<const char*>(got->data()), got->size());
                const std::size_t size = expected.taken - expected.skipped - expected.without;
                check(given == rest_.substr(expected.skipped, size), "the bytes are the ones expected");
                rest_.remove_prefix(expected.taken);
            }
            check_buffer();
            co_return;
        }
    }
    void check_buffer() const {
        const std::string_view held = text_of(reader_.buffered());
        check(rest_.starts_with(held), "what is buffered comes next");
        check(held.size() <= bound_, "no more is held than was asked for");
    }

    brigade::buffered_reader<stream_in_pieces> reader_;
    std::string_view rest_;
    std::size_t bound_;
};

task<> one_operation(reading& here, std::uint8_t which, std::size_t size) {
    switch (which % 11) {
        case 0:
            return here.line(size);
        case 1:
            return here.until("\r\n", size);
        case 2:
            return here.until("aab", size);
        case 3:
            return here.until("\0"sv, size);
        case 4:
            return here.exactly(size);
        case 5:
            return here.frame<std::uint8_t>(size);
        case 6:
            return here.frame<std::uint16_t>(size);
        case 7:
            return here.frame<std::uint32_t>(size);
        case 8:
            return here.frame<std::uint64_t>(size);
        case 9:
            return here.some(size);
        default:
            break;
    }
    here.consume(size);
    return []() -> task<> { co_return; }();
}

task<> read_as_told(input bytes) {
    decisions told(bytes);
    const std::size_t at_once = told.next();
    std::vector<std::pair<std::uint8_t, std::size_t>> operations;
    for (unsigned count = 1 + told.next() % 16; count != 0; --count) {
        const std::uint8_t which = told.next();
        operations.emplace_back(which, told.next_size());
    }
    std::vector<std::uint8_t> pieces = told.several(told.next() % 8);
    // On the heap and of the exact size: a sanitizer sees who reads beyond.
    const std::vector<char> all(reinterpret_cast<const char*>(told.rest().data()),
                                reinterpret_cast<const char*>(told.rest().data()) + told.rest().size());
    stream_in_pieces stream({all.data(), all.size()}, std::move(pieces));
    reading here(stream, {all.data(), all.size()}, at_once);
    for (int round = 0; round < 4; ++round) {
        for (const auto& [which, size] : operations) {
            auto step = one_operation(here, which, size);
            co_await std::move(step);
        }
    }
}

}  // namespace

void framing(input bytes) {
    static brigade::executor workers({.workers = 1});
    workers.block_on(read_as_told(bytes));
}

}  // namespace fuzz
