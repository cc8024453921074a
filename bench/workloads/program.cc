#include "bench/workloads/program.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace workloads {

namespace {

constexpr int exit_misuse = 2;

struct options {
    bool list = false;
    std::string work;
    run_parameters parameters;
};

unsigned parse_number(std::string_view option, std::string_view text) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number == 0) {
        throw std::invalid_argument(std::string(option) + " takes a positive number, not '" + std::string(text) + "'");
    }
    return number;
}

// What Google Benchmark has left.
options parse(int argc, char** argv) {
    options result;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        const std::string_view option = argument.substr(0, argument.find('='));
        const std::string_view value = argument.substr(std::min(argument.size(), option.size() + 1));
        if (argument == "--list") {
            result.list = true;
        } else if (option == "--work" && !value.empty()) {
            result.work = value;
        } else if (option == "--size") {
            result.parameters.size = parse_number(option, value);
        } else if (option == "--workers") {
            result.parameters.workers = parse_number(option, value);
        } else {
            throw std::invalid_argument("there is no option '" + std::string(argument) +
                                        "'; there are --list, --work=, --size=, --workers= and --help");
        }
    }
    const bool is_complete = result.parameters.size != 0 && result.parameters.workers != 0;
    if (result.work.empty() ? result.parameters.size != 0 || result.parameters.workers != 0 : !is_complete) {
        throw std::invalid_argument("--work, --size and --workers come together");
    }
    return result;
}

// No text here holds anything that JSON would want escaped but quotes and backslashes.
std::string quoted(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            result += '\\';
        }
        result += c;
    }
    return result + '"';
}

std::string json_of(double number) {
    std::ostringstream text;
    text.precision(17);
    text << number;
    return text.str();
}

void print_list(const runtime_description& runtime) {
    for (const entry& e : runtime.entries) {
        std::ostringstream line;
        line << "{\"runtime\": " << quoted(runtime.name) << ", \"suite\": " << quoted(e.about.suite)
             << ", \"work\": " << quoted(e.about.name) << ", \"sizes\": [" << e.about.size;
        if (e.about.reduced_size != 0) {
            line << ", " << e.about.reduced_size;
        }
        line << "], \"small\": " << e.about.small_size;
        if (e.about.tolerance != 0) {
            line << ", \"tolerance\": " << e.about.tolerance;
        }
        if (e.most.largest_size != ~0U) {
            line << ", \"largest\": " << e.most.largest_size;
        }
        if (e.most.most_workers != ~0U) {
            line << ", \"most_workers\": " << e.most.most_workers;
        }
        if (!e.most.reason.empty()) {
            line << ", \"reason\": " << quoted(e.most.reason);
        }
        std::printf("%s}\n", line.str().c_str());
    }
}

// Prints as its base does and remembers failures, of which Google Benchmark's own exit status says nothing.
class console : public benchmark::ConsoleReporter {
public:
    void ReportRuns(const std::vector<Run>& runs) override {
        failed_ = failed_ || std::ranges::any_of(runs, &Run::error_occurred);
        ConsoleReporter::ReportRuns(runs);
    }
    [[nodiscard]] bool failed() const { return failed_; }

private:
    bool failed_ = false;
};

class json_line : public benchmark::BenchmarkReporter {
public:
    json_line(const runtime_description& runtime, const options& chosen) : runtime_(runtime), chosen_(chosen) {}
    bool ReportContext(const Context& /*context*/) override { return true; }
    void ReportRuns(const std::vector<Run>& runs) override {
        for (const Run& run : runs) {
            if (run.error_occurred) {
                std::fprintf(stderr, "%s: %s\n", run.benchmark_name().c_str(), run.error_message.c_str());
                continue;
            }
            succeeded_ = true;
            print(run);
        }
    }
    [[nodiscard]] bool succeeded() const { return succeeded_; }

private:
    void print(const Run& run) const {
        std::ostringstream line;
        line << "{\"runtime\": " << quoted(runtime_.name) << ", \"version\": " << quoted(runtime_.version)
             << ", \"work\": " << quoted(chosen_.work) << ", \"size\": " << chosen_.parameters.size
             << ", \"workers\": " << chosen_.parameters.workers
             << ", \"seconds\": " << json_of(run.real_accumulated_time / static_cast<double>(run.iterations));
        for (const char* const counter : {"result", "items", "peak_memory"}) {
            line << ", " << quoted(counter) << ": " << json_of(run.counters.at(counter).value);
        }
        std::printf("%s}\n", line.str().c_str());
    }

    const runtime_description& runtime_;
    const options& chosen_;
    bool succeeded_ = false;
};

void add(const entry& e, run_parameters parameters) {
    const std::string name = std::string(e.about.suite) + '/' + std::string(e.about.name) + '/' +
                             std::to_string(parameters.size) + "/workers:" + std::to_string(parameters.workers);
    const auto run = [&e, parameters](benchmark::State& state) {
        try {
            e.measure(state, parameters);
        } catch (const std::exception& error) {
            state.SkipWithError(error.what());
        }
    };
    auto* const registered = benchmark::RegisterBenchmark(name.c_str(), run)->UseRealTime();
    if (!e.about.is_repeatable) {
        registered->Iterations(1);
    }
    registered->Unit(benchmark::kMillisecond);
}

int run_all(const runtime_description& runtime) {
    const unsigned processors = std::max(1U, std::thread::hardware_concurrency());
    for (const entry& e : runtime.entries) {
        for (const unsigned size : {e.about.size, e.about.reduced_size}) {
            for (unsigned workers = 1; workers <= std::min(processors, e.most.most_workers); ++workers) {
                if (size != 0 && size <= e.most.largest_size) {
                    add(e, {size, workers});
                }
            }
        }
    }
    console reporter;
    benchmark::RunSpecifiedBenchmarks(&reporter);
    return reporter.failed() ? EXIT_FAILURE : EXIT_SUCCESS;
}

int run_one(const runtime_description& runtime, const options& chosen) {
    const auto e = std::ranges::find(runtime.entries, chosen.work, [](const entry& x) { return x.about.name; });
    if (e == runtime.entries.end() || chosen.parameters.size > e->most.largest_size ||
        chosen.parameters.workers > e->most.most_workers) {
        std::fprintf(stderr, "%s does not run %s of size %u on %u workers\n", std::string(runtime.name).c_str(),
                     chosen.work.c_str(), chosen.parameters.size, chosen.parameters.workers);
        return EXIT_FAILURE;
    }
    add(*e, chosen.parameters);
    json_line reporter(runtime, chosen);
    benchmark::RunSpecifiedBenchmarks(&reporter);
    return reporter.succeeded() ? EXIT_SUCCESS : EXIT_FAILURE;
}

// In bytes. Not getrusage()'s figure, which begins with the size of the process that has started this one.
double peak_memory() {
    constexpr std::string_view field = "VmHWM:";
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(field)) {
            return std::stod(line.substr(field.size())) * 1024;
        }
    }
    throw std::runtime_error("there is no VmHWM in /proc/self/status");
}

}  // namespace

void report(benchmark::State& state, bool is_right, double result, double items) {
    if (!is_right) {
        state.SkipWithError(("wrong result: " + json_of(result)).c_str());
        return;
    }
    state.counters["result"] = result;
    state.counters["items"] = items;
    state.counters["peak_memory"] =
        benchmark::Counter(peak_memory(), benchmark::Counter::kDefaults, benchmark::Counter::kIs1024);
    state.SetItemsProcessed(static_cast<std::int64_t>(items) * state.iterations());
}

int run_program(int argc, char** argv, const runtime_description& runtime) {
    benchmark::Initialize(&argc, argv);
    try {
        const options chosen = parse(argc, argv);
        if (chosen.list) {
            print_list(runtime);
            return EXIT_SUCCESS;
        }
        return chosen.work.empty() ? run_all(runtime) : run_one(runtime, chosen);
    } catch (const std::invalid_argument& error) {
        std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
        return exit_misuse;
    }
}

}  // namespace workloads
