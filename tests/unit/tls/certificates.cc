#include "tests/unit/tls/certificates.hpp"

#include <cstdio>
#include <stdexcept>
#include <utility>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace test {

namespace {

void check(bool good, const char* what) {
    if (!good) {
        throw std::runtime_error(std::string("cannot make a certificate: ") + what);
    }
}

// Writes by `write(FILE*)`, which gives 1 for success.
template <class Write>
void write_pem(const std::string& file, Write write) {
    std::FILE* const out = std::fopen(file.c_str(), "w");
    check(out != nullptr, "fopen");
    const int written = write(out);
    check(std::fclose(out) == 0 && written == 1, "PEM_write");
}

std::string alternative_names(const std::vector<std::string>& names) {
    std::string all;
    for (const std::string& name : names) {
        in6_addr address{};
        const bool numeric =
            ::inet_pton(AF_INET, name.c_str(), &address) == 1 || ::inet_pton(AF_INET6, name.c_str(), &address) == 1;
        all += (all.empty() ? "" : ",") + std::string(numeric ? "IP:" : "DNS:") + name;
    }
    return all;
}

}  // namespace

void authority::key_deleter::operator()(EVP_PKEY* key) const noexcept {
    ::EVP_PKEY_free(key);
}
void authority::certificate_deleter::operator()(X509* certificate) const noexcept {
    ::X509_free(certificate);
}

authority::authority(std::filesystem::path folder, const std::string& name)
    : folder_(std::move(folder)), name_(name), file_(folder_ / (name + ".pem")), key_(make_key()) {
    certificate_ =
        sign(key_.get(), name_,
             {{NID_basic_constraints, "critical,CA:TRUE"}, {NID_key_usage, "critical,keyCertSign,cRLSign"}}, -400, 400);
    write_pem(file_, [this](std::FILE* out) { return ::PEM_write_X509(out, certificate_.get()); });
}

brigade::tls_identity authority::issue(const certificate_options& options) {
    const key_ptr key = make_key();
    const std::string name = options.names.empty() ? "nobody" : options.names.front();
    std::vector<std::pair<int, std::string>> extensions{
        {NID_ext_key_usage, options.for_clients ? "clientAuth" : "serverAuth"}};
    if (!options.names.empty()) {
        extensions.emplace_back(NID_subject_alt_name, alternative_names(options.names));
    }
    const certificate_ptr made = sign(key.get(), name, extensions, options.valid_from_days, options.valid_until_days);
    const std::string stem = folder_ / (name_ + "-" + std::to_string(serial_));
    brigade::tls_identity identity{.chain_file = stem + ".pem", .key_file = stem + ".key"};
    write_pem(identity.chain_file, [&](std::FILE* out) { return ::PEM_write_X509(out, made.get()); });
    write_pem(identity.key_file, [&](std::FILE* out) {
        return ::PEM_write_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
    return identity;
}

authority::key_ptr authority::make_key() {
    key_ptr key(::EVP_EC_gen("P-256"));
    check(key != nullptr, "EVP_EC_gen");
    return key;
}

authority::certificate_ptr authority::sign(EVP_PKEY* subject_key, const std::string& common_name,
                                           const std::vector<std::pair<int, std::string>>& extensions, long from_days,
                                           long until_days) {
    certificate_ptr made(::X509_new());
    check(made != nullptr, "X509_new");
    X509* const c = made.get();
    constexpr long day = 24L * 60 * 60;
    X509_NAME* const subject = ::X509_get_subject_name(c);
    check(::X509_set_version(c, X509_VERSION_3) == 1, "version");
    check(::ASN1_INTEGER_set(::X509_get_serialNumber(c), serial_++) == 1, "serial number");
    check(::X509_gmtime_adj(::X509_getm_notBefore(c), from_days * day) != nullptr, "notBefore");
    check(::X509_gmtime_adj(::X509_getm_notAfter(c), until_days * day) != nullptr, "notAfter");
    check(::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                       reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0) == 1,
          "subject");
    // Its own issuer when it is the authority's.
    X509* const issuer = certificate_ != nullptr ? certificate_.get() : c;
    check(::X509_set_issuer_name(c, ::X509_get_subject_name(issuer)) == 1, "issuer");
    check(::X509_set_pubkey(c, subject_key) == 1, "public key");
    X509V3_CTX context{};
    X509V3_set_ctx(&context, issuer, c, nullptr, nullptr, 0);
    for (const auto& [nid, value] : extensions) {
        X509_EXTENSION* const extension = ::X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
        check(extension != nullptr && ::X509_add_ext(c, extension, -1) == 1, value.c_str());
        ::X509_EXTENSION_free(extension);
    }
    check(::X509_sign(c, key_.get(), ::EVP_sha256()) > 0, "X509_sign");
    return made;
}

std::filesystem::path fresh_folder() {
    const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
    std::filesystem::path folder =
        std::filesystem::path(testing::TempDir()) / (std::string(test->test_suite_name()) + "." + test->name());
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    return folder;
}

}  // namespace test
