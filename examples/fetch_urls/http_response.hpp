#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "records.hpp"

namespace fetch_urls {

// Why a fetch failed, as a phrase for a human being.
struct fetch_error {
    std::string what;
    bool nothing_received = false;  // a kept connection that fails so was closed while idle: a fresh one may do
};

// Reads one HTTP response out of the bytes that it is fed; does no I/O, so that blocking and coroutine code share it.
class response_reader {
public:
    explicit response_reader(const limits&);
    ~response_reader();
    response_reader(const response_reader&) = delete;
    response_reader& operator=(const response_reader&) = delete;

    // Takes the next bytes; true once the response is complete. Any status but 2xx is an error.
    std::expected<bool, fetch_error> feed(std::string_view bytes);
    // The peer sends no more. Fine only if the response has no length of its own.
    std::expected<void, fetch_error> end_of_stream();

    bool nothing_received() const;
    // The connection can carry another request.
    bool keep_alive() const;
    std::string take_body();

private:
    struct state;
    std::unique_ptr<state> state_;
};

// "16 KiB", "64 MiB", "1000 bytes".
std::string byte_count(std::uint64_t);

// "timed out after 10 s".
fetch_error timed_out(const limits&);

}  // namespace fetch_urls
