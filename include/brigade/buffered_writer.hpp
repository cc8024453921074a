// Collects small writes to a stream of bytes, and writes them together.
//
// write() only adds to the buffer, until that holds `high_water` bytes: then it writes all of it before it goes on, so
// that a task which produces faster than its peer takes waits there, and memory is bounded. Nothing is written at a
// time of the writer's own choice otherwise: flush() is for the end of a message.
//
// Each operation is a task that gives std::expected: an error of the stream, or a stop. Bytes that the stream has taken
// are gone from the buffer with every outcome, so the next flush() goes on where this one ended. The destructor writes
// nothing. One task at a time.
#pragma once

#include <concepts>
#include <cstddef>
#include <expected>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

#include <brigade/awaitable.hpp>
#include <brigade/byte_stream.hpp>
#include <brigade/task.hpp>

namespace brigade {

// Has what buffered_writer needs.
template <class S>
concept writable_stream = requires(S& stream, const_bytes bytes, std::size_t* done) {
    requires std::same_as<await_result_t<decltype(stream.write_all(bytes, done))>,
                          std::expected<void, std::error_code>>;
};

template <writable_stream Stream>
class buffered_writer {
public:
    // Writes to `sink`, which outlives this.
    explicit buffered_writer(Stream& sink, std::size_t high_water = std::size_t{16} * 1024) noexcept
        : sink_(sink), high_water_(high_water) {}

    // How many bytes wait for a flush().
    [[nodiscard]] std::size_t buffered() const noexcept { return bytes_.size() - written_; }

    // Adds `bytes`; they are in the buffer or written, with every outcome. Waits only when high_water is reached.
    task<std::expected<void, std::error_code>> write(const_bytes bytes) {
        add(bytes);
        if (buffered() < high_water_) {
            co_return {};
        }
        auto flushing = flush();
        co_return co_await std::move(flushing);
    }
    task<std::expected<void, std::error_code>> write(std::string_view text) {
        return write(std::as_bytes(std::span(text)));
    }
    // Adds `bytes` to the buffer, whatever that holds, and writes nothing: for the first parts of a message.
    void add(const_bytes bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
    void add(std::string_view text) { add(std::as_bytes(std::span(text))); }

    // Writes what is buffered.
    task<std::expected<void, std::error_code>> flush() {
        std::size_t taken = 0;
        auto writing = sink_.write_all(const_bytes(bytes_).subspan(written_), &taken);
        const std::expected<void, std::error_code> outcome = co_await std::move(writing);
        written_ += taken;
        if (written_ == bytes_.size()) {
            bytes_.clear();
            written_ = 0;
        }
        co_return outcome;
    }

private:
    Stream& sink_;
    std::size_t high_water_;
    std::vector<std::byte> bytes_;
    std::size_t written_ = 0;  // of them
};

}  // namespace brigade
