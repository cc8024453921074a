// Bytes that go from one descriptor to another without passing through the process: sendfile(2) and splice(2).
//
// What stands at the head of byte_stream.hpp holds here: stops, deadlines and close() are values, one reader and one
// writer at once, and `done` says with every outcome how many bytes have arrived in the target.
//
// Not here: MSG_ZEROCOPY. Over loopback the system copies all the same, and what comes on top is lost: for 1 GiB it
// took 0.73 s of CPU time in both ends against 0.50 s for writes of 64 KiB, and 0.68 s against 0.39 s for 1 MiB
// (medians of three, Linux 6.18, two processors; all 16,384 and 1,024 completions said "copied"). It may pay over a
// network card with scatter-gather, for buffers that can stay untouched until a completion comes: by watched_fd.hpp and
// sendmsg(2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <system_error>

#include <brigade/byte_stream.hpp>
#include <brigade/detail/descriptor.hpp>
#include <brigade/detail/io_operation.hpp>
#include <brigade/pipe.hpp>
#include <brigade/task.hpp>

namespace brigade {

namespace detail {

struct stream_access {
    [[nodiscard]] static descriptor_ref of(const byte_stream& s) noexcept { return s.descriptor().ref(); }
    [[nodiscard]] static descriptor_ref of(const pipe_reader& p) noexcept { return p.descriptor().ref(); }
    [[nodiscard]] static descriptor_ref of(const pipe_writer& p) noexcept { return p.descriptor().ref(); }
};

class send_file_operation final : public io_operation {
public:
    send_file_operation(descriptor_ref d, int file, std::uint64_t offset, std::size_t count, std::size_t* done) noexcept
        : io_operation(d, direction::write), file_(file), offset_(offset), count_(count), rest_(count), done_(done) {}
    [[nodiscard]] std::expected<void, std::error_code> await_resume() const noexcept {
        if (done_ != nullptr) {
            *done_ = count_ - rest_;
        }
        return result_without_value();
    }

private:
    outcome call(int fd) noexcept override;
    const int file_;
    const std::uint64_t offset_;
    const std::size_t count_;
    std::size_t rest_;
    std::size_t* done_;
};

[[nodiscard]] task<std::expected<std::size_t, std::error_code>> splice_between(descriptor_ref from, descriptor_ref to,
                                                                               std::size_t count, std::size_t* done);

}  // namespace detail

// Sends `count` bytes of a file, from `offset` on; the file's own position stays as it is. errc::end_of_stream when the
// file is shorter. `file` remains the caller's, and stays open until the operation has ended. What is not in the page
// cache is read by the worker, which blocks it for as long as the disk takes.
[[nodiscard]] inline detail::send_file_operation send_file(byte_stream& to, int file, std::uint64_t offset,
                                                           std::size_t count, std::size_t* done = nullptr) noexcept {
    return {detail::stream_access::of(to), file, offset, count, done};
}

// Moves up to `count` bytes between a socket and a pipe, and gives how many: fewer only when `from` has ended. What has
// been taken from `from` is in `to`, whatever happens. It is a reader of `from` while it waits there and a writer of
// `to` while it waits there; a close of the other one it notices when it comes to it.
[[nodiscard]] inline task<std::expected<std::size_t, std::error_code>> splice(byte_stream& from, pipe_writer& to,
                                                                              std::size_t count,
                                                                              std::size_t* done = nullptr) {
    return detail::splice_between(detail::stream_access::of(from), detail::stream_access::of(to), count, done);
}
[[nodiscard]] inline task<std::expected<std::size_t, std::error_code>> splice(pipe_reader& from, byte_stream& to,
                                                                              std::size_t count,
                                                                              std::size_t* done = nullptr) {
    return detail::splice_between(detail::stream_access::of(from), detail::stream_access::of(to), count, done);
}

}  // namespace brigade
