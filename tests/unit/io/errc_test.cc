#include <brigade/errc.hpp>

#include <system_error>

#include <gtest/gtest.h>

namespace {

using brigade::errc;

TEST(errc, makes_error_codes) {
    const std::error_code closed = errc::closed;
    EXPECT_EQ(closed, errc::closed);
    EXPECT_NE(closed, errc::busy);
    EXPECT_TRUE(closed);  // no enumerator is 0, which would mean success
    EXPECT_EQ(closed.category(), brigade::error_category());
    EXPECT_STREQ(closed.category().name(), "brigade");
}

TEST(errc, has_a_message_for_each_value) {
    EXPECT_EQ(std::error_code(errc::closed).message(), "it was closed on this side");
    EXPECT_EQ(std::error_code(errc::busy).message(), "another task is already in an operation of this direction on it");
    EXPECT_EQ(std::error_code(errc::end_of_stream).message(), "the stream has ended too early");
    EXPECT_EQ(std::error_code(errc::not_pollable).message(),
              "it can not be watched: a regular file, a directory or the like");
    EXPECT_EQ(brigade::error_category().message(99), "unknown error 99");
}

}  // namespace
