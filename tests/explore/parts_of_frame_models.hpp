// What the models of frame memory share.
#pragma once

#include <cstddef>
#include <new>

#include "executor/frame_memory.hpp"
#include "tests/explore/model.hpp"

namespace explore {

using brigade::detail::frame_block;
using brigade::detail::frame_heap;
using brigade::detail::frame_page;
using brigade::detail::frame_pool;
namespace frame_sizes = brigade::detail::frame_sizes;
namespace sync = brigade::detail::sync;

// Classes of the small pages of the exploring world.
inline constexpr unsigned few_blocks = 6;
inline constexpr unsigned many_blocks = 2;
static_assert(frame_sizes::table.rows[few_blocks].blocks == 4 && frame_sizes::table.rows[few_blocks].reusable == 1);
static_assert(frame_sizes::table.rows[many_blocks].blocks == 10 && frame_sizes::table.rows[many_blocks].reusable == 2);
inline constexpr std::size_t few_size = frame_sizes::block_of(few_blocks);
inline constexpr std::size_t many_size = frame_sizes::block_of(many_blocks);

// A frame in use: a number in plain memory, so that whoever has the block next must have it in order.
class number_frame {
public:
    number_frame() = default;
    // Of a block that the caller has taken.
    [[nodiscard]] static number_frame in(frame_block* block, unsigned size_class) {
        sync::reuse(block, frame_sizes::block_of(size_class));
        return number_frame(block, frame_sizes::block_of(size_class));
    }
    // Of memory that is ready for use.
    number_frame(void* place, std::size_t size) : place_(place), size_(size) {
        ::new (place_) int(7);
        ::new (last()) int(8);
    }
    // The end of its use.
    void use() const {
        require(*std::launder(static_cast<int*>(place_)) == 7 && *std::launder(static_cast<int*>(last())) == 8,
                "nobody else has the frame");
        ++*static_cast<int*>(last());
    }
    [[nodiscard]] frame_block* retire(unsigned size_class, frame_block* next = nullptr) const {
        use();
        return frame_block::made_of(place_, size_class, next);
    }
    [[nodiscard]] void* place() const noexcept { return place_; }

private:
    [[nodiscard]] void* last() const noexcept { return static_cast<std::byte*>(place_) + size_ - sizeof(int); }

    void* place_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace explore
