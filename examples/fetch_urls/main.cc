// The picture that tutorials about coroutines draw, measured: the same URLs fetched one after another, with a thread
// each, with coroutines on one worker and with coroutines on all workers, while every document also keeps a CPU busy.
#include <csignal>
#include <exception>
#include <iostream>
#include <variant>

#include "exit_status.hpp"
#include "fetch.hpp"
#include "options.hpp"
#include "run_way.hpp"
#include "serve.hpp"

namespace {

struct run_command {
    int operator()(const fetch_urls::fetch_options& options) const { return fetch_urls::fetch(options); }
    int operator()(const fetch_urls::server_options& options) const { return fetch_urls::serve(options); }
    int operator()(const fetch_urls::run_way_options& options) const { return fetch_urls::run_way(options); }
    int operator()(const fetch_urls::nothing_to_do& done) const { return done.exit_status; }
};

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error like any other
    try {
        return std::visit(run_command{}, fetch_urls::parse_command_line(argc, argv));
    } catch (const std::exception& failure) {
        std::cerr << "fetch_urls: " << failure.what() << '\n';
        return fetch_urls::status_run_failed;
    }
}
