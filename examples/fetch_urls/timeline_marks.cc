#include "timeline_marks.hpp"

#include <algorithm>
#include <cstddef>

#include "svg_elements.hpp"

namespace fetch_urls {

namespace {

constexpr std::size_t most_labelled_lanes = 8;

double row_height_for(std::size_t rows) {
    static constexpr double all_rows = 200;
    return std::min(all_rows / static_cast<double>(std::max<std::size_t>(rows, 1)), 6.0);
}

void add(svg::bars& bars, const time_axis& axis, double y, std::int64_t from, std::int64_t to) {
    bars.add(axis.at(from), y, axis.at(to) - axis.at(from));
}

// Where the kernel had taken the CPU away, what is "ready" shows through.
void add_work(svg::bars& ready, svg::bars& computing, const time_axis& axis, double y, const fetch_record& fetch) {
    if (!fetch.work_began || !fetch.work_ended) {
        return;
    }
    if (fetch.on_cpu.size() > 1) {
        add(ready, axis, y, *fetch.work_began, *fetch.work_ended);
    }
    for (const slice& stretch : fetch.on_cpu) {
        add(computing, axis, y, stretch.begin, stretch.end);
    }
}

}  // namespace

way_layout::way_layout(const way_record& record) : row_height(row_height_for(record.fetches.size())) {
    if (record.how == way::sequence) {
        lane_labels.emplace_back("thread");
    }
    for (unsigned i = 0; i < record.workers; ++i) {
        lane_labels.push_back("worker " + std::to_string(i));
    }
    if (lane_labels.size() > most_labelled_lanes) {
        lane_height = 4;
        lane_pitch = 5;
        std::ranges::fill(lane_labels, "");
        lane_labels.front() = std::to_string(record.workers) + " workers";
    }
    rows_top = lane_labels.empty() ? 0 : lane_pitch * static_cast<double>(lane_labels.size()) + 4;
    height = rows_top + row_height * static_cast<double>(record.fetches.size());
}

void draw_lanes(pugi::xml_node parent, const way_record& record, const way_layout& layout, const time_axis& axis,
                double top) {
    const auto middle = [&](std::size_t lane) {
        return top + layout.lane_pitch * static_cast<double>(lane) + layout.lane_height / 2;
    };
    svg::bars idle;
    svg::bars waiting;
    svg::bars ready;
    svg::bars computing;
    for (std::size_t lane = 0; lane < layout.lane_labels.size(); ++lane) {
        add(idle, axis, middle(lane), 0, record.used.wall);
    }
    for (const fetch_record& fetch : record.fetches) {
        if (fetch.lane >= layout.lane_labels.size()) {
            continue;
        }
        if (record.workers == 0) {  // whoever fetches stands waiting
            add(waiting, axis, middle(fetch.lane), fetch.started, fetch.arrived.value_or(fetch.finished));
        }
        add_work(ready, computing, axis, middle(fetch.lane), fetch);
    }
    idle.draw(parent, layout.lane_height, colour::idle);
    waiting.draw(parent, layout.lane_height, colour::waiting);
    ready.draw(parent, layout.lane_height, colour::ready);
    computing.draw(parent, layout.lane_height, colour::computing);
}

void draw_rows(pugi::xml_node parent, const way_record& record, const way_layout& layout, const time_axis& axis,
               double top) {
    svg::bars waiting;
    svg::bars ready;
    svg::bars computing;
    svg::bars failed;
    double y = top + layout.rows_top + layout.row_height / 2;
    for (const fetch_record& fetch : record.fetches) {
        add(waiting, axis, y, fetch.started, fetch.arrived.value_or(fetch.finished));
        if (fetch.arrived && fetch.work_began) {
            add(ready, axis, y, *fetch.arrived, *fetch.work_began);
        }
        add_work(ready, computing, axis, y, fetch);
        if (!fetch.error.empty()) {
            failed.add(axis.at(fetch.finished) - 1, y, 4);
        }
        y += layout.row_height;
    }
    waiting.draw(parent, layout.row_height, colour::waiting);
    ready.draw(parent, layout.row_height, colour::ready);
    computing.draw(parent, layout.row_height, colour::computing);
    failed.draw(parent, layout.row_height, colour::failed);
}

}  // namespace fetch_urls
