// For what no event tells: the pauses between two tries, from 1 ms to 50 ms.
#pragma once

#include <chrono>
#include <expected>
#include <system_error>

#include <brigade/task.hpp>

namespace brigade::detail {

class retry_pause {
public:
    // Each is twice as long as the one before. Error: operation_canceled when the task is stopped.
    [[nodiscard]] task<std::expected<void, std::error_code>> wait();

private:
    std::chrono::milliseconds next_{1};
};

}  // namespace brigade::detail
