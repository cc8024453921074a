#include "http_request.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>

namespace fetch_urls {

namespace http = boost::beast::http;

namespace {

constexpr std::size_t chunk_size = 4096;

std::string in_hexadecimal(std::size_t number) {
    std::array<char, 16> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
    return {digits.data(), end};
}

std::string in_chunks(std::string_view content) {
    std::string chunks;
    while (!content.empty()) {
        const std::string_view chunk = content.substr(0, chunk_size);
        chunks += in_hexadecimal(chunk.size()) + "\r\n";
        chunks += chunk;
        chunks += "\r\n";
        content.remove_prefix(chunk.size());
    }
    return chunks + "0\r\n\r\n";
}

std::string with_length(std::string_view status, std::string_view body, bool keep_alive) {
    std::string response = "HTTP/1.1 ";
    response += status;
    response += "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " + std::to_string(body.size());
    response += keep_alive ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n";
    response += body;
    return response;
}

std::string index_page(const document_set& documents) {
    std::string lines;
    for (const std::string& path : documents.encoded_paths()) {
        lines += path + '\n';
    }
    return lines;
}

}  // namespace

struct request_reader::state {
    state() { restart(); }

    void restart() {
        parser.emplace();
        parser->header_limit(16 * 1024);
    }

    std::optional<http::request_parser<http::empty_body>> parser;
    std::string unparsed;
};

request_reader::request_reader() : state_(std::make_unique<state>()) {}
request_reader::~request_reader() = default;

void request_reader::feed(std::string_view bytes) {
    state_->unparsed += bytes;
}

std::expected<std::optional<request>, std::string> request_reader::next() {
    boost::beast::error_code code;
    if (state_->unparsed.empty()) {
        return std::nullopt;
    }
    const std::size_t taken = state_->parser->put(boost::asio::buffer(state_->unparsed), code);
    state_->unparsed.erase(0, taken);
    if (code == http::error::need_more) {
        return std::nullopt;
    }
    if (code == http::error::header_limit) {
        return std::unexpected(with_length("431 Request Header Fields Too Large", "the header is too large\n", false));
    }
    if (code || !state_->parser->is_done()) {
        const std::string why = code ? code.message() : "a request with a body is not expected";
        return std::unexpected(with_length("400 Bad Request", why + "\n", false));
    }
    const auto& message = state_->parser->get();
    request found{.method = std::string(message.method_string()),
                  .target = std::string(message.target()),
                  .keep_alive = state_->parser->keep_alive(),
                  .understands_chunks = message.version() >= 11};
    state_->restart();
    return found;
}

std::string response_to(const request& asked, const document_set& documents) {
    if (asked.method != "GET") {
        return with_length("405 Method Not Allowed", "only GET is served\n", asked.keep_alive);
    }
    if (asked.target == "/") {
        return with_length("200 OK", index_page(documents), asked.keep_alive);
    }
    const document* wanted = documents.find(asked.target);
    if (wanted == nullptr) {
        return with_length("404 Not Found", "there is no such document\n", asked.keep_alive);
    }
    if (!asked.understands_chunks || !documents.is_chunked(*wanted)) {
        return with_length("200 OK", wanted->content, asked.keep_alive);
    }
    const std::string_view connection = asked.keep_alive ? "" : "Connection: close\r\n";
    return "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n" + std::string(connection) +
           "Transfer-Encoding: chunked\r\n\r\n" + in_chunks(wanted->content);
}

}  // namespace fetch_urls
