#include "executor/frame_page.hpp"

namespace brigade::detail {

// A few at a time, so that a page that is little used is little touched.
bool frame_page::extend() noexcept {
    constexpr std::uint32_t at_once = 16;
    const std::uint32_t block = sizes().block;
    const std::uint32_t end = static_cast<std::uint32_t>(frame_sizes::head) + sizes().blocks * block;
    const std::uint32_t more = std::min(at_once, (end - fresh_) / block);
    if (more == 0) {
        return false;
    }
    // From the back, so that they are taken in the order of their addresses.
    for (std::uint32_t i = more; i > 0; --i) {
        frame_block* const fresh = at((fresh_ + (i - 1) * block) / static_cast<std::uint32_t>(frame_sizes::step));
        frame_block::link(fresh, free_);
        free_ = fresh;
    }
    fresh_ += more * block;
    return true;
}

std::uint32_t frame_page::take(std::uint32_t most, frame_block*& first) noexcept {
    first = free_;
    std::uint32_t count = 0;
    frame_block* last = nullptr;
    for (; count < most && free_ != nullptr; ++count) {
        last = free_;
        free_ = frame_block::after(last);
    }
    if (last != nullptr) {
        frame_block::link(last, nullptr);
    }
    used_ += count;
    return count;
}

bool frame_page::collect(std::uint32_t least) noexcept {
    sync::invariant("FRM2", [this] { return free_ == nullptr; });
    // Relaxed: a look whether it is worth while.
    const std::uint32_t waiting = unpacked(word_.load(std::memory_order_relaxed)).count - counted_;
    if (waiting == 0 || waiting < least) {
        return false;
    }
    // pairs: the compare-exchange in give_back(); the links, and what the freeing threads did with the frames.
    const standing taken =
        unpacked(word_.exchange(packed({.head = 0, .count = 0, .now = state::owned}), std::memory_order_acquire));
    sync::invariant("FRM1", [&taken] { return taken.now == state::owned && taken.head != 0; });
    free_ = at(taken.head);
    used_ -= taken.count - counted_;
    counted_ = 0;
    return true;
}

frame_page::transition frame_page::give_back(frame_block* first, frame_block* last, std::uint32_t count) noexcept {
    const frame_sizes::row& row = sizes();
    const std::size_t offset = reinterpret_cast<std::uintptr_t>(first) - reinterpret_cast<std::uintptr_t>(this);
    const auto head = static_cast<std::uint16_t>(offset / frame_sizes::step);
    std::uint64_t word = word_.load(std::memory_order_relaxed);  // a guess; the exchange decides
    standing before{};
    standing after{};
    do {
        before = unpacked(word);
        sync::invariant("FRM3", [&] {
            return before.now == state::owned || (before.now != state::emptied && before.count + count <= row.blocks);
        });
        frame_block::link(last, at(before.head));
        after = {.head = head, .count = static_cast<std::uint16_t>(before.count + count), .now = before.now};
        if (before.now != state::owned && after.count == row.blocks) {
            after.now = state::emptied;
        } else if (before.now == state::unlisted && after.count >= row.reusable) {
            after.now = state::owned;
        }
        // Release pairs: collect(), leave(), and the acquire here: whoever owns the page next sees the links,
        // and that this thread is done with the frames. Acquire pairs: leave(), for the owner's fields, if the page is
        // now this thread's.
    } while (!word_.compare_exchange_weak(word, packed(after), std::memory_order_acq_rel, std::memory_order_relaxed));
    return {.before = before.now, .after = after.now};
}

frame_page::state frame_page::leave(bool may_list) noexcept {
    const frame_sizes::row& row = sizes();
    const std::uint32_t known = row.blocks - used_;
    const std::uint32_t counted = counted_;
    std::uint64_t word = word_.load(std::memory_order_relaxed);  // a guess; the exchange decides
    standing after{};
    set_owner(nullptr);
    counted_ = known;
    do {
        const standing before = unpacked(word);
        sync::invariant("FRM1", [&before] { return before.now == state::owned; });
        after = {.head = before.head,
                 .count = static_cast<std::uint16_t>(before.count - counted + known),
                 .now = state::unlisted};
        if (after.count == row.blocks) {
            after.now = state::emptied;
        } else if (after.count >= row.reusable) {
            if (!may_list) {
                counted_ = counted;
                return state::owned;
            }
            after.now = state::listed;
        }
        // Release pairs: give_back(), for the owner's fields. Acquire pairs: give_back(), if emptied.
    } while (!word_.compare_exchange_weak(word, packed(after), std::memory_order_acq_rel, std::memory_order_relaxed));
    return after.now;
}

bool frame_page::claim() noexcept {
    std::uint64_t word = word_.load(std::memory_order_relaxed);  // a guess; the exchange decides
    standing after{};
    do {
        after = unpacked(word);
        if (after.now != state::listed) {
            return false;
        }
        after.now = state::owned;
        // Relaxed: the page became listed under the lock that the caller holds, which hands on the owner's fields, and
        // the exchange in collect() hands on the blocks.
    } while (!word_.compare_exchange_weak(word, packed(after), std::memory_order_relaxed, std::memory_order_relaxed));
    return true;
}

}  // namespace brigade::detail
