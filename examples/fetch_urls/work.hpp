#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cpu_recorder.hpp"
#include "records.hpp"

namespace fetch_urls {

struct digest_and_size {
    std::string sha256;  // in hexadecimal
    std::uint64_t compressed_bytes = 0;
};

// The CPU's share of a fetch: SHA-256 and zstd. Throws std::runtime_error if a library reports an error.
digest_and_size hash_and_compress(std::string_view document, const effort&, cpu_recorder&);

}  // namespace fetch_urls
