#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace fetch_urls {

// An http:// URL, taken apart into what a client needs.
struct url_parts {
    std::string host;  // a name or an address, without the brackets of an IPv6 address
    std::uint16_t port = 80;
    std::string authority;  // host and port as the Host header wants them
    std::string target;     // path and query, percent-encoded
};

// The error is a phrase for a human being.
std::expected<url_parts, std::string> parse_url(std::string_view url);

// "GET ... HTTP/1.1", ready to be sent.
std::string request_for(const url_parts&);

}  // namespace fetch_urls
