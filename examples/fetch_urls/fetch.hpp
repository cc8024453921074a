#pragma once

#include "options.hpp"

namespace fetch_urls {

// The main job: fetches in every way that was asked for, and reports. Returns the exit status.
int fetch(const fetch_options&);

}  // namespace fetch_urls
