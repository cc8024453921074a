// Certificates for tests, made anew in each test's folder.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <openssl/types.h>
#include <brigade/tls.hpp>

namespace test {

struct certificate_options {
    std::vector<std::string> names;  // DNS names and numeric addresses
    long valid_from_days = -1;       // counted from today
    long valid_until_days = 30;
    bool for_clients = false;  // else for servers
};

// Signs certificates. Everything is written as PEM files into `folder`, which must exist.
class authority {
public:
    // The name tells it from others; its own certificate is in file().
    authority(std::filesystem::path folder, const std::string& name);

    [[nodiscard]] std::string file() const { return file_; }
    // Files named after the first name and a number.
    [[nodiscard]] brigade::tls_identity issue(const certificate_options& options);

private:
    struct key_deleter {
        void operator()(EVP_PKEY* key) const noexcept;
    };
    struct certificate_deleter {
        void operator()(X509* certificate) const noexcept;
    };
    using key_ptr = std::unique_ptr<EVP_PKEY, key_deleter>;
    using certificate_ptr = std::unique_ptr<X509, certificate_deleter>;

    [[nodiscard]] static key_ptr make_key();
    [[nodiscard]] certificate_ptr sign(EVP_PKEY* subject_key, const std::string& common_name,
                                       const std::vector<std::pair<int, std::string>>& extensions, long from_days,
                                       long until_days);

    std::filesystem::path folder_;
    std::string name_;
    std::string file_;
    key_ptr key_;
    certificate_ptr certificate_;
    long serial_ = 1;
};

// A folder of its own for the test that runs, empty at first.
[[nodiscard]] std::filesystem::path fresh_folder();

}  // namespace test
