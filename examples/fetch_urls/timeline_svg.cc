#include "timeline_svg.hpp"

#include <algorithm>
#include <sstream>

#include <pugixml.hpp>

#include "decimals.hpp"
#include "svg_elements.hpp"
#include "time_axis.hpp"
#include "timeline_marks.hpp"

namespace fetch_urls {

namespace {

constexpr double page_width = 1200;
constexpr double plot_left = 96;
constexpr double plot_width = page_width - plot_left - 36;
constexpr double first_panel_top = 122;
constexpr double heading_height = 30;
constexpr double panel_gap = 34;
constexpr double axis_height = 56;

// A way that takes less than this share of the axis is drawn a second time, magnified, where the axis has room.
constexpr double magnify_below = 0.3;
constexpr double magnified_ticks_height = 20;

constexpr const char* style_sheet = R"(
text { font-family: "Inter", "Segoe UI", "Helvetica Neue", "DejaVu Sans", Arial, sans-serif; fill: #1f2328; }
.title { font-size: 22px; font-weight: 600; }
.subtitle { font-size: 13.5px; fill: #57606a; }
.legend { font-size: 13px; }
.heading { font-size: 16px; font-weight: 600; }
.figures { font-size: 13.5px; font-weight: 400; fill: #57606a; }
.label { font-size: 11.5px; fill: #57606a; text-anchor: end; }
.tick { font-size: 12px; fill: #57606a; text-anchor: middle; }
.page { fill: #ffffff; }
.frame { fill: #ffffff; stroke: #c4cad1; stroke-width: 1; }
.lens { fill: #eef1f4; }
.grid { stroke: #e3e7eb; stroke-width: 1; }
.axis { stroke: #57606a; stroke-width: 1; }
.end { stroke: #1f2328; stroke-width: 1; stroke-dasharray: 3 2; }
)";

std::string heading_of(const way_record& record) {
    switch (record.how) {
        case way::sequence:
            return "One after another";
        case way::threads:
            return "A thread each";
        case way::one_worker:
            return "Coroutines on one worker";
        case way::all_workers:
            return "Coroutines on all workers (" + std::to_string(record.workers) + ")";
    }
    return "";
}

std::string figures_of(const way_record& record) {
    const usage& used = record.used;
    const std::string threads = std::to_string(used.peak_threads) + (used.peak_threads == 1 ? " thread" : " threads");
    return duration_text(used.wall) + " in all   ·   " + duration_text(used.cpu) + " of CPU   ·   " + threads +
           "   ·   " + std::to_string(used.voluntary_switches + used.involuntary_switches) + " context switches";
}

// What the page's panels have in common.
struct page {
    pugi::xml_node root;
    time_axis axis;
    time_axis magnified;
};

std::int64_t longest_of(const std::vector<way_record>& records, std::int64_t limit) {
    std::int64_t longest = 0;
    for (const way_record& record : records) {
        if (record.used.wall <= limit) {
            longest = std::max(longest, record.used.wall);
        }
    }
    return longest;
}

std::int64_t magnification_limit(const std::vector<way_record>& records) {
    return static_cast<std::int64_t>(magnify_below * static_cast<double>(longest_of(records, INT64_MAX)));
}

bool any_failed(const std::vector<way_record>& records) {
    return std::ranges::any_of(records, [](const way_record& record) { return record.errors() != 0; });
}

void draw_legend(pugi::xml_node root, double y, bool with_failed) {
    struct entry {
        const char* colour;
        const char* text;
        double width;
    };
    std::vector<entry> entries{{colour::waiting, "waiting for the network", 206},
                               {colour::ready, "ready, but no worker or CPU is free", 290},
                               {colour::computing, "computing", 122},
                               {colour::idle, "worker idle", 122}};
    if (with_failed) {
        entries.push_back({colour::failed, "failed", 100});
    }
    double x = plot_left;
    for (const auto& [colour_code, label, width] : entries) {
        svg::bars swatch;
        swatch.add(x, y, 22);
        swatch.draw(root, 12, colour_code);
        svg::text(root, {x + 30, y + 4.5}, "legend", label);
        x += width;
    }
}

void draw_marks(const page& on, const way_record& record, const way_layout& layout, const time_axis& axis, double top) {
    pugi::xml_node root = on.root;
    pugi::xml_node group = root.append_child("g");
    draw_lanes(group, record, layout, axis, top);
    draw_rows(group, record, layout, axis, top);
    const double end = axis.at(record.used.wall);
    svg::line(group, {end, top - 4}, {end, top + layout.height + 2}, "end");
}

void draw_magnified(const page& on, const way_record& record, const way_layout& layout, double top) {
    const double bottom = top + layout.height;
    const double left = on.magnified.left() - 10;
    const double right_of_original = on.axis.at(record.used.wall);
    svg::polygon(on.root,
                 {{right_of_original, top - 2},
                  {left, top - 8},
                  {left, bottom + magnified_ticks_height},
                  {right_of_original, bottom + 2}},
                 "lens");
    svg::rectangle(on.root,
                   {left, top - 8, on.magnified.right() - left + 22, layout.height + 8 + magnified_ticks_height},
                   "frame");
    for (const time_axis::tick& tick : on.magnified.ticks()) {
        svg::line(on.root, {tick.x, top - 4}, {tick.x, bottom + 4}, "grid");
        svg::text(on.root, {tick.x, bottom + 16}, "tick", tick.label);
    }
    draw_marks(on, record, layout, on.magnified, top);
}

void draw_labels(const page& on, const way_record& record, const way_layout& layout, double top) {
    for (std::size_t lane = 0; lane < layout.lane_labels.size(); ++lane) {
        const double y = top + layout.lane_pitch * static_cast<double>(lane) + layout.lane_height / 2 + 4;
        svg::text(on.root, {plot_left - 8, y}, "label", layout.lane_labels[lane]);
    }
    const double rows_middle = top + (layout.rows_top + layout.height) / 2;
    svg::text(on.root, {plot_left - 8, rows_middle}, "label", std::to_string(record.fetches.size()) + " URLs");
    svg::text(on.root, {plot_left - 8, rows_middle + 14}, "label", record.how == way::threads ? "and threads" : "");
}

// Returns the panel's height.
double draw_panel(const page& on, const way_record& record, bool magnify, double top) {
    svg::text(on.root, {plot_left, top + 12}, "heading", heading_of(record), "figures", figures_of(record));

    const way_layout layout(record);
    const double marks_top = top + heading_height;
    draw_labels(on, record, layout, marks_top);
    draw_marks(on, record, layout, on.axis, marks_top);
    if (!magnify) {
        return heading_height + layout.height;
    }
    draw_magnified(on, record, layout, marks_top);
    return heading_height + layout.height + magnified_ticks_height;
}

double page_height(const std::vector<way_record>& records, std::int64_t magnified_up_to) {
    double height = first_panel_top + axis_height;
    for (const way_record& record : records) {
        height += heading_height + way_layout(record).height + panel_gap;
        height += record.used.wall <= magnified_up_to ? magnified_ticks_height : 0;
    }
    return height;
}

pugi::xml_node start_page(pugi::xml_document& document, double height, const std::string& subtitle) {
    pugi::xml_node root = document.append_child("svg");
    root.append_attribute("xmlns") = "http://www.w3.org/2000/svg";
    root.append_attribute("viewBox") = ("0 0 " + trimmed(page_width, 2) + " " + trimmed(height, 2)).c_str();
    root.append_attribute("width") = trimmed(page_width, 2).c_str();
    root.append_attribute("height") = trimmed(height, 2).c_str();
    root.append_attribute("role") = "img";
    root.append_child("title").text() = "Timelines of fetching URLs in several ways";
    root.append_child("desc").text() = subtitle.c_str();
    root.append_child("style").text() = style_sheet;
    svg::rectangle(root, {0, 0, page_width, height}, "page");
    return root;
}

void draw_axis(const page& on, double top, double bottom, bool any_magnified) {
    for (const time_axis::tick& tick : on.axis.ticks()) {
        svg::line(on.root, {tick.x, top}, {tick.x, bottom}, "grid");
        svg::line(on.root, {tick.x, bottom}, {tick.x, bottom + 5}, "axis");
        svg::text(on.root, {tick.x, bottom + 19}, "tick", tick.label);
    }
    svg::line(on.root, {on.axis.left(), bottom}, {on.axis.right(), bottom}, "axis");
    svg::text(
        on.root, {(on.axis.left() + on.axis.right()) / 2, bottom + 40}, "tick",
        any_magnified ? "time since the way began; what is framed is the same, magnified" : "time since the way began");
}

}  // namespace

std::string timeline_svg(const std::vector<way_record>& records, const std::string& subtitle) {
    const std::int64_t magnified_up_to = magnification_limit(records);
    const double height = page_height(records, magnified_up_to);
    pugi::xml_document document;
    const double magnified_left = plot_left + plot_width * (magnify_below + 0.04);
    const page on{start_page(document, height, subtitle),
                  time_axis(plot_left, plot_width, longest_of(records, INT64_MAX), 8),
                  time_axis(magnified_left, plot_left + plot_width - 10 - magnified_left,
                            longest_of(records, magnified_up_to), 8)};
    svg::text(on.root, {plot_left, 40}, "title", "The same URLs, fetched and worked on in different ways");
    svg::text(on.root, {plot_left, 63}, "subtitle", subtitle);
    draw_legend(on.root, 90, any_failed(records));
    draw_axis(on, first_panel_top, height - axis_height, longest_of(records, magnified_up_to) != 0);
    double top = first_panel_top;
    for (const way_record& record : records) {
        top += draw_panel(on, record, record.used.wall <= magnified_up_to, top) + panel_gap;
    }
    std::ostringstream written;
    document.save(written, " ");
    return written.str();
}

}  // namespace fetch_urls
