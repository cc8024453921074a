// What all sockets of datagrams can do: UDP and Unix datagram sockets.
//
// A datagram is sent whole or not at all. One that is longer than the buffer it is received into is cut off there,
// which `truncated` says; the rest is gone. What stands at the head of byte_stream.hpp about values, stops, closing,
// and one reader and one writer at once, holds here too: a stopped or timed-out receive has taken nothing out of the
// socket.
#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <system_error>
#include <utility>

#include <brigade/byte_stream.hpp>
#include <brigade/detail/descriptor.hpp>
#include <brigade/detail/io_operation.hpp>

namespace brigade {

// One that has come. `Endpoint` is the socket's kind of address.
template <class Endpoint>
struct received_datagram {
    std::size_t size = 0;    // bytes in the buffer
    bool truncated = false;  // the datagram was longer
    Endpoint from{};
};

// A place in a batch for one that is to come.
template <class Endpoint>
struct datagram_slot {
    mutable_bytes buffer{};             // given
    received_datagram<Endpoint> got{};  // filled in
};

// One of a batch that is to be sent. The bytes and the address stay until the operation has ended.
template <class Endpoint>
struct outgoing_datagram {
    const_bytes bytes{};
    const Endpoint* to = nullptr;  // nullptr: the peer to which the socket is connected
};

namespace detail {

template <class Endpoint>
class receive_from_operation final : public io_operation {
public:
    receive_from_operation(descriptor_ref d, mutable_bytes buffer) noexcept
        : io_operation(d, direction::read), buffer_(buffer) {}
    [[nodiscard]] std::expected<received_datagram<Endpoint>, std::error_code> await_resume() const noexcept {
        if (!result()) {
            return std::unexpected(result().error());
        }
        return got_;
    }

private:
    outcome call(int fd) noexcept override;
    const mutable_bytes buffer_;
    received_datagram<Endpoint> got_;
};

template <class Endpoint>
class receive_many_operation final : public io_operation {
public:
    receive_many_operation(descriptor_ref d, std::span<datagram_slot<Endpoint>> slots) noexcept
        : io_operation(d, direction::read), slots_(slots) {}
    [[nodiscard]] std::expected<std::size_t, std::error_code> await_resume() const noexcept { return result(); }

private:
    outcome call(int fd) noexcept override;
    const std::span<datagram_slot<Endpoint>> slots_;
};

class send_operation final : public io_operation {
public:
    send_operation(descriptor_ref d, const_bytes bytes) noexcept : io_operation(d, direction::write), bytes_(bytes) {}
    [[nodiscard]] std::expected<void, std::error_code> await_resume() const noexcept { return result_without_value(); }

private:
    outcome call(int fd) noexcept override;
    const const_bytes bytes_;
};

template <class Endpoint>
class send_to_operation final : public io_operation {
public:
    send_to_operation(descriptor_ref d, const_bytes bytes, const Endpoint& to) noexcept
        : io_operation(d, direction::write), bytes_(bytes), to_(to) {}
    [[nodiscard]] std::expected<void, std::error_code> await_resume() const noexcept { return result_without_value(); }

private:
    outcome call(int fd) noexcept override;
    const const_bytes bytes_;
    const Endpoint to_;
};

template <class Endpoint>
class send_many_operation final : public io_operation {
public:
    send_many_operation(descriptor_ref d, std::span<const outgoing_datagram<Endpoint>> batch,
                        std::size_t* done) noexcept
        : io_operation(d, direction::write), rest_(batch), size_(batch.size()), done_(done) {}
    [[nodiscard]] std::expected<void, std::error_code> await_resume() const noexcept {
        if (done_ != nullptr) {
            *done_ = size_ - rest_.size();
        }
        return result_without_value();
    }

private:
    outcome call(int fd) noexcept override;
    std::span<const outgoing_datagram<Endpoint>> rest_;
    std::size_t size_;
    std::size_t* done_;
};

}  // namespace detail

template <class Endpoint>
class datagram_socket {
public:
    // The next datagram, and who has sent it. It may be empty.
    [[nodiscard]] detail::receive_from_operation<Endpoint> receive_from(mutable_bytes buffer) noexcept {
        return {descriptor_.ref(), buffer};
    }
    // As many as are there, at least one, at most the slots and 64; by one system call. Gives how many slots are
    // filled, from the front. The slots stay until the operation has ended.
    [[nodiscard]] detail::receive_many_operation<Endpoint> receive_many(
        std::span<datagram_slot<Endpoint>> slots) noexcept {
        return {descriptor_.ref(), slots};
    }
    // To the peer to which the socket is connected; std::errc::destination_address_required or not_connected when it
    // is not. What has become of earlier ones may come out here, or at a receive: connection_refused when nobody
    // listens there.
    [[nodiscard]] detail::send_operation send(const_bytes bytes) noexcept { return {descriptor_.ref(), bytes}; }

    // Ends all operations with errc::closed. Any thread; does nothing the second time.
    void close() noexcept { descriptor_.close(); }
    // -1 when closed. Remains the socket's own.
    [[nodiscard]] int native_handle() const noexcept { return descriptor_.fd(); }

protected:
    datagram_socket() = default;  // closed
    explicit datagram_socket(detail::descriptor d) noexcept : descriptor_(std::move(d)) {}

    [[nodiscard]] const detail::descriptor& descriptor() const noexcept { return descriptor_; }

private:
    detail::descriptor descriptor_;
};

}  // namespace brigade
