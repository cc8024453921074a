// What all streams of bytes can do: TCP and Unix stream sockets, and the ends of a pipe.
//
// Each operation is awaited by a task: `co_await stream.read_some(buffer)`; but try_read_some() and try_write_some()
// wait for nothing, and may be called by any thread. It gives std::expected: an error of the system, a stop of the task
// (operation_canceled), a close from this side (errc::closed) and a second reader or writer (errc::busy) are values.
// One task may read while another writes. close() may come from any task or thread: whoever waits gets errc::closed.
// Buffers must stay until the operation has ended. A stream must be gone before the executor on which it was made, and
// may be used from tasks of others. Writing to a peer that is gone gives EPIPE; the signal SIGPIPE is blocked on
// workers.
//
// Nothing is lost by a stop, an error or a deadline: bytes that have not been given stay in the stream, and operations
// of more than one system call say how far they have come, by `done`.
#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <system_error>
#include <utility>

#include <brigade/detail/descriptor.hpp>
#include <brigade/detail/io_operation.hpp>

namespace brigade {

using mutable_bytes = std::span<std::byte>;
using const_bytes = std::span<const std::byte>;

namespace detail {

struct stream_access;

// One system call, into or from one or several buffers.
class read_some_operation final : public io_operation {
public:
    read_some_operation(descriptor_ref d, mutable_bytes buffer) noexcept
        : io_operation(d, direction::read), buffer_(buffer) {}
    [[nodiscard]] std::expected<std::size_t, std::error_code> await_resume() const noexcept { return result(); }

private:
    outcome call(int fd) noexcept override;
    const mutable_bytes buffer_;
};

class read_some_vectored_operation final : public io_operation {
public:
    read_some_vectored_operation(descriptor_ref d, std::span<const mutable_bytes> buffers) noexcept
        : io_operation(d, direction::read), buffers_(buffers) {}
    [[nodiscard]] std::expected<std::size_t, std::error_code> await_resume() const noexcept { return result(); }

private:
    outcome call(int fd) noexcept override;
    const std::span<const mutable_bytes> buffers_;
};

class write_some_operation final : public io_operation {
public:
    write_some_operation(descriptor_ref d, const_bytes bytes) noexcept
        : io_operation(d, direction::write), bytes_(bytes) {}
    [[nodiscard]] std::expected<std::size_t, std::error_code> await_resume() const noexcept { return result(); }

private:
    outcome call(int fd) noexcept override;
    const const_bytes bytes_;
};

// No system call: waits until an event says that one is worth a try.
class event_operation final : public io_operation {
public:
    event_operation(descriptor_ref d, direction way) noexcept : io_operation(d, way) {}
    [[nodiscard]] std::expected<void, std::error_code> await_resume() const noexcept { return result_without_value(); }

private:
    outcome call(int fd) noexcept override;
};

// System calls until all is done.
class read_exactly_operation final : public io_operation {
public:
    read_exactly_operation(descriptor_ref d, mutable_bytes buffer, std::size_t* done) noexcept
        : io_operation(d, direction::read), rest_(buffer), size_(buffer.size()), done_(done) {}
    [[nodiscard]] std::expected<void, std::error_code> await_resume() const noexcept;

private:
    outcome call(int fd) noexcept override;
    mutable_bytes rest_;
    std::size_t size_;
    std::size_t* done_;
};

class write_all_operation final : public io_operation {
public:
    write_all_operation(descriptor_ref d, const_bytes bytes, std::size_t* done) noexcept
        : io_operation(d, direction::write), rest_(bytes), size_(bytes.size()), done_(done) {}
    [[nodiscard]] std::expected<void, std::error_code> await_resume() const noexcept;

private:
    outcome call(int fd) noexcept override;
    const_bytes rest_;
    std::size_t size_;
    std::size_t* done_;
};

class write_all_vectored_operation final : public io_operation {
public:
    write_all_vectored_operation(descriptor_ref d, std::span<const const_bytes> buffers, std::size_t* done) noexcept
        : io_operation(d, direction::write), rest_(buffers), done_(done) {}
    [[nodiscard]] std::expected<void, std::error_code> await_resume() const noexcept;

private:
    outcome call(int fd) noexcept override;
    std::span<const const_bytes> rest_;
    std::size_t written_of_first_ = 0;
    std::size_t written_ = 0;
    std::size_t* done_;
};

}  // namespace detail

class byte_stream {
public:
    // Reads what is there, at least one byte, at most the buffer's size. 0 means that the peer sends no more, or that
    // the buffer is empty.
    [[nodiscard]] detail::read_some_operation read_some(mutable_bytes buffer) noexcept {
        return {descriptor_.ref(), buffer};
    }
    // As above, into several buffers, each filled before the next. The span stays until the operation has ended.
    [[nodiscard]] detail::read_some_vectored_operation read_some_vectored(
        std::span<const mutable_bytes> buffers) noexcept {
        return {descriptor_.ref(), buffers};
    }
    // Fills the buffer. errc::end_of_stream when the peer sends no more before. `done`, if given, gets how many bytes
    // the buffer holds, with every outcome.
    [[nodiscard]] detail::read_exactly_operation read_exactly(mutable_bytes buffer,
                                                              std::size_t* done = nullptr) noexcept {
        return {descriptor_.ref(), buffer, done};
    }

    // For a connection that may be silent for long, and needs no buffer meanwhile: readable() waits until there may be
    // something to read, or the end; then try_read_some() reads it without waiting, as read_some() does, or gives
    // std::errc::operation_would_block, and readable() is to be awaited again.
    [[nodiscard]] detail::event_operation readable() noexcept { return {descriptor_.ref(), detail::direction::read}; }
    [[nodiscard]] std::expected<std::size_t, std::error_code> try_read_some(mutable_bytes buffer) noexcept;

    // The same for writing: try_write_some() writes as much as the system takes without waiting, or gives
    // std::errc::operation_would_block, and writable() waits until it may take some.
    [[nodiscard]] detail::event_operation writable() noexcept { return {descriptor_.ref(), detail::direction::write}; }
    [[nodiscard]] std::expected<std::size_t, std::error_code> try_write_some(const_bytes bytes) noexcept;

    // Writes as much as the system takes at once, at least one byte unless there is none.
    [[nodiscard]] detail::write_some_operation write_some(const_bytes bytes) noexcept {
        return {descriptor_.ref(), bytes};
    }
    // Writes all of it. `done`, if given, gets how many bytes the system has taken, with every outcome.
    [[nodiscard]] detail::write_all_operation write_all(const_bytes bytes, std::size_t* done = nullptr) noexcept {
        return {descriptor_.ref(), bytes, done};
    }
    // As above, from several buffers. The span stays until the operation has ended.
    [[nodiscard]] detail::write_all_vectored_operation write_all_vectored(std::span<const const_bytes> buffers,
                                                                          std::size_t* done = nullptr) noexcept {
        return {descriptor_.ref(), buffers, done};
    }

    // Ends all operations with errc::closed. Any thread; does nothing the second time.
    void close() noexcept { descriptor_.close(); }
    // -1 when closed. Remains the stream's own.
    [[nodiscard]] int native_handle() const noexcept { return descriptor_.fd(); }

protected:
    byte_stream() = default;  // closed
    explicit byte_stream(detail::descriptor d) noexcept : descriptor_(std::move(d)) {}

    [[nodiscard]] const detail::descriptor& descriptor() const noexcept { return descriptor_; }

private:
    friend struct detail::stream_access;

    detail::descriptor descriptor_;
};

}  // namespace brigade
