// The bars of one way on one time axis: a lane for each worker or thread that computes, and a row for each URL.
#pragma once

#include <string>
#include <vector>

#include <pugixml.hpp>

#include "records.hpp"
#include "time_axis.hpp"

namespace fetch_urls {

namespace colour {
inline constexpr const char* waiting = "#b4d4ec";  // for the network
inline constexpr const char* ready = "#f7dfa0";    // for a worker, or a thread for a CPU
inline constexpr const char* computing = "#c43e00";
inline constexpr const char* idle = "#ebebeb";  // a worker with nothing to compute
inline constexpr const char* failed = "#222222";
}  // namespace colour

// How much room the lanes and rows of a way take.
struct way_layout {
    explicit way_layout(const way_record&);

    std::vector<std::string> lane_labels;  // none for a thread each: there the rows are the threads
    double lane_height = 11;
    double lane_pitch = 14;
    double row_height = 2;
    double rows_top = 0;  // below the top of the lanes
    double height = 0;    // lanes and rows together
};

void draw_lanes(pugi::xml_node parent, const way_record&, const way_layout&, const time_axis&, double top);
void draw_rows(pugi::xml_node parent, const way_record&, const way_layout&, const time_axis&, double top);

}  // namespace fetch_urls
