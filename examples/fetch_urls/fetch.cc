#include "fetch.hpp"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <unistd.h>
#include <nlohmann/json.hpp>

#include "decimals.hpp"
#include "exit_status.hpp"
#include "process.hpp"
#include "progress_bar.hpp"
#include "report.hpp"
#include "timeline_svg.hpp"
#include "trace_json.hpp"

namespace fetch_urls {

namespace {

// One URL a line; blank lines and lines that begin with # do not count.
std::vector<std::string> read_urls(const std::string& file_name) {
    std::ifstream file(file_name);
    std::vector<std::string> urls;
    for (std::string line; std::getline(file, line);) {
        static constexpr const char* blanks = " \t\r";
        line.erase(0, std::min(line.find_first_not_of(blanks), line.size()));
        line.erase(line.find_last_not_of(blanks) + 1);
        if (!line.empty() && !line.starts_with('#')) {
            urls.push_back(line);
        }
    }
    if (file.bad() || !file.eof()) {
        throw std::runtime_error("cannot read " + file_name);
    }
    if (urls.empty()) {
        throw std::runtime_error(file_name + " contains no URLs");
    }
    return urls;
}

std::unique_ptr<child_process> start_server(const server_options& options) {
    std::vector<std::string> arguments{"serve",
                                       "--parent",
                                       std::to_string(getpid()),
                                       "--documents",
                                       std::to_string(options.documents),
                                       "--oven",
                                       std::to_string(options.oven.count())};
    if (!options.root.empty()) {
        arguments.insert(arguments.end(), {"--root", options.root});
    }
    return std::make_unique<child_process>(arguments);
}

// If there are fewer documents than URLs are asked for, some are fetched more than once.
std::vector<std::string> urls_of(child_process& server, std::size_t count) {
    const auto line = server.read_line();
    if (!line) {
        throw std::runtime_error("the embedded server ended with " + server.wait().value_or("a success"));
    }
    const auto announced = nlohmann::json::parse(*line).get<server_announcement>();
    if (announced.paths.empty()) {
        throw std::runtime_error("there is no document to serve");
    }
    std::vector<std::string> urls;
    for (std::size_t i = 0; i < count; ++i) {
        const std::string& path = announced.paths[i % announced.paths.size()];
        urls.push_back("http://127.0.0.1:" + std::to_string(announced.port) + path);
    }
    return urls;
}

way_record run_in_child(const job& its_job, progress_bar& progress) {
    child_process child({"run-way", "--parent", std::to_string(getpid())});
    const nlohmann::json description = its_job;
    child.send(description.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    progress.begin(name_of(its_job.how));
    std::string record;
    while (auto line = child.read_line()) {
        if (*line == "done") {
            progress.advance();
        } else {
            record = std::move(*line);
        }
    }
    if (const auto failure = child.wait()) {
        throw std::runtime_error("the way \"" + std::string(name_of(its_job.how)) + "\" ended with " + *failure);
    }
    return nlohmann::json::parse(record).get<way_record>();
}

std::vector<way_record> run_all(const fetch_options& options, const std::vector<std::string>& urls) {
    std::vector<way_record> records;
    progress_bar progress(urls.size());
    for (const way how : options.ways) {
        records.push_back(run_in_child({.how = how,
                                        .urls = urls,
                                        .limit = options.limit,
                                        .work = options.work,
                                        .workers = options.workers,
                                        .progress = progress_bar::is_wanted()},
                                       progress));
    }
    return records;
}

void write_file(const std::string& name, const std::string& content) {
    std::ofstream file(name, std::ios::binary);
    file << content;
    file.close();
    if (!file) {
        throw std::runtime_error("cannot write " + name);
    }
}

std::string subtitle_of(const fetch_options& options, const std::vector<way_record>& records,
                        const std::vector<std::string>& urls) {
    const std::string count = std::to_string(urls.size());
    if (!options.urls_file.empty()) {
        return count + " URLs of a list, each hashed with SHA-256 and compressed with zstd.";
    }
    const std::int64_t work = records.front().work_cpu() / static_cast<std::int64_t>(urls.size());
    return count + " documents of a server that takes " + std::to_string(options.server.oven.count()) +
           " ms for each; SHA-256 and zstd then take " + duration_text(work) + " of CPU time for each.";
}

}  // namespace

int fetch(const fetch_options& options) {
    const bool with_server = options.urls_file.empty();
    const auto server = with_server ? start_server(options.server) : nullptr;
    const auto urls = with_server ? urls_of(*server, options.server.documents) : read_urls(options.urls_file);
    const std::vector<way_record> records = run_all(options, urls);

    const std::size_t failed = print_errors(std::cerr, records, urls);
    print_table(std::cout, records);
    if (with_server) {
        print_findings(std::cout, records, options.server.oven);
    }
    write_file(options.svg_file, timeline_svg(records, subtitle_of(options, records, urls)));
    write_file(options.trace_file, trace_json(records, urls));
    std::cout << "\nThe picture is in " << options.svg_file
              << ", the trace (for ui.perfetto.dev or chrome://tracing) in " << options.trace_file << ".\n"
              << std::flush;
    if (!std::cout) {
        throw std::runtime_error("cannot write to standard output");
    }
    if (print_disagreements(std::cerr, records, urls) != 0) {
        return status_run_failed;
    }
    return static_cast<int>(std::min<std::size_t>(failed, status_most_failures));
}

}  // namespace fetch_urls
