#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "documents.hpp"

namespace fetch_urls {

struct request {
    std::string method;
    std::string target;
    bool keep_alive = false;
    bool understands_chunks = false;  // HTTP/1.1 or later
};

// Reads the requests of one connection, one after the other, out of the bytes that it is fed; does no I/O.
class request_reader {
public:
    request_reader();
    ~request_reader();
    request_reader(const request_reader&) = delete;
    request_reader& operator=(const request_reader&) = delete;

    // The next request, or nothing until more bytes have been fed. The error is a complete response.
    std::expected<std::optional<request>, std::string> next();
    void feed(std::string_view bytes);

private:
    struct state;
    std::unique_ptr<state> state_;
};

// The complete response, ready to be sent.
std::string response_to(const request&, const document_set&);

}  // namespace fetch_urls
