#include "trace_json.hpp"

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

namespace fetch_urls {

namespace {

using nlohmann::json;

double microseconds(std::int64_t nanoseconds) {
    return static_cast<double>(nanoseconds) / 1000;
}

json metadata(const char* name, int pid, const char* key, json value) {
    return {{"ph", "M"}, {"name", name}, {"pid", pid}, {"tid", 0}, {"args", {{key, std::move(value)}}}};
}

std::string lane_name(const way_record& record, unsigned lane) {
    if (record.how == way::sequence) {
        return "thread";
    }
    return (record.how == way::threads ? "thread " : "worker ") + std::to_string(lane);
}

void add_names(json& events, const way_record& record, int pid) {
    events.push_back(metadata("process_name", pid, "name", std::string(name_of(record.how))));
    events.push_back(metadata("process_sort_index", pid, "sort_index", pid));
    std::set<unsigned> lanes;
    for (const fetch_record& fetch : record.fetches) {
        lanes.insert(fetch.lane);
    }
    for (const unsigned lane : lanes) {
        json name = metadata("thread_name", pid, "name", lane_name(record, lane));
        name["tid"] = lane + 1;
        events.push_back(std::move(name));
    }
}

void add_event(json& events, const char* phase, const char* name, int pid, unsigned lane, std::int64_t time) {
    events.push_back(
        {{"ph", phase}, {"name", name}, {"cat", "work"}, {"pid", pid}, {"tid", lane + 1}, {"ts", microseconds(time)}});
}

void add_work(json& events, const fetch_record& fetch, const std::string& url, int pid) {
    add_event(events, "B", "hash and compress", pid, fetch.lane, *fetch.work_began);
    events.back()["args"] = {{"url", url},
                             {"bytes", fetch.bytes},
                             {"compressed", fetch.compressed_bytes},
                             {"cpu_us", microseconds(fetch.work_cpu)}};
    if (fetch.on_cpu.size() > 1) {  // the kernel had given the CPU to others in between
        for (const slice& stretch : fetch.on_cpu) {
            add_event(events, "B", "on a CPU", pid, fetch.lane, stretch.begin);
            add_event(events, "E", "on a CPU", pid, fetch.lane, stretch.end);
        }
    }
    add_event(events, "E", "hash and compress", pid, fetch.lane, *fetch.work_ended);
}

// What the threads and workers computed, in the order of time, as the format wants it.
void add_work(json& events, const way_record& record, const std::vector<std::string>& urls, int pid) {
    std::vector<std::size_t> worked_on;
    for (std::size_t i = 0; i < record.fetches.size(); ++i) {
        if (record.fetches[i].work_began && record.fetches[i].work_ended) {
            worked_on.push_back(i);
        }
    }
    std::ranges::sort(worked_on, {}, [&](std::size_t i) { return record.fetches[i].work_began; });
    for (const std::size_t i : worked_on) {
        add_work(events, record.fetches[i], urls.at(i), pid);
    }
}

void add_span(json& events, json common, const char* name, std::int64_t from, std::int64_t to) {
    common["name"] = name;
    common["ph"] = "b";
    common["ts"] = microseconds(from);
    events.push_back(common);
    common["ph"] = "e";
    common["ts"] = microseconds(to);
    events.push_back(std::move(common));
}

// A fetch is not tied to a thread: its spans are asynchronous ones, nested by their id.
void add_fetch(json& events, const fetch_record& fetch, const std::string& url, int pid, std::size_t id) {
    json common{{"cat", "fetch"}, {"pid", pid}, {"tid", 0}, {"id", id}};
    json whole = common;
    whole.update({{"name", url}, {"ph", "b"}, {"ts", microseconds(fetch.started)}});
    if (!fetch.error.empty()) {
        whole["args"] = {{"error", fetch.error}};
    }
    events.push_back(whole);
    add_span(events, common, "waiting", fetch.started, fetch.arrived.value_or(fetch.finished));
    if (fetch.arrived && fetch.work_began && fetch.work_ended) {
        add_span(events, common, "ready", *fetch.arrived, *fetch.work_began);
        add_span(events, common, "computing", *fetch.work_began, *fetch.work_ended);
    }
    whole.erase("args");
    whole.update({{"ph", "e"}, {"ts", microseconds(fetch.finished)}});
    events.push_back(std::move(whole));
}

}  // namespace

std::string trace_json(const std::vector<way_record>& records, const std::vector<std::string>& urls) {
    json events = json::array();
    std::size_t id = 0;
    int pid = 0;
    for (const way_record& record : records) {
        ++pid;
        add_names(events, record, pid);
        add_work(events, record, urls, pid);
        for (std::size_t i = 0; i < record.fetches.size(); ++i) {
            add_fetch(events, record.fetches[i], urls.at(i), pid, ++id);
        }
    }
    const json trace{{"displayTimeUnit", "ms"}, {"traceEvents", std::move(events)}};
    return trace.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace fetch_urls
