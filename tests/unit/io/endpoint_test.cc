#include <brigade/endpoint.hpp>

#include <string>
#include <string_view>
#include <system_error>

#include <gtest/gtest.h>
#include <sys/un.h>

namespace {

using brigade::endpoint;
using namespace std::string_view_literals;

TEST(endpoint, is_any_address_and_port_0_by_default) {
    EXPECT_EQ(endpoint(), endpoint::any_v4(0));
    EXPECT_EQ(endpoint().to_string(), "0.0.0.0:0");
}

TEST(endpoint, has_names_for_the_common_addresses) {
    EXPECT_EQ(endpoint::any_v4(80).to_string(), "0.0.0.0:80");
    EXPECT_EQ(endpoint::any_v6(80).to_string(), "[::]:80");
    EXPECT_EQ(endpoint::loopback_v4(65535).to_string(), "127.0.0.1:65535");
    EXPECT_EQ(endpoint::loopback_v6(1).to_string(), "[::1]:1");
}

TEST(endpoint, tells_address_port_and_family) {
    EXPECT_EQ(endpoint::loopback_v4(8080).port(), 8080);
    EXPECT_EQ(endpoint::loopback_v4(8080).address(), "127.0.0.1");
    EXPECT_FALSE(endpoint::loopback_v4(8080).is_v6());
    EXPECT_EQ(endpoint::loopback_v6(8081).port(), 8081);
    EXPECT_EQ(endpoint::loopback_v6(8081).address(), "::1");
    EXPECT_TRUE(endpoint::loopback_v6(8081).is_v6());
}

TEST(endpoint, parses_what_it_prints) {
    for (const std::string_view text : {
             "0.0.0.0:0",
             "127.0.0.1:80",
             "255.255.255.255:65535",
             "[::]:0",
             "[::1]:443",
             "[2001:db8::ff00:42:8329]:65535",
             "[1:2:3:4:5:6:7:8]:9",
             "[::ffff:10.0.0.1]:1",
             "[fe80::1%lo]:5",
         }) {
        const auto parsed = endpoint::parse(text);
        ASSERT_TRUE(parsed.has_value()) << text;
        EXPECT_EQ(parsed->to_string(), text);
        EXPECT_EQ(endpoint::parse(parsed->to_string()), *parsed) << text;
    }
}

TEST(endpoint, parses_other_spellings_of_an_ipv6_address) {
    EXPECT_EQ(endpoint::parse("[0:0:0:0:0:0:0:1]:7").value(), endpoint::loopback_v6(7));
    EXPECT_EQ(endpoint::parse("[2001:DB8::A]:7").value().address(), "2001:db8::a");
}

TEST(endpoint, refuses_everything_else) {
    for (const std::string_view text : {
             ""sv,
             ":"sv,
             ":80"sv,
             "80"sv,
             "127.0.0.1"sv,
             "127.0.0.1:"sv,
             "127.0.0.1:080"sv,
             "127.0.0.1:00"sv,
             "127.0.0.1:+1"sv,
             "127.0.0.1:-1"sv,
             "127.0.0.1: 1"sv,
             "127.0.0.1:1 "sv,
             " 127.0.0.1:1"sv,
             "127.0.0.1:65536"sv,
             "127.0.0.1:99999999999999999999"sv,
             "127.0.0.1:0x50"sv,
             "127.0.0.1:80:80"sv,
             "127.1:80"sv,
             "2130706433:80"sv,
             "0x7f.0.0.1:80"sv,
             "127.0.0.01:80"sv,
             "127.0.0.256:80"sv,
             "127.0.0.1.1:80"sv,
             "localhost:80"sv,
             "::1:80"sv,
             "::1"sv,
             "[::1]"sv,
             "[::1]80"sv,
             "[::1]:"sv,
             "[::1:80"sv,
             "::1]:80"sv,
             "[]:80"sv,
             "[:80"sv,
             "]:80"sv,
             "[[::1]]:80"sv,
             "[127.0.0.1]:80"sv,
             "[localhost]:80"sv,
             "[::g]:80"sv,
             "[1:2:3:4:5:6:7:8:9]:80"sv,
             "127.0.0.1\0:80"sv,
             "127.0.0.1:80\0"sv,
             "[::1\0]:80"sv,
             "[::1\0.example]:80"sv,
             "[::1]\0:80"sv,
         }) {
        const auto parsed = endpoint::parse(text);
        ASSERT_FALSE(parsed.has_value()) << text;
        EXPECT_EQ(parsed.error(), std::errc::invalid_argument) << text;
    }
}

TEST(endpoint, comes_back_from_its_native_form) {
    for (const endpoint& e :
         {endpoint::loopback_v4(80), endpoint::any_v6(81), endpoint::parse("[fe80::1%lo]:5").value()}) {
        EXPECT_EQ(endpoint::from_native(e.native(), e.native_size()).value(), e);
    }
}

TEST(endpoint, comes_from_a_larger_buffer_as_accept_fills_it) {
    sockaddr_storage storage{};
    auto& address = reinterpret_cast<sockaddr_in&>(storage);
    address.sin_family = AF_INET;
    address.sin_port = htons(1234);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto e = endpoint::from_native(reinterpret_cast<const sockaddr*>(&storage), sizeof(storage));
    EXPECT_EQ(e.value(), endpoint::loopback_v4(1234));
}

TEST(endpoint, refuses_other_families_and_short_addresses) {
    sockaddr_un local{};
    local.sun_family = AF_UNIX;
    const auto other = endpoint::from_native(reinterpret_cast<const sockaddr*>(&local), sizeof(local));
    ASSERT_FALSE(other.has_value());
    EXPECT_EQ(other.error(), std::errc::address_family_not_supported);
    const endpoint v6 = endpoint::loopback_v6(1);
    EXPECT_FALSE(endpoint::from_native(v6.native(), sizeof(sockaddr_in)).has_value());
    EXPECT_FALSE(endpoint::from_native(v6.native(), 0).has_value());
}

TEST(endpoint, is_equal_when_family_address_port_and_scope_are) {
    EXPECT_EQ(endpoint::loopback_v4(1), endpoint::loopback_v4(1));
    EXPECT_NE(endpoint::loopback_v4(1), endpoint::loopback_v4(2));
    EXPECT_NE(endpoint::loopback_v4(1), endpoint::any_v4(1));
    EXPECT_NE(endpoint::any_v4(1), endpoint::any_v6(1));
    EXPECT_NE(endpoint::loopback_v6(1), endpoint::any_v6(1));
    EXPECT_NE(endpoint::parse("[fe80::1%lo]:5").value(), endpoint::parse("[fe80::1]:5").value());
}

}  // namespace
