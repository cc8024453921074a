// An echo server: every connection is a task of its own, and all processors serve them.
//
//   echo_server [ADDRESS:PORT]     default 127.0.0.1:7777; port 0 lets the system choose
#include <cstdio>
#include <cstdlib>

// [echo_server]
#include <array>
#include <chrono>
#include <span>

#include <brigade/brigade.hpp>

using namespace std::chrono_literals;

brigade::task<> serve(brigade::tcp_stream client) {
    std::array<std::byte, 4096> buffer;
    for (;;) {
        const auto received = co_await client.read_some(buffer);
        if (!received || *received == 0) {
            co_return;  // the connection broke, or the client has finished
        }
        const auto sent = co_await client.write_all(std::span(buffer).first(*received));
        if (!sent) {
            co_return;
        }
    }
}

brigade::task<> accept_from(brigade::tcp_listener& listener) {
    for (;;) {
        auto client = co_await listener.accept();
        if (!client) {
            std::fprintf(stderr, "accept: %s\n", client.error().message().c_str());
            co_await brigade::sleep_for(100ms);  // too many open files, say: until some are closed
            continue;
        }
        brigade::spawn(serve, std::move(*client)).detach();
    }
}
// [/echo_server]

int main(int argc, char** argv) {
    const char* const text = argc > 1 ? argv[1] : "127.0.0.1:7777";
    const auto where = brigade::endpoint::parse(text);
    if (argc > 2 || !where) {
        std::fprintf(stderr, "usage: echo_server [ADDRESS:PORT]   for example 127.0.0.1:7777 or [::1]:0\n");
        return EXIT_FAILURE;
    }
    // [echo_server_main]
    brigade::executor executor;  // a worker for each processor
    auto listener = brigade::tcp_listener::bind(executor, *where);
    if (!listener) {
        std::fprintf(stderr, "%s: %s\n", text, listener.error().message().c_str());
        return EXIT_FAILURE;
    }
    std::printf("listening on %s\n", listener->local_endpoint()->to_string().c_str());
    std::fflush(stdout);
    executor.block_on(accept_from, std::ref(*listener));
    // [/echo_server_main]
    return EXIT_FAILURE;
}
