// Handshakes: who is believed to be whom, and what both agree upon.
#include <brigade/tls.hpp>

#include <fstream>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <brigade/brigade.hpp>

#include "tests/support/tcp_pair.hpp"
#include "tests/unit/tls/certificates.hpp"
#include "tests/unit/tls/tls_pair.hpp"

namespace {

using brigade::task;
using brigade::tls_context;
using brigade::tls_stream;
using test::error_of;
using test::shake_hands;

class tls : public test::tls {
protected:
    // Runs `body` on two workers.
    template <class F>
    void run(F body) {
        brigade::executor executor({.workers = 2});
        executor.block_on(std::move(body));
    }
    // What the client says of a server whose certificate is `identity`, and the text of what the server then says.
    std::pair<std::error_code, std::string> errors_of(const brigade::tls_identity& identity,
                                                      const std::string& name = "server.test") {
        server_options.identity = identity;
        std::pair<std::error_code, std::string> errors;
        run([&]() -> task<> {
            const auto ends = co_await shake_hands(client(), server(), name);
            errors = {error_of(ends.client), error_of(ends.server).message()};
        });
        return errors;
    }
};

std::error_code verification(int reason) {
    return {reason, brigade::tls_verification_category()};
}

TEST_F(tls, carries_text_both_ways) {
    run([this]() -> task<> {
        auto ends = co_await test::connected_tls(client(), server());
        const std::error_code asked = co_await test::write_error(ends.near, "hello");
        EXPECT_FALSE(asked);
        const std::string heard = co_await test::read_text(ends.far, 5);
        EXPECT_EQ(heard, "hello");
        const std::error_code answered = co_await test::write_error(ends.far, "hello yourself");
        EXPECT_FALSE(answered);
        const std::string answer = co_await test::read_text(ends.near, 14);
        EXPECT_EQ(answer, "hello yourself");
        EXPECT_EQ(ends.near.protocol(), "TLSv1.3");
        EXPECT_EQ(ends.far.server_name(), "server.test");
        EXPECT_EQ(ends.near.remote_endpoint().value(), ends.far.local_endpoint().value());
    });
}

TEST_F(tls, refuses_a_certificate_for_another_name) {
    const auto [client_says, server_says] = errors_of(trusted.issue({.names = {"other.test"}}));
    EXPECT_EQ(client_says, verification(X509_V_ERR_HOSTNAME_MISMATCH));
    EXPECT_EQ(client_says.message(), "hostname mismatch");
    EXPECT_FALSE(server_says.empty());  // the alert, whose number depends on OpenSSL
}

TEST_F(tls, refuses_an_authority_that_is_not_trusted) {
    test::authority stranger(folder, "stranger");
    const auto [client_says, server_says] = errors_of(stranger.issue({.names = {"server.test"}}));
    EXPECT_EQ(client_says, verification(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY));
    EXPECT_EQ(server_says, "tlsv1 alert unknown ca");
}

TEST_F(tls, refuses_a_certificate_that_has_expired) {
    const auto [client_says, server_says] =
        errors_of(trusted.issue({.names = {"server.test"}, .valid_from_days = -20, .valid_until_days = -10}));
    EXPECT_EQ(client_says, verification(X509_V_ERR_CERT_HAS_EXPIRED));
    EXPECT_EQ(server_says, "sslv3 alert certificate expired");
}

TEST_F(tls, refuses_a_certificate_that_is_not_valid_yet) {
    const auto errors = errors_of(trusted.issue({.names = {"server.test"}, .valid_from_days = 10}));
    EXPECT_EQ(errors.first, verification(X509_V_ERR_CERT_NOT_YET_VALID));
}

TEST_F(tls, refuses_a_certificate_for_clients) {
    const auto errors = errors_of(trusted.issue({.names = {"server.test"}, .for_clients = true}));
    EXPECT_EQ(errors.first, verification(X509_V_ERR_INVALID_PURPOSE));
}

TEST_F(tls, trusts_what_the_system_trusts_by_default) {
    // An authority that was made a moment ago is not among them.
    client_options = {};
    const auto errors = errors_of(trusted.issue({.names = {"server.test"}}));
    EXPECT_EQ(errors.first.category(), brigade::tls_verification_category());
}

TEST_F(tls, verifies_addresses) {
    const brigade::tls_identity identity = trusted.issue({.names = {"server.test", "127.0.0.1", "::1"}});
    EXPECT_FALSE(errors_of(identity, "127.0.0.1").first);
    EXPECT_FALSE(errors_of(identity, "::1").first);
    EXPECT_EQ(errors_of(identity, "127.0.0.2").first, verification(X509_V_ERR_IP_ADDRESS_MISMATCH));
}

TEST_F(tls, takes_wildcards_for_one_label_only) {
    const brigade::tls_identity identity = trusted.issue({.names = {"*.server.test"}});
    EXPECT_FALSE(errors_of(identity, "a.server.test").first);
    EXPECT_FALSE(errors_of(identity, "A.Server.Test.").first);
    EXPECT_EQ(errors_of(identity, "a.b.server.test").first, verification(X509_V_ERR_HOSTNAME_MISMATCH));
    EXPECT_EQ(errors_of(identity, "server.test").first, verification(X509_V_ERR_HOSTNAME_MISMATCH));
}

TEST_F(tls, refuses_to_connect_without_a_name) {
    for (const std::string& name :
         {std::string(), std::string("."), std::string("server\0.test", 12), std::string(300, 'a')}) {
        const auto errors = errors_of(server_options.identity, name);
        EXPECT_EQ(errors.first, std::errc::invalid_argument) << name;
    }
}

TEST_F(tls, takes_any_server_only_when_told_that_this_is_dangerous) {
    test::authority stranger(folder, "stranger");
    client_options.dangerously_accept_any_server = true;
    EXPECT_FALSE(errors_of(stranger.issue({.names = {"other.test"}})).first);
    EXPECT_FALSE(errors_of(stranger.issue({.names = {"other.test"}}), "").first);
}

TEST_F(tls, chooses_the_identity_by_the_name_that_the_client_asks_for) {
    server_options.names.push_back({.server_name = "Other.Test", .identity = trusted.issue({.names = {"other.test"}})});
    server_options.names.push_back(
        {.server_name = "*.wild.test", .identity = trusted.issue({.names = {"*.wild.test"}})});
    EXPECT_FALSE(errors_of(server_options.identity, "server.test").first);
    EXPECT_FALSE(errors_of(server_options.identity, "other.test").first);
    EXPECT_FALSE(errors_of(server_options.identity, "OTHER.test").first);
    EXPECT_FALSE(errors_of(server_options.identity, "a.wild.test").first);
    // Those that it does not know get its first one.
    EXPECT_EQ(errors_of(server_options.identity, "third.test").first, verification(X509_V_ERR_HOSTNAME_MISMATCH));
}

TEST_F(tls, the_server_prefers_one_of_the_protocols_that_the_client_offers) {
    client_options.alpn = {"a", "b", "c"};
    server_options.alpn = {"x", "c", "b"};
    server_options.names.push_back({.server_name = "other.test", .identity = trusted.issue({.names = {"other.test"}})});
    run([this]() -> task<> {
        for (const char* const name : {"server.test", "other.test"}) {
            const auto ends = co_await shake_hands(client(), server(), name);
            EXPECT_EQ(ends.client.value().alpn(), "c");
            EXPECT_EQ(ends.server.value().alpn(), "c");
        }
    });
}

TEST_F(tls, without_a_protocol_in_common_there_is_no_connection) {
    client_options.alpn = {"a"};
    server_options.alpn = {"x"};
    run([this]() -> task<> {
        const auto ends = co_await shake_hands(client(), server());
        EXPECT_EQ(error_of(ends.client).message(), "tlsv1 alert no application protocol");
        EXPECT_EQ(error_of(ends.server).message(), "no application protocol");
    });
}

TEST_F(tls, a_protocol_is_chosen_only_where_both_name_some) {
    run([this]() -> task<> {
        client_options.alpn = {"a"};
        const auto offered = co_await shake_hands(client(), server());
        EXPECT_EQ(offered.client.value().alpn(), "");
        client_options.alpn = {};
        server_options.alpn = {"a"};
        const auto known = co_await shake_hands(client(), server());
        EXPECT_EQ(known.server.value().alpn(), "");
    });
}

TEST_F(tls, an_impossible_name_of_a_protocol_is_an_error) {
    client_options.alpn = {""};
    EXPECT_EQ(error_of(tls_context::client(client_options)), std::errc::invalid_argument);
    server_options.alpn = {std::string(256, 'a')};
    EXPECT_EQ(error_of(tls_context::server(server_options)), std::errc::invalid_argument);
}

TEST_F(tls, a_server_can_ask_for_certificates_of_clients) {
    test::authority clients(folder, "clients");
    server_options.client_trust_file = clients.file();
    server_options.names.push_back({.server_name = "other.test", .identity = trusted.issue({.names = {"other.test"}})});
    run([&]() -> task<> {
        for (const char* const name : {"server.test", "other.test"}) {
            client_options.identity = {};
            const auto without = co_await shake_hands(client(), server(), name);
            EXPECT_EQ(error_of(without.server).message(), "peer did not return a certificate");
            client_options.identity = trusted.issue({.names = {"a client"}, .for_clients = true});
            const auto unknown = co_await shake_hands(client(), server(), name);
            EXPECT_EQ(error_of(unknown.server).category(), brigade::tls_verification_category());
            client_options.identity = clients.issue({.names = {"a client"}, .for_clients = true});
            const auto known = co_await shake_hands(client(), server(), name);
            EXPECT_FALSE(error_of(known.server));
        }
    });
}

TEST_F(tls, a_file_that_cannot_be_used_is_an_error) {
    EXPECT_EQ(error_of(tls_context::client({.trust_file = "/nonexistent"})), std::errc::no_such_file_or_directory);
    EXPECT_EQ(error_of(tls_context::server({.identity = {.chain_file = "/nonexistent", .key_file = "/nonexistent"}})),
              std::errc::no_such_file_or_directory);
    const auto swapped = tls_context::server(
        {.identity = {.chain_file = server_options.identity.key_file, .key_file = server_options.identity.chain_file}});
    EXPECT_EQ(error_of(swapped).message(), "no start line");
    const auto mixed =
        tls_context::server({.identity = {.chain_file = server_options.identity.chain_file,
                                          .key_file = trusted.issue({.names = {"other.test"}}).key_file}});
    EXPECT_EQ(error_of(mixed).message(), "key values mismatch");
}

TEST_F(tls, a_chain_without_a_key_and_a_key_without_a_chain_are_errors) {
    const brigade::tls_identity whole = server_options.identity;
    for (const brigade::tls_identity& half : {brigade::tls_identity{.chain_file = whole.chain_file, .key_file = ""},
                                              brigade::tls_identity{.chain_file = "", .key_file = whole.key_file}}) {
        client_options.identity = half;
        EXPECT_EQ(error_of(tls_context::client(client_options)), std::errc::invalid_argument);
        EXPECT_EQ(error_of(tls_context::server({.identity = half})), std::errc::invalid_argument);
        server_options.names = {{.server_name = "other.test", .identity = half}};
        EXPECT_EQ(error_of(tls_context::server(server_options)), std::errc::invalid_argument);
    }
    EXPECT_EQ(error_of(tls_context::server({.identity = {}})), std::errc::invalid_argument);
}

TEST_F(tls, a_trust_file_that_ends_in_garbage_is_an_error) {
    std::ofstream(trusted.file(), std::ios::app) << "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    server_options.client_trust_file = trusted.file();
    EXPECT_TRUE(error_of(tls_context::server(server_options)));
}

TEST_F(tls, a_context_is_for_one_side) {
    run([this]() -> task<> {
        const auto ends = co_await shake_hands(server(), client());
        EXPECT_EQ(error_of(ends.client), std::errc::invalid_argument);
        EXPECT_EQ(error_of(ends.server), std::errc::invalid_argument);
    });
}

TEST_F(tls, resumes_sessions) {
    run([this]() -> task<> {
        const tls_context near = client();
        const tls_context far = server();
        auto listener = brigade::tcp_listener::bind(brigade::endpoint::loopback_v4(0)).value();
        const brigade::endpoint address = listener.local_endpoint().value();
        for (int i = 0; i < 4; ++i) {
            auto [connected, accepted] =
                co_await brigade::when_all(brigade::tcp_stream::connect(address), test::accepted(listener));
            auto [c, s] =
                co_await brigade::when_all(tls_stream::connect(near, std::move(connected).value(), "server.test"),
                                           tls_stream::accept(far, std::move(accepted).value()));
            // Nothing here uses what OpenSSL keeps for the program.
            EXPECT_EQ(SSL_get_app_data(c.value().native_handle()), nullptr);
            std::string of_the_program = "elsewhere";
            SSL_set_app_data(c->native_handle(), &of_the_program);
            EXPECT_EQ(c.value().resumed(), i > 0);
            EXPECT_EQ(s.value().resumed(), i > 0);
            // The tickets come with the first data.
            const std::error_code sent = co_await test::write_error(*s, "x");
            EXPECT_FALSE(sent);
            const std::string heard = co_await test::read_text(*c, 1);
            EXPECT_EQ(heard, "x");
        }
    });
}

}  // namespace
