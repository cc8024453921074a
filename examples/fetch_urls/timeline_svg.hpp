// The picture: the ways' timelines under each other on one time axis, as SVG.
#pragma once

#include <string>
#include <vector>

#include "records.hpp"

namespace fetch_urls {

// subtitle: what was fetched, in a line. The result is a complete document.
std::string timeline_svg(const std::vector<way_record>&, const std::string& subtitle);

}  // namespace fetch_urls
