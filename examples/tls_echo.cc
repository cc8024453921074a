// An echo server over TLS, and a client that connects to it by name.
//
//   tls_echo serve ADDRESS:PORT CHAIN.pem KEY.pem
//   tls_echo ask HOST PORT TEXT [AUTHORITY.pem]      trusts what the system trusts, and the authority
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <brigade/brigade.hpp>
#include <brigade/tls.hpp>

using namespace std::chrono_literals;

namespace {

void complain(const char* what, const std::error_code& error) {
    std::fprintf(stderr, "%s: %s\n", what, error.message().c_str());
}

brigade::task<> serve(brigade::tls_context context, brigade::tcp_stream tcp) {
    auto client = co_await brigade::with_timeout(10s, brigade::tls_stream::accept(context, std::move(tcp)));
    if (!client) {
        complain("handshake", client.error());
        co_return;
    }
    std::array<std::byte, 4096> buffer;
    for (;;) {
        const auto received = co_await brigade::with_timeout(60s, client->read_some(buffer));
        if (!received) {
            complain("read", received.error());  // cut off, too slow, ...
            co_return;
        }
        if (*received == 0) {
            static_cast<void>(co_await client->shutdown());  // the client has said all, and may be gone
            co_return;
        }
        const auto sent = co_await brigade::with_timeout(60s, client->write_all(std::span(buffer).first(*received)));
        if (!sent) {
            complain("write", sent.error());
            co_return;
        }
    }
}

brigade::task<> accept_from(brigade::tcp_listener& listener, brigade::tls_context context) {
    for (;;) {
        auto client = co_await listener.accept();
        if (!client) {
            complain("accept", client.error());
            co_await brigade::sleep_for(100ms);
            continue;
        }
        brigade::spawn(serve, context, std::move(*client)).detach();
    }
}

int run_server(const char* address, brigade::tls_identity identity) {
    const auto where = brigade::endpoint::parse(address);
    const auto context = brigade::tls_context::server({.identity = std::move(identity)});
    if (!where || !context) {
        complain(where ? "certificate or key" : address, where ? context.error() : where.error());
        return EXIT_FAILURE;
    }
    brigade::executor executor;
    auto listener = brigade::tcp_listener::bind(executor, *where);
    if (!listener) {
        complain(address, listener.error());
        return EXIT_FAILURE;
    }
    std::printf("listening on %s\n", listener->local_endpoint()->to_string().c_str());
    std::fflush(stdout);
    executor.block_on(accept_from, std::ref(*listener), *context);
    return EXIT_FAILURE;
}

// [tls_ask]
brigade::task<std::error_code> ask(brigade::tls_context context, std::string host, std::uint16_t port,
                                   std::string& text) {
    auto tcp = co_await brigade::with_timeout(10s, brigade::connect(host, port));
    if (!tcp) {
        co_return tcp.error();
    }
    auto server = co_await brigade::with_timeout(10s, brigade::tls_stream::connect(context, std::move(*tcp), host));
    if (!server) {
        co_return server.error();  // "certificate has expired", "hostname mismatch", ...
    }
    const auto sent = co_await server->write_all(std::as_bytes(std::span(text)));
    if (!sent) {
        co_return sent.error();
    }
    std::size_t received = 0;
    while (received < text.size()) {
        const auto some = co_await server->read_some(std::as_writable_bytes(std::span(text)).subspan(received));
        if (!some || *some == 0) {
            co_return some ? make_error_code(brigade::errc::end_of_stream) : some.error();
        }
        received += *some;
    }
    const auto ended = co_await server->shutdown();
    co_return ended ? std::error_code() : ended.error();
}
// [/tls_ask]

int run_client(std::string host, const std::string& port_text, std::string text, std::string authority) {
    std::uint16_t port = 0;
    const char* const begin = port_text.c_str();
    const char* const end = begin + port_text.size();
    if (const auto [rest, bad] = std::from_chars(begin, end, port); bad != std::errc() || rest != end) {
        std::fprintf(stderr, "%s: no port\n", begin);
        return EXIT_FAILURE;
    }
    const auto context = brigade::tls_context::client({.trust_file = std::move(authority)});
    if (!context) {
        complain("authority", context.error());
        return EXIT_FAILURE;
    }
    brigade::executor executor({.workers = 1});
    if (const std::error_code error = executor.block_on(ask, *context, host, port, std::ref(text))) {
        complain(host.c_str(), error);
        return EXIT_FAILURE;
    }
    std::printf("%s\n", text.c_str());
    return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view command = argc > 1 ? argv[1] : "";
    if (command == "serve" && argc == 5) {
        return run_server(argv[2], {.chain_file = argv[3], .key_file = argv[4]});
    }
    if (command == "ask" && (argc == 5 || argc == 6)) {
        return run_client(argv[2], argv[3], argv[4], argc == 6 ? argv[5] : "");
    }
    std::fprintf(stderr,
                 "usage: tls_echo serve ADDRESS:PORT CHAIN.pem KEY.pem\n"
                 "       tls_echo ask HOST PORT TEXT [AUTHORITY.pem]\n");
    return EXIT_FAILURE;
}
