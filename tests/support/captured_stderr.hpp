// Keeps what the process writes to standard error, and shows it while it grows.
#pragma once

#include <string>

namespace test {

class captured_stderr {
public:
    captured_stderr();
    // Standard error is what it was before.
    ~captured_stderr();
    captured_stderr(const captured_stderr&) = delete;
    captured_stderr& operator=(const captured_stderr&) = delete;

    // What has been written so far. Any thread.
    [[nodiscard]] std::string text() const;

private:
    int file_;
    int original_;
};

}  // namespace test
