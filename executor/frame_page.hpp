// One page of frame memory: blocks of one size, and the word by which threads pass them and the page itself on.
//
// The states of a page, in its word beside the list of blocks that came back and their count:
//
//   owned      a heap allocates from it and frees into it, by plain loads and stores; everybody else pushes onto the
//              word's list
//   unlisted   nobody's, with few free blocks or none. Whoever brings it to `reusable` free blocks owns it then
//   listed     nobody's, with enough free blocks to be worth a heap's while; stands in the pool's list for its size
//   emptied    no block is in use; whoever brought it there takes it out of the pool's list, if it was in one, and is
//              the only one to touch it
//
//   owned ----- leave() ------> unlisted, listed, or emptied: by the number of free blocks
//   unlisted -- give_back() --> owned, emptied
//   listed ---- claim() ------> owned
//   listed ---- give_back() --> emptied
//
//   FRM1  States change by a compare-exchange of the word and no other way, so each change has one author.
//   FRM2  What is not atomic belongs to the owner. The links of a listed page belong to the pool's lock; a page becomes
//         listed under that lock.
//   FRM3  A page in which a block is in use, or in a magazine, is not emptied: its count is
//         less than its blocks. So whoever still has a block may look at the page's head, up to the compare-exchange
//         that gives it back; and after that only if it made the page its own.
//   FRM4  The count says: of an owned page, how many blocks came back by the list, plus `counted_`, so it may be up to
//         twice the number of blocks; of any other, how many blocks are free in all.
//
// The list is pushed onto by anyone and taken as a whole by one, the owner, so a stale head does no harm (no ABA): what
// a push reads it does not follow.
//
// The head takes two cache lines: what the owner writes each time, and what other threads read and write.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

#include <brigade/detail/frame_memory.hpp>
#include <brigade/detail/sync.hpp>

namespace brigade::detail {

class frame_heap;

class alignas(sync::cache_line) frame_page {
public:
    enum class state : std::uint32_t { owned, unlisted, listed, emptied };

    // Of the block, or of anything inside it.
    [[nodiscard]] static frame_page* of(void* block) noexcept {
        const std::size_t offset = reinterpret_cast<std::uintptr_t>(block) & (frame_sizes::page - 1);
        return reinterpret_cast<frame_page*>(static_cast<std::byte*>(block) - offset);
    }

    // The only one who knows this page gets it, all blocks free, for blocks of that class.
    void format(unsigned size_class, frame_heap* owner) noexcept {
        free_ = nullptr;
        fresh_ = frame_sizes::head;
        used_ = 0;
        counted_ = 0;
        size_class_ = size_class;
        // Relaxed: nobody has a block of it, and whoever is given one has synchronized with the giver.
        owner_.store(owner, std::memory_order_relaxed);
        word_.store(packed({.head = 0, .count = 0, .now = state::owned}), std::memory_order_relaxed);
        sync::retire(this, frame_sizes::page, frame_sizes::head);
    }

    // Any thread that has a block of the page (FRM3). Relaxed: the answer is this thread's heap only if this thread
    // wrote it.
    [[nodiscard]] bool belongs_to(const frame_heap* heap) const noexcept {
        return owner_.load(std::memory_order_relaxed) == heap;
    }
    [[nodiscard]] unsigned size_class() const noexcept { return size_class_; }
    [[nodiscard]] const frame_sizes::row& sizes() const noexcept { return frame_sizes::table.rows[size_class_]; }

    // The owner. Makes that there are blocks at hand. False when there are none, or came back fewer than `least`.
    [[nodiscard]] bool refill(std::uint32_t least) noexcept { return free_ != nullptr || extend() || collect(least); }
    // The owner. Takes up to `most` of the blocks at hand and says how many.
    [[nodiscard]] std::uint32_t take(std::uint32_t most, frame_block*& first) noexcept;
    // The owner.
    void put(frame_block* first, frame_block* last, std::uint32_t count) noexcept {
        frame_block::link(last, free_);
        free_ = first;
        used_ -= count;
    }
    // The owner. Whether no block is in use: all that are not at hand have come back by the list.
    [[nodiscard]] bool is_unused() const noexcept {
        // pairs: the compare-exchange in give_back(); whoever uses the memory next comes after those who freed it.
        return unpacked(word_.load(std::memory_order_acquire)).count - counted_ == used_;
    }
    void set_owner(frame_heap* heap) noexcept {
        owner_.store(heap, std::memory_order_relaxed);  // as in format()
    }

    struct transition {
        state before;
        state after;
    };
    // Any thread: the run of `count` blocks from `first` to `last` goes to the page's list. What the caller then has
    // to do follows from the states; unless they differ, the page may be gone (FRM3).
    transition give_back(frame_block* first, frame_block* last, std::uint32_t count) noexcept;
    // The owner gives the page up, and may not touch it any more unless the answer is `emptied`, or is `owned`: that is
    // when it should be listed, and `may_list` was false.
    state leave(bool may_list) noexcept;
    // Under the pool's lock. False when the page is listed no more: whoever emptied it is coming for it.
    [[nodiscard]] bool claim() noexcept;

    // Links of the list that it is in: of the owner's, or of the pool's under its lock (FRM2).
    frame_page* previous = nullptr;
    frame_page* next = nullptr;

private:
    struct standing {
        std::uint16_t head;  // of the list, in steps from the beginning of the page; 0 is none
        std::uint16_t count;
        state now;
    };
    static_assert(std::has_unique_object_representations_v<standing>);
    static constexpr std::uint64_t packed(standing s) noexcept { return std::bit_cast<std::uint64_t>(s); }
    static constexpr standing unpacked(std::uint64_t word) noexcept { return std::bit_cast<standing>(word); }

    [[nodiscard]] frame_block* at(std::uint32_t steps) noexcept {
        return steps == 0
                   ? nullptr
                   : reinterpret_cast<frame_block*>(reinterpret_cast<std::byte*>(this) + steps * frame_sizes::step);
    }
    [[nodiscard]] bool extend() noexcept;
    [[nodiscard]] bool collect(std::uint32_t least) noexcept;

    // The owner's line.
    frame_block* free_ = nullptr;  // the blocks at hand
    std::uint32_t used_ = 0;       // blocks neither at hand nor fresh: also those on the word's list
    std::uint32_t fresh_ = 0;      // where the blocks begin that were never used
    std::uint32_t counted_ = 0;    // what leave() added to the count and collect() has not yet taken off it

    // Everybody's line.
    alignas(sync::cache_line) sync::atomic<std::uint64_t> word_{0};
    sync::atomic<frame_heap*> owner_{nullptr};
    std::uint32_t size_class_ = 0;  // does not change while a block is in use
};
static_assert(sizeof(frame_page) == frame_sizes::head);

}  // namespace brigade::detail
