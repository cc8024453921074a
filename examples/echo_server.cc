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
#include <atomic>
#include <chrono>
#include <functional>
#include <span>
#include <utility>

#include <brigade/brigade.hpp>

using namespace std::chrono_literals;

std::atomic<int> open_connections{0};
brigade::auto_reset_event one_has_ended;

struct end_of_connection {
    ~end_of_connection() {
        --open_connections;
        one_has_ended.set();
    }
};

brigade::task<> serve(brigade::tcp_stream client) {
    const end_of_connection counted;
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
            co_return;  // closed: where descriptors run out, accept() waits until there are some
        }
        ++open_connections;
        brigade::spawn(serve, std::move(*client)).detach();
    }
}
// [/echo_server]

// [echo_server_drain]
// Serves until SIGTERM or Ctrl-C. Then nobody is let in any more, and those who are there may finish.
brigade::task<> serve_until_told(brigade::tcp_listener& listener, brigade::signal_set& told) {
    auto accepting = brigade::spawn(accept_from, std::ref(listener));
    const auto signal = co_await told.next();
    if (!signal) {
        co_return;
    }
    told.close();      // a second Ctrl-C does not wait for anybody
    listener.close();  // ends accept_from()
    co_await accepting;
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (open_connections > 0 && co_await brigade::with_deadline(deadline, one_has_ended)) {
    }
}
// [/echo_server_drain]

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
    executor.block_on(serve_until_told, std::ref(*listener), std::ref(told));
    executor.shutdown(1s);  // asks the connections that are left to stop
    return EXIT_SUCCESS;
    // [/echo_server_main]
}
