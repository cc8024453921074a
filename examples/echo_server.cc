// An echo server: every connection is a task of its own, and all processors serve them.
//
//   echo_server [ADDRESS:PORT]     default 127.0.0.1:7777; port 0 lets the system choose
//
// SIGTERM or Ctrl-C ends it, when its connections have ended, or after ten seconds.
#include <csignal>
#include <cstdio>
#include <cstdlib>

// [echo_server]
#include <array>
#include <chrono>
#include <span>
#include <utility>

#include <brigade/brigade.hpp>

using namespace std::chrono_literals;

brigade::task<> echo(brigade::tcp_connection& client) {
    std::array<std::byte, 4096> buffer;
    for (;;) {
        const auto received = co_await client.read_some(buffer);
        if (!received || *received == 0) {
            co_return;  // the connection broke, the client has finished, or it was silent for too long
        }
        const auto sent = co_await client.write_all(std::span(buffer).first(*received));
        if (!sent) {
            co_return;
        }
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
    brigade::signal_set told(executor, {SIGINT, SIGTERM});  // from here on, neither kills the process
    std::printf("listening on %s\n", listener->local_endpoint()->to_string().c_str());
    std::fflush(stdout);
    // An echo has no messages: a connection is one, as long and as slow as it likes. The other limits are on.
    brigade::server server(executor, std::move(*listener), echo,
                           {.message_deadline = brigade::unlimited, .minimum_rate = 0});
    const auto signal = executor.block_on(told.next());
    told.close();                          // a second Ctrl-C does not wait for anybody
    executor.block_on(server.drain(10s));  // nobody is let in any more, and those who are there may finish
    return signal ? EXIT_SUCCESS : EXIT_FAILURE;
    // [/echo_server_main]
}
