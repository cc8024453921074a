// Peers that do not keep to the protocol, or keep to the letter of it.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <brigade/brigade.hpp>
#include <brigade/tls.hpp>

#include "tests/support/blocking_socket.hpp"
#include "tests/support/tcp_pair.hpp"
#include "tests/unit/tls/tls_pair.hpp"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using brigade::task;
using brigade::tls_errc;
using brigade::tls_stream;
using test::error_of;

class hostile_peers : public test::tls {
protected:
    // What our server says of a client that sends this and then nothing more, not even an end unless `closes`.
    std::error_code server_after(std::string sent, bool closes) {
        return executor.block_on([this, sent = std::move(sent), closes]() -> task<std::error_code> {
            test::tcp_pair ends = co_await test::connected_pair();
            co_await test::write_text(ends.near, sent);
            if (closes) {
                ends.near.close();
            }
            const auto made =
                co_await brigade::with_timeout(closes ? 60s : 20ms, tls_stream::accept(server(), std::move(ends.far)));
            co_return error_of(made);
        });
    }

    brigade::executor executor{{.workers = 2}};
};

TEST_F(hostile_peers, that_send_garbage_are_refused_at_once) {
    EXPECT_EQ(server_after("GET / HTTP/1.1\r\n\r\n", false).message(), "http request");
    for (const std::string& garbage :
         {std::string(100, '\0'), std::string(100, '\xff'), "\x17\x03\x03\x00\x20"s + std::string(32, 'x')}) {
        EXPECT_EQ(server_after(garbage, false).category(), brigade::tls_category());
    }
}

TEST_F(hostile_peers, that_announce_more_than_a_record_may_hold_are_refused_at_once) {
    const std::error_code error = server_after("\x16\x03\x01\xff\xff", false);
    EXPECT_EQ(error.category(), brigade::tls_category()) << error.message();
}

TEST_F(hostile_peers, that_announce_a_message_without_end_are_refused_before_it_comes) {
    // A ClientHello of 16 MiB.
    const std::error_code error = server_after("\x16\x03\x01\x00\x08\x01\xff\xff\xff\x03\x03zz"s, false);
    EXPECT_EQ(error.message(), "excessive message size");
}

TEST_F(hostile_peers, that_say_nothing_meet_the_deadline) {
    EXPECT_EQ(server_after("", false), std::errc::timed_out);
    EXPECT_EQ(server_after("\x16\x03", false), std::errc::timed_out);
    EXPECT_EQ(server_after("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s, false), std::errc::timed_out);
}

TEST_F(hostile_peers, that_go_within_the_handshake_are_no_end_of_a_stream) {
    EXPECT_EQ(server_after("", true), tls_errc::truncated);
    EXPECT_EQ(server_after("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s, true), tls_errc::truncated);
}

TEST_F(hostile_peers, that_only_pretend_to_be_a_server_are_refused) {
    executor.block_on([this]() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        co_await test::write_text(ends.far, "220 mail.test ESMTP\r\n");
        const auto made = co_await tls_stream::connect(client(), std::move(ends.near), "server.test");
        EXPECT_EQ(error_of(made).message(), "wrong version number");
    });
}

TEST_F(hostile_peers, that_change_a_record_are_found_out_and_told) {
    executor.block_on([this]() -> task<> {
        test::tcp_pair ends = co_await test::connected_pair();
        const test::blocking_socket intruder(::dup(ends.near.native_handle()));
        auto [near, far] =
            co_await brigade::when_all(tls_stream::connect(client(), std::move(ends.near), "server.test"),
                                       tls_stream::accept(server(), std::move(ends.far)));
        intruder.send("\x17\x03\x03\x00\x20"s + std::string(32, 'x'));
        for (int i = 0; i < 2; ++i) {
            const std::error_code error = co_await test::read_error(far.value());
            EXPECT_EQ(error.message(), "decryption failed or bad record mac");
        }
        const std::error_code written = co_await test::write_error(*far, "x");
        EXPECT_EQ(written.message(), "decryption failed or bad record mac");
        const std::error_code told = co_await test::read_error(near.value());
        EXPECT_EQ(told.message(), "sslv3 alert bad record mac");
    });
}

TEST_F(hostile_peers, that_ask_for_key_updates_without_end_get_answers_while_reading_goes_on) {
    executor.block_on([this]() -> task<> {
        test::tls_pair ends = co_await test::connected_tls(client(), server());
        constexpr int times = 3000;
        const auto ask = [&]() -> task<> {
            for (int i = 0; i < times; ++i) {
                ::SSL_key_update(ends.near.native_handle(), SSL_KEY_UPDATE_REQUESTED);
                const std::error_code error = co_await test::write_error(ends.near, "x");
                EXPECT_FALSE(error);
            }
        };
        const auto [nothing, heard] = co_await brigade::when_all(ask(), test::read_text(ends.far, times));
        EXPECT_EQ(heard.size(), static_cast<std::size_t>(times));
        const auto both = co_await brigade::when_all(test::write_error(ends.far, "end"), test::read_text(ends.near, 3));
        EXPECT_EQ(std::get<1>(both), "end");
    });
}

// A server of which the test itself moves the bytes.
class server_in_pieces {
public:
    server_in_pieces(const brigade::tls_identity& identity, const std::string& client_trust_file)
        : context_(::SSL_CTX_new(::TLS_server_method()), &::SSL_CTX_free) {
        EXPECT_EQ(::SSL_CTX_use_certificate_chain_file(context_.get(), identity.chain_file.c_str()), 1);
        EXPECT_EQ(::SSL_CTX_use_PrivateKey_file(context_.get(), identity.key_file.c_str(), SSL_FILETYPE_PEM), 1);
        EXPECT_EQ(::SSL_CTX_load_verify_file(context_.get(), client_trust_file.c_str()), 1);
        ::SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
        ::SSL_CTX_set_session_id_context(context_.get(), reinterpret_cast<const unsigned char*>("x"), 1);
        ::SSL_CTX_set_max_send_fragment(context_.get(), 512);
        ::SSL_CTX_set_num_tickets(context_.get(), 0);
        ssl_.reset(::SSL_new(context_.get()));
        ::SSL_set_bio(ssl_.get(), ::BIO_new(::BIO_s_mem()), ::BIO_new(::BIO_s_mem()));
        ::SSL_set_accept_state(ssl_.get());
    }

    [[nodiscard]] SSL* ssl() const { return ssl_.get(); }
    [[nodiscard]] std::string output() const {
        std::string all(::BIO_ctrl_pending(::SSL_get_wbio(ssl_.get())), '\0');
        if (!all.empty()) {
            EXPECT_GT(::BIO_read(::SSL_get_wbio(ssl_.get()), all.data(), static_cast<int>(all.size())), 0);
        }
        return all;
    }
    task<> receive(brigade::tcp_stream& from) const {
        std::array<std::byte, 8192> buffer{};
        const auto got = co_await from.read_some(buffer);
        EXPECT_GT(got.value(), 0U);
        ::BIO_write(::SSL_get_rbio(ssl_.get()), buffer.data(), static_cast<int>(*got));
    }
    task<> shake_hands(brigade::tcp_stream& peer) const {
        while (::SSL_do_handshake(ssl_.get()) != 1) {
            if (const std::string bytes = output(); !bytes.empty()) {
                co_await test::write_text(peer, bytes);
            }
            co_await receive(peer);
        }
    }
    task<std::string> read(brigade::tcp_stream& from, std::size_t size) const {
        std::string text(size, '\0');
        while (::SSL_read(ssl_.get(), text.data(), static_cast<int>(size)) <= 0) {
            co_await receive(from);
        }
        co_return text;
    }

private:
    std::unique_ptr<SSL_CTX, decltype(&::SSL_CTX_free)> context_;
    std::unique_ptr<SSL, decltype(&::SSL_free)> ssl_{nullptr, &::SSL_free};
};

TEST_F(hostile_peers, that_send_half_a_handshake_message_hold_up_a_write_until_the_rest_comes) {
    // The client's certificate is in the ticket, which is so large that it takes two records.
    std::vector<std::string> names(30, "client.with.a.long.name.test");
    test::authority clients(folder, "clients");
    client_options.identity = clients.issue({.names = names, .for_clients = true});
    brigade::executor one_worker({.workers = 1});
    one_worker.block_on([&]() -> task<> {
        const server_in_pieces far(server_options.identity, clients.file());
        test::tcp_pair ends = co_await test::connected_pair();
        auto made = brigade::spawn(tls_stream::connect(client(), std::move(ends.near), "server.test"));
        co_await far.shake_hands(ends.far);
        tls_stream near = (co_await made).value();

        EXPECT_EQ(::SSL_new_session_ticket(far.ssl()), 1);
        EXPECT_EQ(::SSL_do_handshake(far.ssl()), 1);
        const std::string ticket = far.output();
        EXPECT_GT(ticket.size(), 600U);
        constexpr std::size_t half = 512 + 5 + 17;  // a full record
        co_await test::write_text(ends.far, std::string_view(ticket).substr(0, half));
        auto reader = brigade::spawn([&near] { return test::read_text(near, 4); });
        // Until the reader has got it, the write would be let through.
        while (near.native_handle() != nullptr && ::SSL_in_init(near.native_handle()) == 0) {
            co_await brigade::yield();
        }
        auto writer = brigade::spawn([&near] { return test::write_error(near, "word"); });
        for (int i = 0; i < 10; ++i) {
            co_await brigade::yield();
        }
        EXPECT_FALSE(writer.done());
        co_await test::write_text(ends.far, std::string_view(ticket).substr(half));
        const std::error_code written = co_await writer;
        EXPECT_FALSE(written);
        const std::string heard = co_await far.read(ends.far, 4);
        EXPECT_EQ(heard, "word");
        EXPECT_EQ(::SSL_write(far.ssl(), "back", 4), 4);
        co_await test::write_text(ends.far, far.output());
        const std::string answer = co_await reader;
        EXPECT_EQ(answer, "back");
    });
}

}  // namespace
