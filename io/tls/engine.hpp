// OpenSSL's state machine of one connection, without any input or output of its own: what it is to read is put before
// it, what it wants to send is collected. No thread waits here; every function computes and returns.
//
// By one thread at a time.
//   ENG1  Input that was put is consumed when a step gives wants_input: so new input may be put from then on, and
//         the place of the old one is not looked at any more.
//   ENG2  Records leave in the order in which they stand in the output: the encryption counts them.
//   ENG3  After a step has failed, all others fail with the same error.
//
// A BIO of our own stands between OpenSSL and the buffers. Rejected: OpenSSL's memory BIOs, which copy once more in
// each direction and keep the largest buffer that a connection has ever needed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <vector>

#include <openssl/ssl.h>

#include "io/tls/context.hpp"

namespace brigade::detail {

struct tls_step {
    enum class kind : std::uint8_t {
        done,         // `bytes` were read or written
        wants_input,  // nothing was done; to be repeated when there is input
        ended,        // the peer has sent close_notify
        failed,       // with `error`; the output may hold an alert that tells the peer
    };
    kind what = kind::done;
    std::size_t bytes = 0;
    std::error_code error{};
};

class tls_engine {
public:
    // Bytes to write are taken up to this many at once: what fits into a record.
    static constexpr std::size_t record_size = SSL3_RT_MAX_PLAIN_LENGTH;

    explicit tls_engine(ssl_ptr ssl);
    tls_engine(const tls_engine&) = delete;
    tls_engine& operator=(const tls_engine&) = delete;
    ~tls_engine();

    [[nodiscard]] tls_step handshake();
    // Into a buffer that is not empty.
    [[nodiscard]] tls_step read(std::span<std::byte> buffer);
    // A part of `bytes`, which are not empty.
    [[nodiscard]] tls_step write(std::span<const std::byte> bytes);
    [[nodiscard]] tls_step close_notify();

    // The bytes must stay until they are consumed (ENG1).
    void put_input(std::span<const std::byte> bytes) noexcept { input_ = bytes; }
    // The connection has ended: nothing more will come.
    void end_input() noexcept { input_ended_ = true; }
    [[nodiscard]] std::vector<std::byte>& output() noexcept { return output_; }

    [[nodiscard]] SSL* ssl() const noexcept { return ssl_.get(); }

private:
    [[nodiscard]] tls_step step_of(int result, std::size_t bytes);
    [[nodiscard]] tls_step fail(std::error_code error);
    [[nodiscard]] std::error_code reason() const;

    static const BIO_METHOD* bio_method();
    static int bio_read(BIO* bio, char* data, std::size_t size, std::size_t* got) noexcept;
    static int bio_write(BIO* bio, const char* data, std::size_t size, std::size_t* taken) noexcept;
    static long bio_control(BIO* bio, int command, long number, void* pointer) noexcept;

    ssl_ptr ssl_;
    std::span<const std::byte> input_;
    std::vector<std::byte> output_;
    bool input_ended_ = false;
    std::error_code failure_;
};

}  // namespace brigade::detail
