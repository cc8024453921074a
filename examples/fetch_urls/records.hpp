#pragma once

// What the processes of one run tell each other: a job goes to the child that fetches in one way, a record of
// everything that happened comes back. Both travel as JSON.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace fetch_urls {

enum class way : std::uint8_t { sequence, threads, one_worker, all_workers };

inline constexpr std::array all_ways{way::sequence, way::threads, way::one_worker, way::all_workers};

// As in the table: "sequence", "threads", "one worker", "all workers".
std::string_view name_of(way);

struct limits {
    std::size_t header_bytes = 16 * 1024;
    std::uint64_t body_bytes = 64 * 1024 * 1024;
    std::chrono::milliseconds timeout{10'000};  // from the start of a fetch to the last byte of its body
};

// How much the CPU does to each document.
struct effort {
    int level = 22;       // of zstd, its strongest
    unsigned rounds = 1;  // how many times the document is compressed
};

struct job {
    way how = way::sequence;
    std::vector<std::string> urls;
    limits limit;
    effort work;
    unsigned workers = 0;  // for all_workers; 0: as many as the process may use
    bool progress = false;
};

// A stretch of time, in nanoseconds since the way began.
struct slice {
    std::int64_t begin = 0;
    std::int64_t end = 0;
};

// One fetch. Times are nanoseconds since the way began; those of phases that were not reached are absent.
struct fetch_record {
    std::int64_t started = 0;                // began to resolve, connect, send and wait
    std::optional<std::int64_t> arrived;     // the last byte of the response was there
    std::optional<std::int64_t> work_began;  // a thread took the document up
    std::optional<std::int64_t> work_ended;
    std::int64_t finished = 0;
    std::int64_t work_cpu = 0;  // CPU time of the thread from work_began to work_ended, ns
    std::vector<slice> on_cpu;  // when, in between, the thread really had a CPU
    unsigned lane = 0;          // the thread or worker that did the work
    std::uint64_t bytes = 0;
    std::uint64_t compressed_bytes = 0;
    std::string sha256;  // in hexadecimal
    std::string error;   // empty: it succeeded
};

struct usage {
    std::int64_t wall = 0;  // ns
    std::int64_t cpu = 0;   // ns, user and system
    std::int64_t voluntary_switches = 0;
    std::int64_t involuntary_switches = 0;
    std::int64_t peak_threads = 0;
    std::int64_t peak_memory = 0;  // bytes
};

struct way_record {
    way how = way::sequence;
    unsigned workers = 0;  // 0: this way has none
    usage used;
    std::vector<fetch_record> fetches;  // in the order of the job's URLs

    std::uint64_t bytes() const;
    std::size_t errors() const;
    std::int64_t work_cpu() const;
};

// What the embedded server says once it listens.
struct server_announcement {
    std::uint16_t port = 0;
    std::vector<std::string> paths;  // of its documents, percent-encoded
};

void to_json(nlohmann::json&, const job&);
void from_json(const nlohmann::json&, job&);
void to_json(nlohmann::json&, const fetch_record&);
void from_json(const nlohmann::json&, fetch_record&);
void to_json(nlohmann::json&, const way_record&);
void from_json(const nlohmann::json&, way_record&);
void to_json(nlohmann::json&, const server_announcement&);
void from_json(const nlohmann::json&, server_announcement&);

}  // namespace fetch_urls
