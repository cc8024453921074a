#pragma once

namespace fetch_urls {

// 0 to 100: how many URLs failed; 100 also stands for more.
inline constexpr int status_most_failures = 100;
inline constexpr int status_bad_command_line = 101;
// A way died, two ways disagree, or an output file could not be written.
inline constexpr int status_run_failed = 102;

}  // namespace fetch_urls
