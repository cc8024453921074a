// The load generator of the network benchmarks: one thread, one epoll instance, and nothing of any runtime that is
// measured. Prints one JSON object. bazel/sweep runs it; by hand, against a server that has said its port:
//
//   load --port=PORT [--mode=MODE] [--connections=N] [--depth=N] [--measure-ms=N] [--server=PID,...] [...]
//
// Modes: echo (64 bytes; --depth messages at once on each connection), udp (the same, a datagram each), churn (connect,
// one echo, close), sink (the server reads --bytes bytes and answers with their number), idle (connections that never
// send). With --server come the processor time and the memory of the server.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/resource.h>

#include "bench/network/client_socket.hpp"
#include "bench/network/echo_load.hpp"
#include "bench/network/load.hpp"

namespace {

using namespace network;

template <class Number>
Number parse_number(std::string_view option, std::string_view text) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) {
        throw std::invalid_argument(std::string(option) + " takes a number, not '" + std::string(text) + "'");
    }
    return number;
}

std::vector<pid_t> parse_processes(std::string_view option, std::string_view text) {
    std::vector<pid_t> processes;
    while (!text.empty()) {
        const std::string_view one = text.substr(0, text.find(','));
        processes.push_back(parse_number<pid_t>(option, one));
        text.remove_prefix(std::min(text.size(), one.size() + 1));
    }
    return processes;
}

void parse_option(load_options& options, std::string_view option, std::string_view value) {
    using std::chrono::milliseconds;
    if (option == "--mode") {
        options.mode = value;
    } else if (option == "--port") {
        options.port = parse_number<std::uint16_t>(option, value);
    } else if (option == "--connections") {
        options.connections = parse_number<unsigned>(option, value);
    } else if (option == "--depth") {
        options.depth = parse_number<unsigned>(option, value);
    } else if (option == "--warm-up-ms") {
        options.warm_up = milliseconds(parse_number<unsigned>(option, value));
    } else if (option == "--measure-ms") {
        options.measure = milliseconds(parse_number<unsigned>(option, value));
    } else if (option == "--sample-ms") {
        options.sample = milliseconds(parse_number<unsigned>(option, value));
    } else if (option == "--requests") {
        options.requests = parse_number<std::uint64_t>(option, value);
    } else if (option == "--bytes") {
        options.bytes = parse_number<std::uint64_t>(option, value);
    } else if (option == "--wait") {
        options.wait = true;
    } else if (option == "--server") {
        options.server = parse_processes(option, value);
    } else {
        throw std::invalid_argument("there is no option '" + std::string(option) + "'");
    }
}

load_options parse(int argc, char** argv) {
    load_options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        const std::size_t equals = std::min(argument.find('='), argument.size());
        parse_option(options, argument.substr(0, equals), argument.substr(std::min(equals + 1, argument.size())));
    }
    if (options.port == 0 || options.connections == 0 || options.depth == 0) {
        throw std::invalid_argument("--port, --connections and --depth are positive numbers");
    }
    return options;
}

// Up to the last but 10^-5: as many as a plot shows.
void print_percentiles(const histogram& latency) {
    std::printf(", \"p50\": %llu, \"p90\": %llu, \"p99\": %llu, \"p99_9\": %llu, \"max\": %llu, \"percentiles\": [",
                static_cast<unsigned long long>(latency.percentile(0.5)),
                static_cast<unsigned long long>(latency.percentile(0.9)),
                static_cast<unsigned long long>(latency.percentile(0.99)),
                static_cast<unsigned long long>(latency.percentile(0.999)),
                static_cast<unsigned long long>(latency.largest()));
    double beyond = 1;
    for (int i = 0; i <= 50 && beyond * static_cast<double>(latency.count()) >= 1; ++i) {
        std::printf("%s[%.7g, %llu]", i == 0 ? "" : ", ", 1 - beyond,
                    static_cast<unsigned long long>(latency.percentile(1 - beyond)));
        beyond *= 0.794328;  // ten points for each nine
    }
    std::printf("]");
}

void print(const recorded& r) {
    std::printf("{\"requests\": %llu, \"seconds\": %.9g, \"server_cpu\": %.9g",
                static_cast<unsigned long long>(r.latency.count()), r.seconds, r.server_cpu);
    if (r.samples && r.samples->all > 0) {
        std::printf(", \"samples\": %llu, \"user_share\": %.6g", static_cast<unsigned long long>(r.samples->all),
                    static_cast<double>(r.samples->user) / static_cast<double>(r.samples->all));
    }
    print_percentiles(r.latency);
    std::printf("}\n");
}

// Sends that many bytes; the server answers with their number, in eight bytes, the least significant first.
void sink(std::uint16_t port, std::uint64_t bytes) {
    static const std::array<char, 65536> chunk{};
    const descriptor socket = connected_stream(port);
    for (std::uint64_t left = bytes; left > 0;) {
        const std::size_t size = std::min<std::uint64_t>(left, chunk.size());
        left -= static_cast<std::uint64_t>(checked(::send(socket.get(), chunk.data(), size, MSG_NOSIGNAL), "send"));
    }
    checked(::shutdown(socket.get(), SHUT_WR), "shutdown");
    std::uint64_t counted = 0;
    if (checked(::recv(socket.get(), &counted, sizeof(counted), MSG_WAITALL), "recv") != sizeof(counted) ||
        counted != bytes) {
        throw std::runtime_error("the server has not counted the bytes rightly");
    }
}

void run_sink(const load_options& options) {
    sink(options.port, std::max<std::uint64_t>(1, options.bytes / 16));
    const double before = cpu_seconds(options.server);
    const auto begin = steady::now();
    sink(options.port, options.bytes);
    const double seconds = std::chrono::duration<double>(steady::now() - begin).count();
    std::printf("{\"bytes\": %llu, \"seconds\": %.9g, \"server_cpu\": %.9g}\n",
                static_cast<unsigned long long>(options.bytes), seconds, cpu_seconds(options.server) - before);
}

template <class Condition>
void wait_until(Condition condition) {
    const auto deadline = steady::now() + std::chrono::seconds(20);
    while (!condition()) {
        if (steady::now() > deadline) {
            throw std::runtime_error("the server does not accept all connections within 20 seconds");
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

// Until the server has done what it had to do: it uses less than a thousandth of a processor.
void settle(const std::vector<pid_t>& server) {
    double before = cpu_seconds(server);
    wait_until([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        const double now = cpu_seconds(server);
        return std::exchange(before, now) > now - 0.0002;
    });
}

void run_idle(const load_options& options) {
    settle(options.server);
    const std::size_t files = open_files(options.server);
    const std::size_t memory = resident_memory(options.server);
    std::vector<descriptor> connections;
    while (connections.size() < options.connections) {
        connections.push_back(connected_stream(options.port));
        if (connections.size() % 128 == 0 || connections.size() == options.connections) {
            wait_until([&] { return open_files(options.server) >= files + connections.size(); });
        }
    }
    settle(options.server);
    std::printf("{\"connections\": %u, \"memory_before\": %zu, \"memory_after\": %zu}\n", options.connections, memory,
                resident_memory(options.server));
}

void run_mode(const load_options& options) {
    if (options.mode == "echo" || options.mode == "udp") {
        echo_load l(options);
        print(run(l, options));
    } else if (options.mode == "churn") {
        churn_load l(options);
        print(run(l, options));
    } else if (options.mode == "sink") {
        run_sink(options);
    } else if (options.mode == "idle") {
        run_idle(options);
    } else {
        throw std::invalid_argument("there is no mode '" + options.mode + "'");
    }
}

void allow_many_files() {
    rlimit limit{};
    checked(::getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    checked(::setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

}  // namespace

int main(int argc, char** argv) {
    try {
        allow_many_files();
        run_mode(parse(argc, argv));
        return EXIT_SUCCESS;
    } catch (const std::invalid_argument& error) {
        std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
        return 2;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
        return EXIT_FAILURE;
    }
}
