// A count that tasks and threads bring to zero, and for which both can wait.
#pragma once

#include <cstddef>
#include <latch>

#include <brigade/brigade.hpp>

namespace test {

class latch {
public:
    explicit latch(std::ptrdiff_t count = 1) : left_(count) {}

    void count_down() { left_.count_down(); }
    [[nodiscard]] bool reached() const noexcept { return left_.try_wait(); }

    // Blocks the thread.
    void wait() const { left_.wait(); }
    // Lets other tasks run meanwhile. Does not notice a stop.
    brigade::task<> wait_in_task() const {
        while (!reached()) {
            co_await brigade::yield();
        }
    }

private:
    std::latch left_;
};

}  // namespace test
