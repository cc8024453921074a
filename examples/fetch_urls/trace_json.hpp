// The same timelines as a trace in Chrome's event format, for Perfetto or chrome://tracing.
#pragma once

#include <string>
#include <vector>

#include "records.hpp"

namespace fetch_urls {

// Each way is a process; its workers or threads have a track each, and so has each URL. urls: as in the job.
std::string trace_json(const std::vector<way_record>&, const std::vector<std::string>& urls);

}  // namespace fetch_urls
