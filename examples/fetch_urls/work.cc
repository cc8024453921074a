#include "work.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <stdexcept>
#include <vector>

#include <openssl/evp.h>
#include <zstd.h>

namespace fetch_urls {

namespace {

// A document is compressed as a stream, piece by piece; each takes about a millisecond, so that the recorder can look.
constexpr std::size_t piece_size = 4096;

using compressor = std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)>;

std::string sha256_of(std::string_view document) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    if (EVP_Digest(document.data(), document.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1) {
        throw std::runtime_error("EVP_Digest failed");
    }
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (unsigned i = 0; i < length; ++i) {
        text += digits[digest[i] >> 4U];
        text += digits[digest[i] & 15U];
    }
    return text;
}

std::size_t checked(std::size_t result) {
    if (ZSTD_isError(result) != 0) {
        throw std::runtime_error(std::string("zstd: ") + ZSTD_getErrorName(result));
    }
    return result;
}

compressor compressor_for(std::string_view document, int level) {
    compressor context(ZSTD_createCCtx(), &ZSTD_freeCCtx);
    if (!context) {
        throw std::bad_alloc();
    }
    checked(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level));
    checked(ZSTD_CCtx_setPledgedSrcSize(context.get(), document.size()));
    return context;
}

// Returns how many bytes come out.
std::size_t compress_piece(ZSTD_CCtx* context, std::string_view piece, bool last, std::vector<char>& buffer) {
    ZSTD_inBuffer input{piece.data(), piece.size(), 0};
    std::size_t total = 0;
    for (std::size_t left = 1; left != 0;) {
        ZSTD_outBuffer output{buffer.data(), buffer.size(), 0};
        left = checked(ZSTD_compressStream2(context, &output, &input, last ? ZSTD_e_end : ZSTD_e_flush));
        total += output.pos;
    }
    return total;
}

std::uint64_t compressed_size(std::string_view document, int level, cpu_recorder& recorder) {
    const compressor context = compressor_for(document, level);
    std::vector<char> buffer(ZSTD_CStreamOutSize());
    std::uint64_t total = 0;
    for (bool last = false; !last;) {
        const std::string_view piece = document.substr(0, piece_size);
        document.remove_prefix(piece.size());
        last = document.empty();
        total += compress_piece(context.get(), piece, last, buffer);
        recorder.look();
    }
    return total;
}

}  // namespace

digest_and_size hash_and_compress(std::string_view document, const effort& work, cpu_recorder& recorder) {
    digest_and_size result;
    result.sha256 = sha256_of(document);
    recorder.look();
    for (unsigned round = 0; round < work.rounds; ++round) {
        result.compressed_bytes = compressed_size(document, work.level, recorder);
    }
    return result;
}

}  // namespace fetch_urls
