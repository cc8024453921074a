#include "io/tls/engine.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>

#include "io/tls/error.hpp"

namespace brigade::detail {

tls_engine::tls_engine(ssl_ptr ssl) : ssl_(std::move(ssl)) {
    BIO* const bio = ::BIO_new(bio_method());
    if (bio == nullptr) {
        throw std::bad_alloc();
    }
    ::BIO_set_data(bio, this);
    ::BIO_set_init(bio, 1);
    ::SSL_set_bio(ssl_.get(), bio, bio);
}

// OpenSSL takes a connection that ends without close_notify for a reason not to resume its session. That is a rule of
// TLS 1.0; where something is wrong with the session, the failure itself forbids it.
tls_engine::~tls_engine() {
    if (!failure_) {
        ::SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
}

tls_step tls_engine::handshake() {
    if (failure_) {
        return fail(failure_);
    }
    ::ERR_clear_error();
    return step_of(::SSL_do_handshake(ssl_.get()), 0);
}

tls_step tls_engine::read(std::span<std::byte> buffer) {
    if (failure_) {
        return fail(failure_);
    }
    ::ERR_clear_error();
    std::size_t got = 0;
    const int result = ::SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &got);
    return step_of(result, got);
}

tls_step tls_engine::write(std::span<const std::byte> bytes) {
    if (failure_) {
        return fail(failure_);
    }
    if ((::SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) != 0) {
        return {.what = tls_step::kind::failed, .error = std::make_error_code(std::errc::broken_pipe)};
    }
    ::ERR_clear_error();
    std::size_t taken = 0;
    const int result = ::SSL_write_ex(ssl_.get(), bytes.data(), std::min(bytes.size(), record_size), &taken);
    return step_of(result, taken);
}

// 0 means that the peer's close_notify has not come yet, which is as it should be.
tls_step tls_engine::close_notify() {
    if (failure_) {
        return fail(failure_);
    }
    // A second SSL_shutdown() would read, and take data that nobody has read for a failure.
    if ((::SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) != 0) {
        return step_of(1, 0);
    }
    ::ERR_clear_error();
    const int result = ::SSL_shutdown(ssl_.get());
    return step_of(result == 0 ? 1 : result, 0);
}

tls_step tls_engine::step_of(int result, std::size_t bytes) {
    if (result > 0) {
        return {.what = tls_step::kind::done, .bytes = bytes};
    }
    switch (::SSL_get_error(ssl_.get(), result)) {
        case SSL_ERROR_WANT_READ:
            return input_ended_ ? fail(tls_errc::truncated) : tls_step{.what = tls_step::kind::wants_input};
        case SSL_ERROR_ZERO_RETURN:
            return {.what = tls_step::kind::ended};
        default:
            return fail(reason());
    }
}

tls_step tls_engine::fail(std::error_code error) {
    failure_ = error;
    return {.what = tls_step::kind::failed, .error = error};
}

// Verification keeps its reason in the connection.
std::error_code tls_engine::reason() const {
    const unsigned long first = ::ERR_peek_error();
    const std::error_code error = take_tls_error();
    const long verified = ::SSL_get_verify_result(ssl_.get());
    if (ERR_GET_LIB(first) == ERR_LIB_SSL && ERR_GET_REASON(first) == SSL_R_CERTIFICATE_VERIFY_FAILED &&
        verified != X509_V_OK) {
        return {static_cast<int>(verified), tls_verification_category()};
    }
    return error;
}

// Made once, and never freed.
const BIO_METHOD* tls_engine::bio_method() {
    static const BIO_METHOD* const method = [] {
        BIO_METHOD* const made = ::BIO_meth_new(::BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "brigade tls_engine");
        if (made == nullptr || ::BIO_meth_set_read_ex(made, &bio_read) != 1 ||
            ::BIO_meth_set_write_ex(made, &bio_write) != 1 || ::BIO_meth_set_ctrl(made, &bio_control) != 1) {
            throw std::bad_alloc();
        }
        return made;
    }();
    return method;
}

int tls_engine::bio_read(BIO* bio, char* data, std::size_t size, std::size_t* got) noexcept {
    auto& self = *static_cast<tls_engine*>(::BIO_get_data(bio));
    ::BIO_clear_retry_flags(bio);
    if (self.input_.empty()) {
        ::BIO_set_retry_read(bio);
        return 0;
    }
    *got = std::min(size, self.input_.size());
    std::memcpy(data, self.input_.data(), *got);
    self.input_ = self.input_.subspan(*got);
    return 1;
}

int tls_engine::bio_write(BIO* bio, const char* data, std::size_t size, std::size_t* taken) noexcept {
    auto& self = *static_cast<tls_engine*>(::BIO_get_data(bio));
    ::BIO_clear_retry_flags(bio);
    const auto* const bytes = reinterpret_cast<const std::byte*>(data);
    try {
        self.output_.insert(self.output_.end(), bytes, bytes + size);
    } catch (const std::bad_alloc&) {
        return 0;  // without a reason: take_tls_error() takes it for the lack of memory
    }
    *taken = size;
    return 1;
}

long tls_engine::bio_control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) noexcept {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

}  // namespace brigade::detail
