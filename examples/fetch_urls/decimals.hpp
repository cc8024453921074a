// Numbers as text.
#pragma once

#include <cstdint>
#include <string>

namespace fetch_urls {

// With exactly `decimals` of them: "12.50".
std::string fixed(double value, int decimals);
// With at most `decimals` of them and no trailing zeros: "12.5", "3".
std::string trimmed(double value, int decimals);
// "6.21 s", "52 ms".
std::string duration_text(std::int64_t nanoseconds);

}  // namespace fetch_urls
