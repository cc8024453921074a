#include "decimals.hpp"

#include <array>
#include <charconv>

namespace fetch_urls {

std::string fixed(double value, int decimals) {
    std::array<char, 64> digits{};
    const auto end =
        std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed, decimals).ptr;
    return {digits.data(), end};
}

std::string trimmed(double value, int decimals) {
    std::string written = fixed(value, decimals);
    if (written.contains('.')) {
        written.erase(written.find_last_not_of('0') + 1);
        if (written.ends_with('.')) {
            written.pop_back();
        }
    }
    return written == "-0" ? "0" : written;
}

std::string duration_text(std::int64_t nanoseconds) {
    const double milliseconds = static_cast<double>(nanoseconds) / 1e6;
    if (milliseconds >= 1000) {
        return fixed(milliseconds / 1000, 2) + " s";
    }
    return fixed(milliseconds, milliseconds >= 10 ? 0 : 1) + " ms";
}

}  // namespace fetch_urls
