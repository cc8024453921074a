// Memory for coroutine frames, as far as it is inlined into coroutines: a thread's magazines, from which it takes a
// block and onto which it puts one. What stands behind them is in executor/frame_memory.hpp. Any thread may free what
// any other has allocated.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>

#include <brigade/detail/compiler.hpp>
#include <brigade/detail/sync.hpp>

namespace brigade::detail {

// Sizes of blocks: steps of 64 bytes up to 1 KiB, where nearly all frames are, then of 256 up to 2 KiB, then 1 KiB.
// 64 because a frame should not share its first line with another.
namespace frame_sizes {

inline constexpr std::size_t step = 64;
inline constexpr std::size_t page = sync::sizes.frame_page;
inline constexpr std::size_t head = 2 * sync::cache_line;
inline constexpr std::size_t largest = std::min<std::size_t>(4096, (page - head) / 4 / step * step);
static_assert(std::has_single_bit(page) && page / step <= 0x7fff && largest >= step);

// Not for 0: no frame is empty.
[[nodiscard]] constexpr unsigned class_of(std::size_t size) noexcept {
    if (size <= 1024) [[likely]] {
        return static_cast<unsigned>((size - 1) / step);
    }
    return static_cast<unsigned>(size <= 2048 ? 15 + (size - 1024 + 255) / 256 : 19 + (size - 2048 + 1023) / 1024);
}
[[nodiscard]] constexpr std::size_t block_of(unsigned size_class) noexcept {
    if (size_class < 16) {
        return (size_class + 1) * step;
    }
    return size_class < 20 ? 1024 + (size_class - 15) * std::size_t{256} : 2048 + (size_class - 19) * std::size_t{1024};
}

inline constexpr unsigned classes = class_of(largest) + 1;

struct row {
    std::uint32_t block;     // bytes
    std::uint32_t blocks;    // in a page
    std::uint32_t reusable;  // so many free ones make a page without an owner worth listing
    std::uint32_t magazine;  // so many are moved together
};
inline constexpr auto table = [] {
    struct {
        row rows[classes];
    } all{};
    for (unsigned c = 0; c < classes; ++c) {
        const std::size_t blocks = (page - head) / block_of(c);
        const std::size_t quarter = std::max<std::size_t>(1, blocks / 4);
        all.rows[c] = {.block = static_cast<std::uint32_t>(block_of(c)),
                       .blocks = static_cast<std::uint32_t>(blocks),
                       .reusable = static_cast<std::uint32_t>(quarter),
                       .magazine = static_cast<std::uint32_t>(std::min(quarter, sync::sizes.frame_magazine))};
    }
    return all;
}();

}  // namespace frame_sizes

// A block that is free. Its link is readable only between sync::reuse() and sync::retire().
struct frame_block {
    frame_block* next;

    [[nodiscard]] static frame_block* after(frame_block* block) noexcept {
        sync::reuse(block, sizeof(frame_block));
        frame_block* const next = block->next;
        sync::retire(block, sizeof(frame_block), 0);
        return next;
    }
    // Makes of a frame a free block in front of another.
    [[nodiscard]] static frame_block* made_of(void* frame, unsigned size_class, frame_block* next) noexcept {
        auto* const block = ::new (frame) frame_block{next};
        sync::retire(block, frame_sizes::table.rows[size_class].block, 0);
        return block;
    }
    static void link(frame_block* from, frame_block* to) noexcept {
        sync::reuse(from, sizeof(frame_block));
        from->next = to;
        sync::retire(from, sizeof(frame_block), 0);
    }
};

// Free blocks of one size, the one that was freed last in front.
struct frame_magazine {
    frame_block* top = nullptr;
    std::uint32_t count = 0;
};

// The magazines of a thread, one for each class of sizes, by which it allocates and frees most frames.
class frame_magazines {
public:
    // Those of a thread that has neither allocated nor freed: it can do neither here.
    static constexpr frame_magazines of_no_thread() noexcept {
        frame_magazines none;
        for (frame_magazine& m : none.loaded_) {
            m.count = std::numeric_limits<std::uint32_t>::max();
        }
        return none;
    }

    // Null when there is none. `size` is at most frame_sizes::largest.
    [[nodiscard]] void* take_block(std::size_t size) noexcept {
        frame_magazine& m = loaded_[frame_sizes::class_of(size)];
        frame_block* const block = m.top;
        if (block != nullptr) [[likely]] {
            sync::reuse(block, std::max(size, sizeof(frame_block)));
            m.top = block->next;
            --m.count;
        }
        return block;
    }
    // False when there is no room.
    [[nodiscard]] bool put_block(void* frame, std::size_t size) noexcept {
        const unsigned size_class = frame_sizes::class_of(size);
        frame_magazine& m = loaded_[size_class];
        if (m.count >= frame_sizes::table.rows[size_class].magazine) [[unlikely]] {
            return false;
        }
        m.top = frame_block::made_of(frame, size_class, m.top);
        ++m.count;
        return true;
    }

protected:
    constexpr frame_magazines() = default;

    std::array<frame_magazine, frame_sizes::classes> loaded_;
};

inline constinit frame_magazines no_frame_magazines = frame_magazines::of_no_thread();
// Of the calling thread.
using frame_magazines_pointer = sync::thread_pointer<frame_magazines, &no_frame_magazines>;

[[nodiscard, gnu::noinline, gnu::cold]] void* allocate_frame_rarely(std::size_t size);
BRIGADE_RARELY_CALLED void free_frame_rarely(void* frame, std::size_t size) noexcept;

// Aligned as operator new's. Throws std::bad_alloc.
[[nodiscard]] inline void* allocate_frame(std::size_t size) {
    if (size <= frame_sizes::largest) [[likely]] {
        if (void* const frame = frame_magazines_pointer::get()->take_block(size)) [[likely]] {
            return frame;
        }
    }
    return allocate_frame_rarely(size);
}
// `size` is what it was allocated with.
inline void free_frame(void* frame, std::size_t size) noexcept {
    if (size > frame_sizes::largest || !frame_magazines_pointer::get()->put_block(frame, size)) [[unlikely]] {
        free_frame_rarely(frame, size);
    }
}

}  // namespace brigade::detail
