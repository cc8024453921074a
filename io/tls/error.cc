#include "io/tls/error.hpp"

#include <string>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <brigade/tls.hpp>

namespace brigade {

namespace {

// OpenSSL's packed numbers name the library from bit 23 on, and begin with library 1; those of tls_errc are below.
class tls_errors final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "tls"; }
    [[nodiscard]] std::string message(int value) const override {
        switch (static_cast<tls_errc>(value)) {
            case tls_errc::truncated:
                return "the connection ended without close_notify";
            case tls_errc::unread_data:
                return "the peer sent more than was read";
        }
        const char* const reason = ::ERR_reason_error_string(static_cast<unsigned long>(value));
        return reason != nullptr ? reason : "TLS error " + std::to_string(value);
    }
};

class verification_errors final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "tls verification"; }
    [[nodiscard]] std::string message(int value) const override { return ::X509_verify_cert_error_string(value); }
};

}  // namespace

const std::error_category& tls_category() noexcept {
    static const tls_errors instance;
    return instance;
}

const std::error_category& tls_verification_category() noexcept {
    static const verification_errors instance;
    return instance;
}

std::error_code detail::take_tls_error() noexcept {
    const unsigned long first = ::ERR_get_error();
    ::ERR_clear_error();
    if (ERR_SYSTEM_ERROR(first)) {
        return {ERR_GET_REASON(first), std::system_category()};
    }
    if (first == 0 || ERR_GET_REASON(first) == ERR_R_MALLOC_FAILURE) {
        return std::make_error_code(std::errc::not_enough_memory);  // OpenSSL fails without a reason only for that
    }
    return {static_cast<int>(first), tls_category()};
}

}  // namespace brigade
