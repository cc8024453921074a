// The registrations of a reactor, in slots that never move and are never freed.
//
// Chunk k holds 64 * 2^k slots, so a slot's chunk follows from its index, and the poller finds a slot without a lock
// while another thread adds a chunk.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <brigade/detail/sync.hpp>

#include "io/registration.hpp"

namespace brigade::detail {

class registration_table {
public:
    // A slot that nobody uses. May allocate. Any thread.
    [[nodiscard]] registration& take(registration_home& home) {
        const sync::lock lock(mutex_);
        if (free_.empty()) {
            add_chunk(home);
        }
        registration& slot = *free_.back();
        free_.pop_back();
        return slot;
    }

    // Any thread.
    void give_back(registration& slot) noexcept {
        const sync::lock lock(mutex_);
        free_.push_back(&slot);  // within the capacity that add_chunk() reserved
    }

    // A slot whose index came from take(). Any thread.
    [[nodiscard]] registration& at(std::uint32_t index) const noexcept {
        const std::uint32_t chunk = chunk_of(index);
        // pairs: the release in add_chunk(); the slots are made.
        return chunks_[chunk].load(std::memory_order_acquire)[index - first_of(chunk)];
    }

    [[nodiscard]] std::size_t in_use() const {
        const sync::lock lock(mutex_);
        return first_of(static_cast<std::uint32_t>(owned_.size())) - free_.size();
    }

private:
    static constexpr std::uint32_t smallest = 64;

    static constexpr std::uint32_t chunk_of(std::uint32_t index) noexcept {
        return static_cast<std::uint32_t>(std::bit_width(index / smallest + 1)) - 1;
    }
    static constexpr std::uint32_t first_of(std::uint32_t chunk) noexcept { return smallest * ((1U << chunk) - 1); }

    void add_chunk(registration_home& home) {
        const auto chunk = static_cast<std::uint32_t>(owned_.size());
        const std::uint32_t first = first_of(chunk);
        const std::uint32_t size = smallest << chunk;
        auto slots = std::make_unique<registration[]>(size);
        free_.reserve(first + size);
        owned_.reserve(chunk + 1);  // from here on nothing fails
        for (std::uint32_t i = size; i > 0; --i) {
            slots[i - 1].settle(home, first + i - 1);
            free_.push_back(&slots[i - 1]);
        }
        chunks_.at(chunk).store(slots.get(), std::memory_order_release);  // pairs: at()
        owned_.push_back(std::move(slots));
    }

    mutable sync::mutex mutex_;
    std::vector<registration*> free_;
    std::vector<std::unique_ptr<registration[]>> owned_;
    std::array<sync::atomic<registration*>, 25> chunks_{};  // two billion fds
};

}  // namespace brigade::detail
