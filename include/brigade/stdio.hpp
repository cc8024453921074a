// Standard input, output and error for tasks.
//
// What another process may share is left as it is: the descriptors 0, 1 and 2 are not made non-blocking, since that
// flag belongs to the open file description, which the shell and other processes have as well. Instead,
//   - a terminal, a pipe or a FIFO is opened once more, by /proc/self/fd, with a description and a flag of its own. It
//     stays open until the object is closed: the other end of a pipe sees the end when that has happened as well;
//   - a socket is used with MSG_DONTWAIT, which is a flag of the call;
//   - where a terminal or a pipe can not be opened again (one of another user, say, or no /proc), a call is made only
//     when poll(2) says that it will not wait. Should another process be quicker, the call waits all the same;
//   - a file, /dev/null and the like are read and written on the blocking pool.
// All but the last wait in the reactor: a task that waits for input is stopped like any other, and neither it nor a
// thread of its own keeps the process from its end.
//
// There is no buffer. The objects do not own the descriptors 0, 1 and 2; closing one leaves them open. Several objects
// may exist, and take from the same input what they get. The rules of byte_stream.hpp hold, and those of file.hpp where
// the blocking pool does the work.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <system_error>

#include <brigade/byte_stream.hpp>
#include <brigade/detail/descriptor.hpp>
#include <brigade/task.hpp>

namespace brigade {

class executor;

namespace detail {

// One of the three.
class standard_stream {
public:
    // Any thread. Does nothing the second time. Who waits gets errc::closed.
    void close() noexcept { descriptor_.close(); }

protected:
    standard_stream(executor& home, int number, bool writes);

    [[nodiscard]] task<std::expected<std::size_t, std::error_code>> read_some(mutable_bytes buffer);
    [[nodiscard]] task<std::expected<std::size_t, std::error_code>> write_some(const_bytes bytes);
    [[nodiscard]] task<std::expected<void, std::error_code>> write_all(const_bytes bytes, std::size_t* done);

private:
    enum class kind : std::uint8_t { reopened, socket, shared, blocking };

    // In this order: open_again() sets the kind.
    kind kind_ = kind::blocking;
    descriptor descriptor_;

    [[nodiscard]] int open_again(int number, bool writes);
};

}  // namespace detail

class standard_input : public detail::standard_stream {
public:
    // Looks at what the descriptor 0 is. The second form is for workers; throws std::logic_error elsewhere. Throws
    // std::system_error when the descriptor is closed, or there is none left.
    explicit standard_input(executor& home);
    standard_input();

    // At least one byte, at most the buffer's size; 0 at the end of the input.
    [[nodiscard]] task<std::expected<std::size_t, std::error_code>> read_some(mutable_bytes buffer) {
        return standard_stream::read_some(buffer);
    }
};

class standard_output : public detail::standard_stream {
public:
    explicit standard_output(executor& home);
    standard_output();

    [[nodiscard]] task<std::expected<std::size_t, std::error_code>> write_some(const_bytes bytes) {
        return standard_stream::write_some(bytes);
    }
    // All of it. `done`, if given, gets how many bytes the system has taken, with every outcome.
    [[nodiscard]] task<std::expected<void, std::error_code>> write_all(const_bytes bytes, std::size_t* done = nullptr) {
        return standard_stream::write_all(bytes, done);
    }
};

class standard_error : public detail::standard_stream {
public:
    explicit standard_error(executor& home);
    standard_error();

    [[nodiscard]] task<std::expected<std::size_t, std::error_code>> write_some(const_bytes bytes) {
        return standard_stream::write_some(bytes);
    }
    [[nodiscard]] task<std::expected<void, std::error_code>> write_all(const_bytes bytes, std::size_t* done = nullptr) {
        return standard_stream::write_all(bytes, done);
    }
};

}  // namespace brigade
