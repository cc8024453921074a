#include "records.hpp"

#include <algorithm>
#include <numeric>

#include <nlohmann/json.hpp>

namespace fetch_urls {

namespace {

void put(nlohmann::json& object, const char* key, const std::optional<std::int64_t>& value) {
    if (value) {
        object[key] = *value;
    }
}

void take(const nlohmann::json& object, const char* key, std::optional<std::int64_t>& value) {
    if (const auto found = object.find(key); found != object.end()) {
        value = found->get<std::int64_t>();
    }
}

}  // namespace

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(slice, begin, end)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(effort, level, rounds)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(usage, wall, cpu, voluntary_switches, involuntary_switches, peak_threads,
                                   peak_memory)

std::string_view name_of(way how) {
    switch (how) {
        case way::sequence:
            return "sequence";
        case way::threads:
            return "threads";
        case way::one_worker:
            return "one worker";
        case way::all_workers:
            return "all workers";
    }
    return "unknown";
}

std::uint64_t way_record::bytes() const {
    return std::transform_reduce(fetches.begin(), fetches.end(), std::uint64_t{0}, std::plus<>{},
                                 [](const fetch_record& fetch) { return fetch.bytes; });
}

std::size_t way_record::errors() const {
    const auto failed = std::ranges::count_if(fetches, [](const fetch_record& fetch) { return !fetch.error.empty(); });
    return static_cast<std::size_t>(failed);
}

std::int64_t way_record::work_cpu() const {
    return std::transform_reduce(fetches.begin(), fetches.end(), std::int64_t{0}, std::plus<>{},
                                 [](const fetch_record& fetch) { return fetch.work_cpu; });
}

void to_json(nlohmann::json& json, const job& value) {
    json = {{"how", value.how},
            {"urls", value.urls},
            {"header_bytes", value.limit.header_bytes},
            {"body_bytes", value.limit.body_bytes},
            {"timeout_ms", value.limit.timeout.count()},
            {"work", value.work},
            {"workers", value.workers},
            {"progress", value.progress}};
}

void from_json(const nlohmann::json& json, job& value) {
    json.at("how").get_to(value.how);
    json.at("urls").get_to(value.urls);
    json.at("header_bytes").get_to(value.limit.header_bytes);
    json.at("body_bytes").get_to(value.limit.body_bytes);
    value.limit.timeout = std::chrono::milliseconds(json.at("timeout_ms").get<std::int64_t>());
    json.at("work").get_to(value.work);
    json.at("workers").get_to(value.workers);
    json.at("progress").get_to(value.progress);
}

void to_json(nlohmann::json& json, const fetch_record& value) {
    json = {{"started", value.started},   {"finished", value.finished},
            {"work_cpu", value.work_cpu}, {"on_cpu", value.on_cpu},
            {"lane", value.lane},         {"error", value.error},
            {"bytes", value.bytes},       {"compressed_bytes", value.compressed_bytes},
            {"sha256", value.sha256}};
    put(json, "arrived", value.arrived);
    put(json, "work_began", value.work_began);
    put(json, "work_ended", value.work_ended);
}

void from_json(const nlohmann::json& json, fetch_record& value) {
    json.at("started").get_to(value.started);
    json.at("finished").get_to(value.finished);
    json.at("work_cpu").get_to(value.work_cpu);
    json.at("on_cpu").get_to(value.on_cpu);
    json.at("lane").get_to(value.lane);
    json.at("bytes").get_to(value.bytes);
    json.at("compressed_bytes").get_to(value.compressed_bytes);
    json.at("sha256").get_to(value.sha256);
    json.at("error").get_to(value.error);
    take(json, "arrived", value.arrived);
    take(json, "work_began", value.work_began);
    take(json, "work_ended", value.work_ended);
}

void to_json(nlohmann::json& json, const way_record& value) {
    json = {{"how", value.how}, {"workers", value.workers}, {"used", value.used}, {"fetches", value.fetches}};
}

void from_json(const nlohmann::json& json, way_record& value) {
    json.at("how").get_to(value.how);
    json.at("workers").get_to(value.workers);
    json.at("used").get_to(value.used);
    json.at("fetches").get_to(value.fetches);
}

void to_json(nlohmann::json& json, const server_announcement& value) {
    json = {{"port", value.port}, {"paths", value.paths}};
}

void from_json(const nlohmann::json& json, server_announcement& value) {
    json.at("port").get_to(value.port);
    json.at("paths").get_to(value.paths);
}

}  // namespace fetch_urls
