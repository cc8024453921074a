#include "url.hpp"

#include <charconv>
#include <system_error>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

namespace fetch_urls {

namespace {

std::unexpected<std::string> cannot_parse(const std::string& why) {
    return std::unexpected("cannot parse URL: " + why);
}

// Boost's message for a stray character is "leftover"; say which character and where instead.
std::string why_unparsable(std::string_view url, const std::string& message) {
    static constexpr std::string_view outside_grammar = " \"<>\\^`{|}";
    for (std::size_t i = 0; i < url.size(); ++i) {
        const auto byte = static_cast<unsigned char>(url[i]);
        if (byte <= 0x20 || byte >= 0x7f || outside_grammar.contains(url[i])) {
            const bool printable = byte >= 0x20 && byte < 0x7f;
            return (printable ? std::string("'") + url[i] + "'" : "a byte outside of ASCII's printable range") +
                   " at position " + std::to_string(i + 1);
        }
    }
    return url.contains("://") ? message : "it has no scheme, such as http://";
}

}  // namespace

std::expected<url_parts, std::string> parse_url(std::string_view url) {
    const auto parsed = boost::urls::parse_uri(boost::urls::string_view(url.data(), url.size()));
    if (parsed.has_error()) {
        return cannot_parse(why_unparsable(url, parsed.error().message()));
    }
    const boost::urls::url_view& view = *parsed;
    if (view.scheme_id() != boost::urls::scheme::http) {
        return std::unexpected("the scheme " + std::string(view.scheme()) + " is not supported, only http is");
    }
    if (view.encoded_host().empty()) {
        return cannot_parse("it names no host");
    }
    if (view.has_userinfo()) {
        return std::unexpected("user names and passwords in a URL are not supported");
    }
    url_parts parts{.host = view.host_address(),
                    .authority = std::string(view.encoded_host_and_port()),
                    .target = std::string(view.encoded_target())};
    if (const std::string_view port(view.port().data(), view.port().size()); !port.empty()) {
        const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), parts.port);
        if (error != std::errc() || parts.port == 0) {
            return cannot_parse("the port " + std::string(port) + " is out of range");
        }
    }
    if (!parts.target.starts_with('/')) {
        parts.target.insert(0, 1, '/');
    }
    return parts;
}

std::string request_for(const url_parts& url) {
    return "GET " + url.target + " HTTP/1.1\r\nHost: " + url.authority +
           "\r\nUser-Agent: brigade-fetch-urls\r\nAccept: */*\r\n\r\n";
}

}  // namespace fetch_urls
