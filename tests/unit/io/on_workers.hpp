// What the tests of this folder share.
#pragma once

#include <chrono>
#include <utility>

#include <brigade/brigade.hpp>

namespace test {

// Runs `body` on an executor of its own.
template <class F>
void on_workers(unsigned workers, F body) {
    brigade::executor executor({.workers = workers});
    executor.block_on(std::move(body));
}

// On an executor with one worker: the tasks that can run have run, up to where they wait. Events may be under way.
inline brigade::task<> let_others_run() {
    for (int i = 0; i < 3; ++i) {
        co_await brigade::yield();
    }
}

[[nodiscard]] inline std::chrono::steady_clock::time_point now() noexcept {
    return std::chrono::steady_clock::now();
}

}  // namespace test
