// Another implementation's programs as peers: `openssl s_server` and `openssl s_client`.
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>
#include <brigade/tls.hpp>

#include "tests/support/tcp_pair.hpp"
#include "tests/unit/tls/openssl_program.hpp"
#include "tests/unit/tls/tls_pair.hpp"

namespace {

using brigade::task;
using brigade::tls_context;
using brigade::tls_stream;
using test::error_of;
using test::openssl_program;
using test::tls_result;

// Both versions of the protocol, by the name of OpenSSL's option.
class openssl : public test::tls, public testing::WithParamInterface<const char*> {};

INSTANTIATE_TEST_SUITE_P(versions, openssl, testing::Values("-tls1_2", "-tls1_3"),
                         [](const auto& version) { return std::string(version.param).substr(1); });

std::string expected_protocol(std::string_view option) {
    return option == "-tls1_2" ? "TLSv1.2" : "TLSv1.3";
}

// ------------------------------------------------------------------------------------------- Brigade is the client

// A server that gives back each line from its end to its beginning.
std::vector<std::string> reversing_server(const brigade::tls_identity& identity, const char* version) {
    return {"s_server",        "-accept", "127.0.0.1:0", "-cert", identity.chain_file, "-key",
            identity.key_file, "-rev",    version,       "-alpn", "first,second"};
}

task<tls_result> connect(tls_context context, const std::string& port) {
    auto tcp = co_await brigade::tcp_stream::connect(brigade::endpoint::parse("127.0.0.1:" + port).value());
    auto made = co_await tls_stream::connect(std::move(context), std::move(tcp).value(), "server.test");
    co_return made;
}

TEST_P(openssl, s_server_answers) {
    client_options.alpn = {"second"};
    openssl_program program(reversing_server(server_options.identity, GetParam()));
    brigade::executor executor({.workers = 2});
    executor.block_on([this, port = test::port_of(program)]() -> task<> {
        tls_result made = co_await connect(client(), port);
        tls_stream& stream = made.value();
        EXPECT_EQ(stream.protocol(), expected_protocol(GetParam()));
        EXPECT_EQ(stream.alpn(), "second");
        for (int i = 0; i < 3; ++i) {
            const std::error_code sent = co_await test::write_error(stream, "hello\n");
            EXPECT_FALSE(sent);
            const std::string heard = co_await test::read_text(stream, 6);
            EXPECT_EQ(heard, "olleh\n");
        }
        const auto ended = co_await stream.shutdown_write();
        EXPECT_FALSE(error_of(ended));
    });
}

TEST_P(openssl, s_server_resumes_a_session) {
    openssl_program program(reversing_server(server_options.identity, GetParam()));
    brigade::executor executor({.workers = 2});
    executor.block_on([this, port = test::port_of(program)]() -> task<> {
        const tls_context context = client();
        for (int i = 0; i < 3; ++i) {
            tls_result made = co_await connect(context, port);
            EXPECT_EQ(made.value().resumed(), i > 0);
            const std::error_code sent = co_await test::write_error(*made, "ab\n");
            EXPECT_FALSE(sent);
            const std::string heard = co_await test::read_text(*made, 3);  // and with it the tickets
            EXPECT_EQ(heard, "ba\n");
            const auto ended = co_await made->shutdown_write();
            EXPECT_FALSE(error_of(ended));
        }
    });
}

TEST_P(openssl, s_server_is_refused_when_its_certificate_is_for_another_name) {
    openssl_program program(reversing_server(trusted.issue({.names = {"other.test"}}), GetParam()));
    brigade::executor executor({.workers = 2});
    executor.block_on([this, port = test::port_of(program)]() -> task<> {
        const tls_result made = co_await connect(client(), port);
        EXPECT_EQ(error_of(made).message(), "hostname mismatch");
    });
}

TEST_P(openssl, s_server_that_is_killed_is_no_end_of_the_stream) {
    brigade::executor executor({.workers = 2});
    executor.block_on([this]() -> task<> {
        auto program = std::make_unique<openssl_program>(reversing_server(server_options.identity, GetParam()));
        tls_result made = co_await connect(client(), test::port_of(*program));
        const std::error_code sent = co_await test::write_error(made.value(), "ab\n");
        EXPECT_FALSE(sent);
        const std::string heard = co_await test::read_text(*made, 3);
        EXPECT_EQ(heard, "ba\n");
        program.reset();
        const std::error_code error = co_await test::read_error(*made);
        EXPECT_EQ(error, brigade::tls_errc::truncated);
    });
}

// ------------------------------------------------------------------------------------------- Brigade is the server

// Gives back what it gets, to the end of the stream. The error with which it ended.
task<std::error_code> echo(tls_stream& stream) {
    std::array<std::byte, 4096> buffer{};
    for (;;) {
        const auto got = co_await stream.read_some(buffer);
        if (!got) {
            co_return got.error();
        }
        if (*got == 0) {
            const auto ended = co_await stream.shutdown_write();
            co_return error_of(ended);
        }
        const auto sent = co_await stream.write_all(std::span(buffer).first(*got));
        if (!sent) {
            co_return sent.error();
        }
    }
}

// Serves one connection: the error of the handshake, or with which the echo ended.
struct served {
    std::error_code error;
    std::string name;
    bool resumed = false;
};

task<served> serve_one(tls_context context, brigade::tcp_listener& listener) {
    auto tcp = co_await listener.accept();
    auto made = co_await tls_stream::accept(std::move(context), std::move(tcp).value());
    if (!made) {
        co_return served{.error = made.error(), .name = {}};
    }
    const std::error_code error = co_await echo(*made);
    co_return served{.error = error, .name = made->server_name(), .resumed = made->resumed()};
}

class openssl_client : public openssl {
protected:
    // Arguments for a client that verifies our server.
    [[nodiscard]] std::vector<std::string> client_program(std::vector<std::string> further = {}) const {
        std::vector<std::string> all{
            "s_client",    "-connect",    address.to_string(), "-CAfile",     trusted.file(), "-verify_return_error",
            "-servername", "server.test", "-verify_hostname",  "server.test", GetParam()};
        all.insert(all.end(), further.begin(), further.end());
        return all;
    }
    brigade::join_handle<served> serve(const tls_context& context) {
        return executor.spawn([this, context] { return serve_one(context, listener); });
    }
    served result_of(brigade::join_handle<served>& handle) {
        return executor.block_on([&handle]() -> task<served> { co_return co_await handle; });
    }

    brigade::executor executor{{.workers = 2}};
    brigade::tcp_listener listener = brigade::tcp_listener::bind(executor, brigade::endpoint::loopback_v4(0)).value();
    const brigade::endpoint address = listener.local_endpoint().value();
};

INSTANTIATE_TEST_SUITE_P(versions, openssl_client, testing::Values("-tls1_2", "-tls1_3"),
                         [](const auto& version) { return std::string(version.param).substr(1); });

TEST_P(openssl_client, is_answered) {
    server_options.alpn = {"second"};
    auto connection = serve(server());
    openssl_program program(client_program({"-alpn", "first,second"}));
    EXPECT_NE(program.read_until("ALPN protocol: ").find("Verification: OK"), std::string::npos);
    EXPECT_EQ(program.read_until("\n"), "second\n");
    program.write("hello\n");
    program.read_until("hello\n");
    program.end_input();
    program.read_all();
    const served result = result_of(connection);
    EXPECT_FALSE(result.error) << result.error.message();
    EXPECT_EQ(result.name, "server.test");
}

TEST_P(openssl_client, is_shown_the_identity_that_it_asks_for) {
    server_options.names.push_back({.server_name = "server.test", .identity = server_options.identity});
    server_options.identity = trusted.issue({.names = {"other.test"}});
    auto connection = serve(server());
    openssl_program program(client_program());
    program.read_until("subject=CN = ");
    EXPECT_EQ(program.read_until("\n"), "server.test\n");
    program.end_input();
    program.read_all();
    EXPECT_FALSE(result_of(connection).error);
}

TEST_P(openssl_client, resumes_a_session) {
    const tls_context context = server();
    const std::string session = folder / "session";
    auto first = serve(context);
    {
        openssl_program program(client_program({"-sess_out", session}));
        program.write("hello\n");
        program.read_until("hello\n");
        program.end_input();
        program.read_all();
    }
    EXPECT_FALSE(result_of(first).resumed);
    auto second = serve(context);
    openssl_program program(client_program({"-sess_in", session}));
    program.read_until("Reused, ");
    program.end_input();
    program.read_all();
    const served result = result_of(second);
    EXPECT_TRUE(result.resumed);
    EXPECT_FALSE(result.error);
}

TEST_P(openssl_client, that_does_not_know_our_authority_says_so) {
    test::authority stranger(folder, "stranger");
    server_options.identity = stranger.issue({.names = {"server.test"}});
    auto connection = serve(server());
    openssl_program program(client_program());
    program.read_all();
    EXPECT_EQ(result_of(connection).error.message(), "tlsv1 alert unknown ca");
}

TEST_P(openssl_client, that_is_killed_is_no_end_of_the_stream) {
    auto connection = serve(server());
    {
        openssl_program program(client_program());
        program.write("hello\n");
        program.read_until("hello\n");
    }
    EXPECT_EQ(result_of(connection).error, brigade::tls_errc::truncated);
}

TEST_P(openssl_client, changes_keys_or_renegotiates) {
    auto connection = serve(server());
    openssl_program program(client_program());
    program.write("hello\n");
    program.read_until("hello\n");
    if (std::string_view(GetParam()) == "-tls1_3") {
        program.write("K\n");  // asks us to do the same
        program.read_until("KEYUPDATE");
        program.write("hello again\n");
        program.read_until("hello again\n");
        program.end_input();
        program.read_all();
        EXPECT_FALSE(result_of(connection).error);
    } else {
        program.write("R\n");
        const std::string said = program.read_all();
        EXPECT_NE(said.find("no renegotiation"), std::string::npos) << said;
        EXPECT_TRUE(result_of(connection).error);  // the client gives up
    }
}

class old_versions : public openssl_client {};

INSTANTIATE_TEST_SUITE_P(versions, old_versions, testing::Values("-tls1", "-tls1_1"),
                         [](const auto& version) { return std::string(version.param).substr(1); });

TEST_P(old_versions, are_refused) {
    auto connection = serve(server());
    // Debian's OpenSSL offers them at security level 0 only.
    openssl_program program(client_program({"-cipher", "ALL:@SECLEVEL=0"}));
    program.read_all();
    EXPECT_EQ(result_of(connection).error.message(), "unsupported protocol");
}

}  // namespace
