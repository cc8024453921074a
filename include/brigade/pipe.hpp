// Pipes and FIFOs: bytes in one direction, inside a process or between processes.
//
// What reads and writes have in common stands in byte_stream.hpp; the rules there hold here, for one direction each. A
// reader gets the end (0) when all writers have closed; a writer gets EPIPE when all readers have. The first socket,
// pipe or timer of an executor starts its reactor, which throws std::system_error when the system refuses.
//
// An adopted descriptor gets O_NONBLOCK. That belongs to the open file and not to the descriptor: who shares it, as a
// child process shares an inherited standard output, has it from then on as well, and it is not taken back at the end.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <system_error>
#include <utility>

#include <brigade/byte_stream.hpp>
#include <brigade/detail/descriptor.hpp>
#include <brigade/owned_fd.hpp>
#include <brigade/task.hpp>

namespace brigade {

class executor;
struct pipe_ends;

namespace detail {
struct stream_access;
}

// What a reader of a FIFO sees when its last writer has closed.
enum class fifo_end : bool {
    at_last_writer,  // the end of the stream
    never,           // nothing: it waits for the next writer. (It holds the FIFO open for writing as well.)
};

class pipe_reader : private byte_stream {
public:
    pipe_reader() = default;  // closed

    // Takes over the reading end of a pipe or FIFO; std::errc::invalid_argument for anything else. See above.
    [[nodiscard]] static std::expected<pipe_reader, std::error_code> adopt(executor& home, owned_fd fd);
    // Opens a FIFO; invalid_argument when the path names something else. Without `never`, waits until a writer has
    // written something or closed: before that a FIFO without a writer would look as if it had ended. On a worker, and
    // without blocking one. Errors are those of open(2).
    [[nodiscard]] static task<std::expected<pipe_reader, std::error_code>> open(
        std::string path, fifo_end end = fifo_end::at_last_writer);

    using byte_stream::close;
    using byte_stream::native_handle;
    using byte_stream::read_exactly;
    using byte_stream::read_some;
    using byte_stream::read_some_vectored;

private:
    friend struct detail::stream_access;
    friend std::expected<pipe_ends, std::error_code> make_pipe(executor& home);
    using byte_stream::byte_stream;
};

class pipe_writer : private byte_stream {
public:
    pipe_writer() = default;  // closed

    // Takes over the writing end of a pipe or FIFO; std::errc::invalid_argument for anything else. See above.
    [[nodiscard]] static std::expected<pipe_writer, std::error_code> adopt(executor& home, owned_fd fd);
    // Opens a FIFO; invalid_argument when the path names something else. Waits until it has a reader: tries again after
    // pauses, from 1 ms to 50 ms, as no event tells of one. On a worker, and without blocking one. Errors are those of
    // open(2).
    [[nodiscard]] static task<std::expected<pipe_writer, std::error_code>> open(std::string path);

    using byte_stream::close;
    using byte_stream::native_handle;
    using byte_stream::write_all;
    using byte_stream::write_all_vectored;
    using byte_stream::write_some;

    // How many bytes the pipe holds that have not been read; the system rounds up to a power of two of pages. Gives
    // what it has become. operation_not_permitted past /proc/sys/fs/pipe-max-size.
    [[nodiscard]] std::expected<std::size_t, std::error_code> set_capacity(std::size_t bytes) noexcept;

private:
    friend struct detail::stream_access;
    friend std::expected<pipe_ends, std::error_code> make_pipe(executor& home);
    using byte_stream::byte_stream;
};

struct pipe_ends {
    pipe_reader reader;
    pipe_writer writer;
};

// A pipe. Both ends are closed in programs that this process executes. Errors are those of pipe(2). The second form is
// for workers; throws std::logic_error elsewhere.
[[nodiscard]] std::expected<pipe_ends, std::error_code> make_pipe(executor& home);
[[nodiscard]] std::expected<pipe_ends, std::error_code> make_pipe();

}  // namespace brigade
