#include "io/retry_pause.hpp"

#include <algorithm>

#include <brigade/sleep.hpp>
#include <brigade/stop.hpp>

namespace brigade::detail {

task<std::expected<void, std::error_code>> retry_pause::wait() {
    constexpr std::chrono::milliseconds longest{50};
    const std::chrono::milliseconds pause = next_;
    next_ = std::min(2 * pause, longest);
    try {
        co_await sleep_for(pause);
    } catch (const operation_cancelled&) {
        co_return std::unexpected(std::make_error_code(std::errc::operation_canceled));
    }
    co_return {};
}

}  // namespace brigade::detail
