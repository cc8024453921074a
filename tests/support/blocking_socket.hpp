// A plain blocking TCP socket: the peer that knows nothing of coroutines. Failures throw std::system_error.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <brigade/endpoint.hpp>

namespace test {

class blocking_socket {
public:
    [[nodiscard]] static blocking_socket connect(const brigade::endpoint& peer);
    // Listens on a port of the system's choice.
    [[nodiscard]] static blocking_socket listen(const brigade::endpoint& local, int backlog = 128);

    blocking_socket() = default;
    explicit blocking_socket(int fd) noexcept : fd_(fd) {}
    blocking_socket(blocking_socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    blocking_socket& operator=(blocking_socket&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~blocking_socket() { close(); }

    [[nodiscard]] blocking_socket accept() const;
    [[nodiscard]] brigade::endpoint local_endpoint() const;
    [[nodiscard]] int fd() const noexcept { return fd_; }

    void send(std::string_view bytes) const;
    // At least one byte; "" at the end of the stream.
    [[nodiscard]] std::string receive(std::size_t most = 65536) const;
    // Until the end of the stream.
    [[nodiscard]] std::string receive_all() const;

    void shutdown_write() const;
    void close() noexcept;
    // Closes so that the peer sees a reset.
    void reset();

private:
    int fd_ = -1;
};

}  // namespace test
