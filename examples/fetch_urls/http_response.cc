#include "http_response.hpp"

#include <optional>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

namespace fetch_urls {

namespace http = boost::beast::http;

struct response_reader::state {
    using parser_type = http::response_parser<http::string_body>;

    explicit state(const limits& given) : limit(given) { restart(); }

    void restart() {
        parser.emplace();
        parser->eager(true);
        parser->header_limit(static_cast<std::uint32_t>(limit.header_bytes));
        parser->body_limit(limit.body_bytes);
    }

    std::string explain(const boost::beast::error_code& code) const {
        if (code == http::error::header_limit) {
            return "header larger than " + byte_count(limit.header_bytes);
        }
        if (code == http::error::body_limit) {
            return "body larger than " + byte_count(limit.body_bytes);
        }
        return (parser->is_header_done() ? "malformed body: " : "not HTTP: ") + code.message();
    }

    // Where the connection broke off.
    std::string explain_end() const {
        if (!any_received) {
            return "connection closed before the response";
        }
        if (!parser->is_header_done()) {
            return "connection closed within the header";
        }
        const auto& message = parser->get();
        const std::string after = "connection closed after " + std::to_string(message.body().size());
        if (const auto length = parser->content_length()) {
            return after + " of " + std::to_string(*length) + " body bytes";
        }
        return after + " body bytes, before the last chunk";
    }

    std::optional<std::string> refused_status() const {
        const auto& message = parser->get();
        if (message.result_int() / 100 == 2) {
            return std::nullopt;
        }
        return "HTTP status " + std::to_string(message.result_int()) + " " + std::string(message.reason());
    }

    // 100 Continue, 103 Early Hints: the real response is still to come.
    bool is_interim() const {
        const unsigned status = parser->get().result_int();
        return status / 100 == 1 && status != 101;
    }

    limits limit;
    std::optional<parser_type> parser;
    std::string unparsed;
    bool any_received = false;
};

response_reader::response_reader(const limits& limit) : state_(std::make_unique<state>(limit)) {}
response_reader::~response_reader() = default;

std::expected<bool, fetch_error> response_reader::feed(std::string_view bytes) {
    state_->any_received = state_->any_received || !bytes.empty();
    state_->unparsed += bytes;
    while (!state_->parser->is_done()) {
        boost::beast::error_code code;
        const std::size_t taken = state_->parser->put(boost::asio::buffer(state_->unparsed), code);
        state_->unparsed.erase(0, taken);
        if (code && code != http::error::need_more) {
            return std::unexpected(fetch_error{state_->explain(code)});
        }
        if (state_->parser->is_header_done()) {
            if (state_->is_interim()) {
                state_->restart();
                continue;
            }
            if (auto refused = state_->refused_status()) {
                return std::unexpected(fetch_error{std::move(*refused)});
            }
        }
        if (code || taken == 0) {
            break;
        }
    }
    return state_->parser->is_done();
}

std::expected<void, fetch_error> response_reader::end_of_stream() {
    boost::beast::error_code code;
    if (state_->any_received) {
        state_->parser->put_eof(code);
    }
    if (code || !state_->parser->is_done()) {
        return std::unexpected(fetch_error{state_->explain_end(), nothing_received()});
    }
    return {};
}

bool response_reader::nothing_received() const {
    return !state_->any_received;
}

bool response_reader::keep_alive() const {
    return state_->parser->keep_alive() && state_->unparsed.empty();
}

std::string response_reader::take_body() {
    return std::move(state_->parser->get().body());
}

std::string byte_count(std::uint64_t bytes) {
    static constexpr std::uint64_t kib = 1024;
    if (bytes >= kib * kib && bytes % (kib * kib) == 0) {
        return std::to_string(bytes / (kib * kib)) + " MiB";
    }
    if (bytes >= kib && bytes % kib == 0) {
        return std::to_string(bytes / kib) + " KiB";
    }
    return std::to_string(bytes) + " bytes";
}

fetch_error timed_out(const limits& limit) {
    const auto milliseconds = limit.timeout.count();
    const bool whole = milliseconds % 1000 == 0;
    return {"timed out after " +
            (whole ? std::to_string(milliseconds / 1000) + " s" : std::to_string(milliseconds) + " ms")};
}

}  // namespace fetch_urls
