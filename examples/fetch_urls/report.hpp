// What the run prints: the table, whether the ways took the time that they should, and the errors.
#pragma once

#include <chrono>
#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

#include "records.hpp"

namespace fetch_urls {

void print_table(std::ostream&, const std::vector<way_record>&);

// For documents that all take the same oven time: how the wall times compare with what waiting and computing allow.
void print_findings(std::ostream&, const std::vector<way_record>&, std::chrono::milliseconds oven);

// A line for each URL that failed in any way. Returns how many there are.
std::size_t print_errors(std::ostream&, const std::vector<way_record>&, const std::vector<std::string>& urls);

// A line for each URL that gave different documents in two ways. Returns how many there are.
std::size_t print_disagreements(std::ostream&, const std::vector<way_record>&, const std::vector<std::string>& urls);

}  // namespace fetch_urls
