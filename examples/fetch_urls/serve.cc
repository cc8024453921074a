// One task accepts; each connection is a task of its own, and the oven is a sleep: a worker is busy only while there is
// something to read, to look up or to send.
#include "serve.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include <brigade/brigade.hpp>
#include <nlohmann/json.hpp>

#include "documents.hpp"
#include "http_request.hpp"
#include "process.hpp"

namespace fetch_urls {

namespace {

using namespace std::chrono_literals;

constexpr auto idle_limit = 30s;

brigade::task<void> answer_requests(brigade::tcp_stream stream, const document_set* documents,
                                    std::chrono::milliseconds oven) {
    request_reader reader;
    std::vector<std::byte> buffer(4096);
    for (;;) {
        const auto asked = reader.next();
        if (!asked) {
            static_cast<void>(co_await stream.write_all(std::as_bytes(std::span(asked.error()))));  // it is over anyway
            co_return;
        }
        if (!asked->has_value()) {
            const auto count = co_await brigade::with_timeout(idle_limit, stream.read_some(buffer));
            if (!count || *count == 0) {
                co_return;
            }
            reader.feed({reinterpret_cast<const char*>(buffer.data()), *count});
            continue;
        }
        co_await brigade::sleep_for(oven);
        const std::string response = response_to(**asked, *documents);
        const auto sent = co_await stream.write_all(std::as_bytes(std::span(response)));
        if (!sent || !(*asked)->keep_alive) {
            co_return;
        }
    }
}

// Returns why it cannot go on.
brigade::task<std::error_code> accept_connections(brigade::tcp_listener* listener, const document_set* documents,
                                                  std::chrono::milliseconds oven) {
    for (;;) {
        auto stream = co_await listener->accept();
        if (!stream) {
            co_return stream.error();
        }
        brigade::spawn(answer_requests, std::move(*stream), documents, oven).detach();
    }
}

void announce(const server_options& options, const document_set& documents, std::uint16_t port) {
    if (options.parent != 0) {
        const nlohmann::json announcement = server_announcement{port, documents.encoded_paths()};
        write_all(STDOUT_FILENO, announcement.dump() + "\n");
        return;
    }
    const std::string address = "http://127.0.0.1:" + std::to_string(port) + "/";
    std::cout << "serving " << documents.encoded_paths().size() << " documents, each after " << options.oven.count()
              << " ms\n"
              << address << " lists their paths; Ctrl-C ends\n"
              << std::flush;
}

int wait_for_signal(const sigset_t& signals) {
    int received = 0;
    const int error = sigwait(&signals, &received);
    if (error != 0) {
        throw std::system_error(error, std::generic_category(), "sigwait");
    }
    return received;
}

}  // namespace

int serve(const server_options& options) {
    // Blocked before there is any thread, so that all threads leave the signals to sigwait.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    if (const int error = pthread_sigmask(SIG_BLOCK, &signals, nullptr); error != 0) {
        throw std::system_error(error, std::generic_category(), "pthread_sigmask");
    }
    raise_open_file_limit();
    if (options.parent != 0 && !die_with_parent(options.parent)) {
        return 1;
    }
    const auto roots = options.root.empty() ? default_roots() : std::vector<std::filesystem::path>{options.root};
    const document_set documents(choose_documents(roots, options.documents));

    brigade::executor executor({.workers = options.workers, .name = "server"});
    auto listener = brigade::tcp_listener::bind(executor, brigade::endpoint::loopback_v4(options.port));
    if (!listener) {
        std::cerr << "cannot listen on port " << options.port << ": " << listener.error().message() << '\n';
        return 1;
    }
    auto accepting = executor.spawn(accept_connections, &*listener, &documents, options.oven);
    announce(options, documents, listener->local_endpoint().value().port());
    wait_for_signal(signals);
    executor.request_stop();
    return 0;
}

}  // namespace fetch_urls
