// Unix sockets: streams, listeners and datagrams between processes of one machine, which can also send each other open
// file descriptors and tell who they are.
//
// What reads and writes have in common stands in byte_stream.hpp, receiving datagrams in datagram.hpp; the rules there
// hold for all operations here. The first socket or timer of an executor starts its reactor, which throws
// std::system_error when the system refuses.
//
// Descriptors travel beside bytes. They are attached to the first byte of what was sent with them, and who receives
// that byte by anything but receive_with_descriptors() closes them. What is received is closed in programs that this
// process executes, and stands in an owned_fd before anything else can happen: none is lost by a stop, a deadline, or
// when more come than there is room for; those the system closes. Some facts about Linux: at most 253 at once; a sender
// may have as many under way as RLIMIT_NOFILE says (ETOOMANYREFS); a receiver that has no number left gets fewer
// (descriptors_lost).
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include <sys/types.h>

#include <brigade/byte_stream.hpp>
#include <brigade/datagram.hpp>
#include <brigade/detail/descriptor.hpp>
#include <brigade/detail/io_operation.hpp>
#include <brigade/owned_fd.hpp>
#include <brigade/task.hpp>
#include <brigade/unix_endpoint.hpp>

namespace brigade {

class executor;

// The process that has connected, or called listen() or pair(), as it was then.
struct peer_credentials {
    pid_t process = 0;  // 0: in a PID namespace that this process can not see
    uid_t user = 0;
    gid_t group = 0;
};

struct received_with_descriptors {
    std::size_t size = 0;           // bytes in the buffer; 0 is the end of a stream
    std::size_t descriptors = 0;    // from the front of the room given
    bool truncated = false;         // of a datagram that was longer
    bool descriptors_lost = false;  // there were more
};

namespace detail {

struct listener_access;

extern template class receive_from_operation<unix_endpoint>;
extern template class receive_many_operation<unix_endpoint>;

// Whether descriptors can not travel without a byte: so in a stream.
enum class needs_bytes : bool { no, yes };

class send_with_descriptors_operation final : public io_operation {
public:
    send_with_descriptors_operation(descriptor_ref d, needs_bytes needs, const_bytes bytes,
                                    std::span<const int> descriptors) noexcept
        : io_operation(d, direction::write), needs_bytes_(needs), bytes_(bytes), descriptors_(descriptors) {}
    [[nodiscard]] std::expected<std::size_t, std::error_code> await_resume() const noexcept { return result(); }

private:
    outcome call(int fd) noexcept override;
    const needs_bytes needs_bytes_;
    const const_bytes bytes_;
    const std::span<const int> descriptors_;
};

class receive_with_descriptors_operation final : public io_operation {
public:
    receive_with_descriptors_operation(descriptor_ref d, needs_bytes needs, mutable_bytes buffer,
                                       std::span<owned_fd> room) noexcept
        : io_operation(d, direction::read), needs_bytes_(needs), buffer_(buffer), room_(room) {}
    [[nodiscard]] std::expected<received_with_descriptors, std::error_code> await_resume() const noexcept {
        if (!result()) {
            return std::unexpected(result().error());
        }
        return got_;
    }

private:
    outcome call(int fd) noexcept override;
    const needs_bytes needs_bytes_;
    const mutable_bytes buffer_;
    const std::span<owned_fd> room_;
    received_with_descriptors got_;
};

}  // namespace detail

// A connection. Made by connect(), accept() and pair().
class unix_stream : public byte_stream {
public:
    unix_stream() = default;  // closed

    // On a worker. Errors are those of socket(2) and connect(2). While the listener's backlog is full it tries again
    // after pauses, from 1 ms to 50 ms: no event tells of room there.
    [[nodiscard]] static task<std::expected<unix_stream, std::error_code>> connect(unix_endpoint peer);
    // Two that are connected to each other. The second form is for workers; throws std::logic_error elsewhere.
    [[nodiscard]] static std::expected<std::pair<unix_stream, unix_stream>, std::error_code> pair(executor& home);
    [[nodiscard]] static std::expected<std::pair<unix_stream, unix_stream>, std::error_code> pair();
    // Takes over a connected Unix stream socket, as it comes from another process, say; invalid_argument for anything
    // else. Sets O_NONBLOCK, which holds for all who share the open file. When others do, close() does not end the
    // connection for them.
    [[nodiscard]] static std::expected<unix_stream, std::error_code> adopt(executor& home, owned_fd socket);

    // Sends the end of the stream; reading goes on. Error: not_connected when the connection is gone.
    [[nodiscard]] std::expected<void, std::error_code> shutdown_write() noexcept;

    // Sends bytes, at least one, with open descriptors, which remain the caller's: duplicates arrive. Gives how many
    // bytes the system has taken; the descriptors have gone with the first. The span stays until the operation has
    // ended. invalid_argument without bytes, or for more than 253 descriptors.
    [[nodiscard]] detail::send_with_descriptors_operation send_with_descriptors(
        const_bytes bytes, std::span<const int> descriptors) noexcept {
        return {descriptor().ref(), detail::needs_bytes::yes, bytes, descriptors};
    }
    // Receives bytes, and the descriptors that came with them, into the front of `room`; what is there is closed. Does
    // not read on past the bytes that a set of descriptors came with. The buffer must not be empty (invalid_argument).
    [[nodiscard]] detail::receive_with_descriptors_operation receive_with_descriptors(
        mutable_bytes buffer, std::span<owned_fd> room) noexcept {
        return {descriptor().ref(), detail::needs_bytes::yes, buffer, room};
    }

    [[nodiscard]] std::expected<unix_endpoint, std::error_code> local_endpoint() const noexcept;
    [[nodiscard]] std::expected<unix_endpoint, std::error_code> remote_endpoint() const noexcept;
    // SO_PEERCRED.
    [[nodiscard]] std::expected<peer_credentials, std::error_code> credentials() const noexcept;
    // SO_SNDBUF, bytes: what the system keeps that the peer has not read.
    [[nodiscard]] std::expected<void, std::error_code> set_send_buffer(int bytes) noexcept;

private:
    friend class unix_listener;
    using byte_stream::byte_stream;
};

// What bind() does where the path exists already.
enum class existing_socket : bool {
    refuse,         // address_in_use
    replace_stale,  // removes it when it is a socket to which nobody listens, as a process leaves it that was killed
};

struct unix_listener_options {
    int backlog = 1024;                                  // how many connections may wait for accept()
    existing_socket existing = existing_socket::refuse;  // two processes that replace at the same moment may both win
    bool remove_on_close = false;                        // close() removes the file, if it is still the listener's own
};

class unix_listener {
public:
    unix_listener() = default;  // closed
    unix_listener(unix_listener&&) noexcept = default;
    unix_listener& operator=(unix_listener&& other) noexcept;
    ~unix_listener() { close(); }

    // Binds and listens. Who may connect is up to the file's and the folder's permissions: see umask(2). The second
    // form is for workers; throws std::logic_error elsewhere. Errors are those of socket(2) and bind(2).
    [[nodiscard]] static std::expected<unix_listener, std::error_code> bind(executor& home, const unix_endpoint& local,
                                                                            unix_listener_options options = {});
    [[nodiscard]] static std::expected<unix_listener, std::error_code> bind(const unix_endpoint& local,
                                                                            unix_listener_options options = {});

    // The next connection. Does without descriptors for a while as tcp_listener::accept() does.
    [[nodiscard]] task<std::expected<unix_stream, std::error_code>> accept();
    // Any thread; does nothing the second time.
    void close() noexcept;

    [[nodiscard]] std::expected<unix_endpoint, std::error_code> local_endpoint() const noexcept;
    [[nodiscard]] int native_handle() const noexcept { return descriptor_.fd(); }

private:
    // The socket file that close() removes.
    struct own_file {
        unix_endpoint address;
        dev_t device;
        ino_t inode;
    };

    friend struct detail::listener_access;
    explicit unix_listener(detail::descriptor d) noexcept : descriptor_(std::move(d)) {}
    void remove_file() const noexcept;

    detail::descriptor descriptor_;
    std::optional<own_file> file_;
};

// Datagrams between processes of one machine: none is lost or comes out of order, and who sends to a full receiver
// waits. Nobody is told when the peer is gone, until he sends (connection_refused, not_connected).
class unix_datagram : public datagram_socket<unix_endpoint> {
public:
    unix_datagram() = default;  // closed

    // Unnamed, if `local` is; such a one gets no answers. A path is not removed by close(). The forms without an
    // executor are for workers; they throw std::logic_error elsewhere. Errors are those of socket(2) and bind(2).
    [[nodiscard]] static std::expected<unix_datagram, std::error_code> bind(executor& home, const unix_endpoint& local);
    [[nodiscard]] static std::expected<unix_datagram, std::error_code> bind(const unix_endpoint& local);
    [[nodiscard]] static std::expected<std::pair<unix_datagram, unix_datagram>, std::error_code> pair(executor& home);
    [[nodiscard]] static std::expected<std::pair<unix_datagram, unix_datagram>, std::error_code> pair();

    // From here on send() goes to this peer, and only its datagrams are received. Errors are those of connect(2).
    [[nodiscard]] std::expected<void, std::error_code> connect(const unix_endpoint& peer) noexcept;

    // While the receiver is full it tries again after pauses, from 1 ms to 50 ms: only for a connected peer, and
    // send(), there is an event. On a worker.
    [[nodiscard]] task<std::expected<void, std::error_code>> send_to(const_bytes bytes, unix_endpoint to);

    // As for unix_stream, to a connected peer; a datagram may have no bytes.
    [[nodiscard]] detail::send_with_descriptors_operation send_with_descriptors(
        const_bytes bytes, std::span<const int> descriptors) noexcept {
        return {descriptor().ref(), detail::needs_bytes::no, bytes, descriptors};
    }
    [[nodiscard]] detail::receive_with_descriptors_operation receive_with_descriptors(
        mutable_bytes buffer, std::span<owned_fd> room) noexcept {
        return {descriptor().ref(), detail::needs_bytes::no, buffer, room};
    }

    [[nodiscard]] std::expected<unix_endpoint, std::error_code> local_endpoint() const noexcept;
    [[nodiscard]] std::expected<unix_endpoint, std::error_code> remote_endpoint() const noexcept;
    [[nodiscard]] std::expected<void, std::error_code> set_send_buffer(int bytes) noexcept;

private:
    using datagram_socket::datagram_socket;
};

}  // namespace brigade
