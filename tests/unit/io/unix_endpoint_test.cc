#include <brigade/unix_endpoint.hpp>

#include <string>
#include <string_view>
#include <system_error>

#include <gtest/gtest.h>
#include <netinet/in.h>

#include "tests/support/tcp_pair.hpp"

namespace {

using brigade::unix_endpoint;
using namespace std::string_view_literals;

TEST(unix_endpoint, is_unnamed_at_first) {
    const unix_endpoint none;
    EXPECT_TRUE(none.is_unnamed());
    EXPECT_FALSE(none.is_path());
    EXPECT_FALSE(none.is_abstract());
    EXPECT_EQ(none.name(), "");
    EXPECT_EQ(none.to_string(), "");
    EXPECT_EQ(none.native_size(), sizeof(sa_family_t));
}

TEST(unix_endpoint, prints_what_it_parses) {
    for (const auto text : {"/run/service.sock"sv, "service.sock"sv, "./@odd"sv, "@service"sv, "@with\0zero"sv}) {
        const unix_endpoint parsed = unix_endpoint::parse(text).value();
        EXPECT_EQ(parsed.to_string(), text);
        EXPECT_EQ(parsed.is_abstract(), text.front() == '@');
        EXPECT_EQ(parsed.is_path(), text.front() != '@');
        EXPECT_EQ(unix_endpoint::from_native(parsed.native(), parsed.native_size()).value(), parsed);
    }
}

TEST(unix_endpoint, a_path_that_looks_like_an_abstract_name_is_printed_as_a_path) {
    const unix_endpoint odd = unix_endpoint::path("@odd").value();
    EXPECT_EQ(odd.name(), "@odd");
    EXPECT_EQ(odd.to_string(), "./@odd");
    EXPECT_NE(odd, unix_endpoint::abstract("odd").value());
}

TEST(unix_endpoint, refuses_what_the_system_can_not_hold) {
    const auto invalid = std::errc::invalid_argument;
    EXPECT_EQ(test::error_of(unix_endpoint::parse("")), invalid);
    EXPECT_EQ(test::error_of(unix_endpoint::parse("@")), invalid);
    EXPECT_EQ(test::error_of(unix_endpoint::path("a\0b"sv)), invalid);
    EXPECT_TRUE(unix_endpoint::path(std::string(107, 'x')).has_value());
    EXPECT_EQ(test::error_of(unix_endpoint::path(std::string(108, 'x'))), std::errc::filename_too_long);
    EXPECT_TRUE(unix_endpoint::abstract(std::string(107, 'x')).has_value());
    EXPECT_EQ(test::error_of(unix_endpoint::abstract(std::string(108, 'x'))), std::errc::filename_too_long);
}

TEST(unix_endpoint, takes_a_path_that_fills_the_systems_room) {
    sockaddr_un full{};
    full.sun_family = AF_UNIX;
    std::string(sizeof(full.sun_path), 'x').copy(full.sun_path, sizeof(full.sun_path));
    const auto* const native = reinterpret_cast<const sockaddr*>(&full);
    EXPECT_EQ(unix_endpoint::from_native(native, sizeof(full)).value().name(), std::string(107, 'x'));
    EXPECT_EQ(unix_endpoint::from_native(native, sizeof(full) + 1).value().name(), std::string(107, 'x'));
}

TEST(unix_endpoint, is_no_internet_address) {
    sockaddr_in internet{};
    internet.sin_family = AF_INET;
    const auto taken = unix_endpoint::from_native(reinterpret_cast<const sockaddr*>(&internet), sizeof(internet));
    EXPECT_EQ(test::error_of(taken), std::errc::address_family_not_supported);
}

}  // namespace
