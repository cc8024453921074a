// The parts of the example that do no I/O: responses and requests, cut anywhere, and the documents that are served.
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "examples/fetch_urls/documents.hpp"
#include "examples/fetch_urls/http_request.hpp"
#include "examples/fetch_urls/http_response.hpp"
#include "examples/fetch_urls/url.hpp"
#include "run_program.hpp"

namespace {

using fetch_urls::document_set;
using fetch_urls::limits;
using fetch_urls::request;
using fetch_urls::request_reader;
using fetch_urls::response_reader;
using testing::HasSubstr;
using testing::StartsWith;

document_set four_documents() {
    return document_set({{"/a", "first"}, {"/b c", "second"}, {"/sub/%41", "third"}, {"/d", std::string(5000, 'x')}});
}

// The document in the response, fed in pieces of `piece` bytes.
std::string document_in(const std::string& response, std::size_t piece) {
    response_reader reader((limits()));
    for (std::size_t begin = 0; begin < response.size(); begin += piece) {
        const auto complete = reader.feed(std::string_view(response).substr(begin, piece));
        EXPECT_TRUE(complete) << complete.error().what;
        EXPECT_EQ(*complete, begin + piece >= response.size());
    }
    EXPECT_TRUE(reader.keep_alive());
    return reader.take_body();
}

request get(const std::string& target) {
    return {.method = "GET", .target = target, .keep_alive = true, .understands_chunks = true};
}

TEST(Http, ResponsesMayComeInPiecesOfAnySize) {
    const document_set documents = four_documents();
    for (std::size_t piece = 1; piece < 200; ++piece) {
        EXPECT_EQ(document_in(response_to(get("/a"), documents), piece), "first");
    }
    const std::string in_chunks = response_to(get("/d"), documents);
    EXPECT_THAT(in_chunks, HasSubstr("Transfer-Encoding: chunked\r\n"));
    for (const std::size_t piece : {1UZ, 2UZ, 7UZ, 100UZ, 4096UZ, 10'000UZ}) {
        EXPECT_EQ(document_in(in_chunks, piece), std::string(5000, 'x'));
    }
}

TEST(Http, RequestsMayComeInPiecesOrTogether) {
    const std::string bytes = fetch_urls::request_for({.host = "h", .port = 80, .authority = "h", .target = "/a?b"}) +
                              "GET /second HTTP/1.0\r\n\r\n";
    for (const std::size_t piece : {1UZ, 10UZ, 1000UZ}) {
        request_reader reader;
        std::vector<request> found;
        for (std::size_t begin = 0; begin < bytes.size(); begin += piece) {
            reader.feed(std::string_view(bytes).substr(begin, piece));
            for (auto next = reader.next(); next && *next; next = reader.next()) {
                found.push_back(**next);
            }
        }
        ASSERT_EQ(found.size(), 2U);
        EXPECT_EQ(found[0].target, "/a?b");
        EXPECT_TRUE(found[0].keep_alive);
        EXPECT_TRUE(found[0].understands_chunks);
        EXPECT_EQ(found[1].target, "/second");
        EXPECT_FALSE(found[1].keep_alive);
        EXPECT_FALSE(found[1].understands_chunks);
    }
}

TEST(Http, TheServerAnswersWhatItDoesNotUnderstand) {
    request_reader garbage;
    garbage.feed("\x16\x03\x01 TLS, perhaps\r\n\r\n");
    EXPECT_THAT(garbage.next().error(), StartsWith("HTTP/1.1 400 Bad Request\r\n"));
    request_reader too_long;
    too_long.feed("GET / HTTP/1.1\r\nX: " + std::string(100'000, 'x'));
    EXPECT_THAT(too_long.next().error(), StartsWith("HTTP/1.1 431 "));
    request_reader with_body;
    with_body.feed("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
    EXPECT_THAT(with_body.next().error(), StartsWith("HTTP/1.1 400 "));
    const document_set documents = four_documents();
    EXPECT_THAT(response_to({.method = "DELETE", .target = "/a"}, documents), StartsWith("HTTP/1.1 405 "));
}

TEST(Http, OnlyChosenDocumentsAreServed) {
    const document_set documents = four_documents();
    EXPECT_EQ(documents.find("/b%20c")->content, "second");
    EXPECT_EQ(documents.find("/sub/%2541?query")->content, "third");
    for (const char* target : {"/../etc/passwd", "/..%2f..%2fetc/passwd", "//etc/passwd", "/sub/../a", "/sub/A", "/sub",
                               "a", "", "*", "/%00", "/a%00", "http://[::1"}) {
        EXPECT_EQ(documents.find(target), nullptr) << target;
    }
    EXPECT_THAT(response_to(get("/../a"), documents), StartsWith("HTTP/1.1 404 "));
}

TEST(Http, EveryEncodedPathLeadsToItsDocument) {
    const document_set documents = four_documents();
    ASSERT_EQ(documents.encoded_paths().size(), 4U);
    EXPECT_EQ(documents.find(documents.encoded_paths()[1])->path, "/b c");
    EXPECT_EQ(documents.find(documents.encoded_paths()[2])->path, "/sub/%41");
}

TEST(Documents, AreDistinctAndAlwaysTheSame) {
    const auto folder = example_test::fresh_folder();
    const auto outside = folder / "outside";
    const auto root = folder / "root";
    std::filesystem::create_directories(root / "sub");
    example_test::write_file(outside, "not to be served");
    example_test::write_file(root / "b", "bb");
    example_test::write_file(root / "a", "aa");
    example_test::write_file(root / "sub" / "large", std::string(40'000, 'l'));
    example_test::write_file(root / "copy of a", "aa");
    example_test::write_file(root / "empty", "");
    example_test::write_file(root / "compressed.gz", "not text");
    std::filesystem::create_symlink(outside, root / "way out");
    std::filesystem::create_hard_link(root / "b", root / "another name of b");
    std::vector<std::string> paths;
    for (const auto& document : fetch_urls::choose_documents({root}, 10)) {
        paths.push_back(document.path);
    }
    EXPECT_THAT(paths, testing::ElementsAre("/sub/large", "/a", "/another name of b"));
}

TEST(Url, IsTakenApart) {
    const auto full = fetch_urls::parse_url("http://example.org:8080/a%20b?c=d#e").value();
    EXPECT_EQ(full.host, "example.org");
    EXPECT_EQ(full.port, 8080);
    EXPECT_EQ(full.authority, "example.org:8080");
    EXPECT_EQ(full.target, "/a%20b?c=d");
    const auto bare = fetch_urls::parse_url("HTTP://[::1]").value();
    EXPECT_EQ(bare.host, "::1");
    EXPECT_EQ(bare.port, 80);
    EXPECT_EQ(bare.authority, "[::1]");
    EXPECT_EQ(bare.target, "/");
    EXPECT_EQ(fetch_urls::parse_url("http://h?q").value().target, "/?q");
}

}  // namespace
