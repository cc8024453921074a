// Bad input: each is one clear line with its URL, the others succeed, and the exit status says how many failed.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "run_program.hpp"
#include "scripted_server.hpp"

namespace {

using example_test::fresh_folder;
using example_test::lines_of;
using example_test::outcome;
using example_test::refusing_port;
using example_test::run_fetch_urls;
using example_test::scripted_server;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class BadInput : public testing::Test {
protected:
    outcome fetch(const std::vector<std::string>& urls, std::vector<std::string> arguments = {}) {
        std::string list;
        for (const std::string& url : urls) {
            list += url + "\n";
        }
        example_test::write_file(folder / "urls", list);
        arguments.insert(arguments.end(), {"--urls", "urls", "--effort", "1"});
        return run_fetch_urls(folder, arguments);
    }

    // Fetches the URL between two good ones, in all four ways, and returns what is said of it.
    std::string error_of(const std::string& bad, const std::vector<std::string>& arguments = {}) {
        const outcome result = fetch({server.url("/good"), bad, server.url("/good?again")}, arguments);
        EXPECT_EQ(result.exit_status, 1);
        for (const std::string way : {"sequence", "threads", "one worker", "all workers"}) {
            EXPECT_THAT(result.output, ContainsRegex("\n" + way + " .* 6000 +1\n"));
        }
        const std::vector<std::string> lines = lines_of(result.errors);
        EXPECT_EQ(lines.size(), 1U) << result.errors;
        const std::string beginning = "error: " + bad + ": ";
        EXPECT_TRUE(result.errors.starts_with(beginning)) << result.errors;
        return lines.empty() ? "" : lines.front().substr(beginning.size());
    }

    std::filesystem::path folder = fresh_folder();
    scripted_server server;
};

TEST_F(BadInput, UnreachableHost) {
    // TCP does not connect to the broadcast address: the kernel says so without sending anything.
    EXPECT_EQ(error_of("http://255.255.255.255/"), "connect: Network is unreachable");
}

TEST_F(BadInput, UnknownHost) {
    // A label of more than 63 letters cannot be in the DNS, so the resolver does not ask.
    EXPECT_EQ(error_of("http://" + std::string(64, 'a') + "/"), "resolve: Name or service not known");
}

TEST_F(BadInput, RefusedConnection) {
    const refusing_port port;
    EXPECT_EQ(error_of("http://127.0.0.1:" + std::to_string(port.number()) + "/"), "connect: Connection refused");
}

TEST_F(BadInput, NotFound) {
    EXPECT_EQ(error_of(server.url("/nowhere")), "HTTP status 404 Not Found");
}

TEST_F(BadInput, Redirection) {
    EXPECT_EQ(error_of(server.url("/moved")), "HTTP status 301 Moved Permanently");
}

TEST_F(BadInput, ConnectionCutMidBody) {
    EXPECT_EQ(error_of(server.url("/cut")), "connection closed after 1000 of 5000 body bytes");
}

TEST_F(BadInput, ConnectionCutBetweenChunks) {
    EXPECT_EQ(error_of(server.url("/cut-chunk")), "connection closed after 5 body bytes, before the last chunk");
}

TEST_F(BadInput, ConnectionCutInTheHeader) {
    EXPECT_EQ(error_of(server.url("/cut-header")), "connection closed within the header");
}

TEST_F(BadInput, ConnectionClosedAtOnce) {
    EXPECT_EQ(error_of(server.url("/nothing")), "connection closed before the response");
}

TEST_F(BadInput, ConnectionReset) {
    EXPECT_EQ(error_of(server.url("/reset")), "read: Connection reset by peer");
}

TEST_F(BadInput, EndlessBody) {
    EXPECT_EQ(error_of(server.url("/endless"), {"--max-body", "1MiB"}), "body larger than 1 MiB");
}

TEST_F(BadInput, EndlessChunks) {
    EXPECT_EQ(error_of(server.url("/endless-chunks"), {"--max-body", "100000"}), "body larger than 100000 bytes");
}

TEST_F(BadInput, HeaderLineOfOneMebibyte) {
    EXPECT_EQ(error_of(server.url("/long-header")), "header larger than 16 KiB");
}

TEST_F(BadInput, GarbageInsteadOfHttp) {
    EXPECT_EQ(error_of(server.url("/garbage")), "not HTTP: bad version");
}

TEST_F(BadInput, ChunkWithoutALength) {
    EXPECT_EQ(error_of(server.url("/bad-chunk")), "malformed body: bad chunk");
}

TEST_F(BadInput, SilentServer) {
    const outcome result = fetch({server.url("/silent")}, {"--timeout", "200"});
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(lines_of(result.errors), ElementsAre("error: " + server.url("/silent") + ": timed out after 200 ms"));
}

TEST_F(BadInput, UrlsThatDoNotParse) {
    EXPECT_EQ(error_of("http://127.0.0.1/a b"), "cannot parse URL: ' ' at position 19");
    EXPECT_EQ(error_of("127.0.0.1/index.html"), "cannot parse URL: it has no scheme, such as http://");
    EXPECT_EQ(error_of("http:///index.html"), "cannot parse URL: it names no host");
    EXPECT_EQ(error_of("http://127.0.0.1:99999/"), "cannot parse URL: the port 99999 is out of range");
    EXPECT_EQ(error_of("https://127.0.0.1/"), "the scheme https is not supported, only http is");
}

TEST_F(BadInput, ErrorLinesDoNotActOnTheTerminal) {
    const outcome result = fetch({"http://127.0.0.1/\x1b[2J"}, {"--ways", "sequence"});
    EXPECT_EQ(result.errors,
              "error: http://127.0.0.1/\\x1b[2J: cannot parse URL: a byte outside of ASCII's printable "
              "range at position 18\n");
}

TEST_F(BadInput, IsCounted) {
    std::vector<std::string> urls;
    for (int i = 0; i < 7; ++i) {
        urls.push_back(server.url("/good?" + std::to_string(i)));
        urls.push_back(server.url("/nowhere/" + std::to_string(i)));
    }
    const outcome result = fetch(urls);
    EXPECT_EQ(result.exit_status, 7);
    EXPECT_EQ(lines_of(result.errors).size(), 7U) << result.errors;
}

TEST_F(BadInput, IsCountedUpToOneHundred) {
    const outcome result = fetch(std::vector<std::string>(120, "nonsense"), {"--ways", "sequence,all-workers"});
    EXPECT_EQ(result.exit_status, 100);
    EXPECT_EQ(lines_of(result.errors).size(), 120U);
}

TEST_F(BadInput, CommentsAndBlankLinesAreNone) {
    const outcome result = fetch({"# a comment", "", "  " + server.url("/good") + " \t\r", "   # another"});
    EXPECT_EQ(result.exit_status, 0) << result.errors;
    EXPECT_THAT(result.output, ContainsRegex("\nall workers .* 3000 +0\n"));
}

TEST_F(BadInput, AListWithoutUrlsIsRefused) {
    const outcome result = fetch({"# nothing"});
    EXPECT_EQ(result.exit_status, 102);
    EXPECT_THAT(result.errors, HasSubstr("contains no URLs"));
}

// What is unusual, but allowed.

TEST_F(BadInput, ADocumentMayEndWithTheConnection) {
    EXPECT_THAT(fetch({server.url("/until-close")}).errors, IsEmpty());
}

TEST_F(BadInput, InterimResponsesAreSkipped) {
    EXPECT_THAT(fetch({server.url("/early-hints")}).errors, IsEmpty());
}

TEST_F(BadInput, AKeptConnectionMayHaveBeenClosed) {
    const outcome result = fetch(std::vector<std::string>(5, server.url("/closes-idle")));
    EXPECT_EQ(result.exit_status, 0);
    EXPECT_THAT(result.errors, IsEmpty());
}

}  // namespace
