#include "options.hpp"

#include <map>

#include <CLI/CLI.hpp>

#include "exit_status.hpp"

namespace fetch_urls {

namespace {

constexpr const char* description =
    "Fetches URLs four ways: one after another, with a thread each, with coroutines on one worker and with coroutines\n"
    "on all workers. Every document that arrives is hashed and compressed. Prints what each way took, and writes a\n"
    "picture and a trace of who was computing, waiting or idle, when.";

constexpr const char* epilogue =
    "Exit status: how many URLs failed (100: that many or more); 101: the command line is wrong; 102: the run as a\n"
    "whole failed.";

const std::map<std::string, way> ways_by_name{{"sequence", way::sequence},
                                              {"threads", way::threads},
                                              {"one-worker", way::one_worker},
                                              {"all-workers", way::all_workers}};

struct raw_options {
    fetch_options fetch;
    server_options serve;
    run_way_options run_way;
    std::int64_t timeout_ms = fetch.limit.timeout.count();
    std::int64_t oven_ms = fetch.server.oven.count();
    std::vector<std::string> ways;
};

void add_server_options(CLI::App& app, server_options& server, raw_options& raw) {
    app.add_option("--root", server.root,
                   "serve the files of this folder (default: /usr/share/common-licenses and "
                   "/usr/share/doc)")
        ->check(CLI::ExistingDirectory);
    app.add_option("--oven", raw.oven_ms, "milliseconds that the server takes for a document")
        ->check(CLI::Range(0, 60'000))
        ->capture_default_str();
}

void add_fetch_options(CLI::App& app, raw_options& raw) {
    fetch_options& fetch = raw.fetch;
    app.add_option("--urls", fetch.urls_file,
                   "fetch the http:// URLs in this file, one a line, instead of starting "
                   "a server")
        ->check(CLI::ExistingFile);
    app.add_option("--count", fetch.server.documents, "how many documents the server is asked for")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    app.add_option("--ways", raw.ways, "only these, separated by commas: sequence, threads, one-worker, all-workers")
        ->delimiter(',')
        ->check(CLI::IsMember(ways_by_name));
    app.add_option("--workers", fetch.workers, "workers of the last way (default: as many as the process may use)")
        ->check(CLI::Range(1, 4096));
    app.add_option("--effort", fetch.work.rounds, "how many times each document is compressed")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    app.add_option("--timeout", raw.timeout_ms, "milliseconds that a fetch may take")
        ->check(CLI::Range(1, 3'600'000))
        ->capture_default_str();
    app.add_option("--max-body", fetch.limit.body_bytes, "bytes that a document may have; 64MiB and the like do")
        ->transform(CLI::AsSizeValue(false))
        ->default_str("64MiB");
    app.add_option("--svg", fetch.svg_file, "where the picture goes")->capture_default_str();
    app.add_option("--trace", fetch.trace_file, "where the trace for Perfetto or chrome://tracing goes")
        ->capture_default_str();
    add_server_options(app, fetch.server, raw);
}

CLI::App* add_serve_command(CLI::App& app, raw_options& raw) {
    CLI::App* const serve = app.add_subcommand("serve", "Only runs the embedded server");
    serve->add_option("--documents", raw.serve.documents, "how many documents it serves")->capture_default_str();
    serve->add_option("--port", raw.serve.port, "port on 127.0.0.1 (0: the kernel chooses)")->capture_default_str();
    serve->add_option("--parent", raw.serve.parent)->group("");
    add_server_options(*serve, raw.serve, raw);
    return serve;
}

CLI::App* add_run_way_command(CLI::App& app, raw_options& raw) {
    CLI::App* const run_way = app.add_subcommand("run-way", "Fetches in one way, as standard input says")->group("");
    run_way->add_option("--parent", raw.run_way.parent)->required();
    return run_way;
}

fetch_options finished(raw_options& raw) {
    fetch_options& fetch = raw.fetch;
    fetch.limit.timeout = std::chrono::milliseconds(raw.timeout_ms);
    fetch.server.oven = std::chrono::milliseconds(raw.oven_ms);
    if (!raw.ways.empty()) {
        std::erase_if(fetch.ways, [&](way how) {
            return std::ranges::none_of(raw.ways,
                                        [&](const std::string& name) { return ways_by_name.at(name) == how; });
        });
    }
    return fetch;
}

}  // namespace

command parse_command_line(int argc, char** argv) {
    CLI::App app(description, "fetch_urls");
    app.footer(epilogue);
    raw_options raw;
    add_fetch_options(app, raw);
    const CLI::App* const serve = add_serve_command(app, raw);
    const CLI::App* const run_way = add_run_way_command(app, raw);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const bool only_help = app.exit(error) == 0;
        return nothing_to_do{only_help ? 0 : status_bad_command_line};
    }
    if (*serve) {
        raw.serve.oven = std::chrono::milliseconds(raw.oven_ms);
        return raw.serve;
    }
    if (*run_way) {
        return raw.run_way;
    }
    return finished(raw);
}

}  // namespace fetch_urls
