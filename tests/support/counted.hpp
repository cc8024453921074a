// A value that keeps account of its making and destruction.
#pragma once

#include <atomic>
#include <utility>

namespace test {

struct tally {
    std::atomic<int> made{0};
    std::atomic<int> destroyed{0};

    [[nodiscard]] int alive() const noexcept { return made - destroyed; }
};

class counted {
public:
    explicit counted(tally& t) noexcept : tally_(&t) { ++tally_->made; }
    counted(const counted& other) noexcept : tally_(other.tally_) { ++tally_->made; }
    counted& operator=(const counted&) = default;
    ~counted() {
        // A second destruction finds no tally: AddressSanitizer is not needed to notice it.
        ++std::exchange(tally_, nullptr)->destroyed;
    }

private:
    tally* tally_;
};

}  // namespace test
