// The memory of a model: what it allocates, the stacks of its threads, and who has touched which bytes when.
//
// One arena holds all of it, so that addresses are the same in every run and nothing survives one. Freed blocks are not
// reused within a run: an access to one is found, whoever makes it. For every eight bytes a shadow keeps each thread's
// last read and last write; an access that conflicts with one that does not happen before it is a data race.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/explore/vector_clock.hpp"

namespace explore {

class model_memory {
public:
    static constexpr std::size_t stack_size = std::size_t{256} << 10;

    model_memory();
    ~model_memory();
    model_memory(const model_memory&) = delete;
    model_memory& operator=(const model_memory&) = delete;

    void reset() noexcept;
    // The lowest address of a thread's stack.
    [[nodiscard]] std::byte* stack(unsigned thread) const noexcept { return base_ + thread * stack_size; }

    [[nodiscard]] void* allocate(std::size_t size, std::size_t alignment) noexcept;
    [[nodiscard]] bool owns_heap(const void* p) const noexcept;
    // Each gives what is wrong, or an empty text.
    [[nodiscard]] std::string free(void* p, unsigned thread, const vector_clock& happened, const void* code);
    [[nodiscard]] std::string access(const void* p, std::size_t size, bool writes, unsigned thread,
                                     const vector_clock& happened, const void* code);
    // For memory that a model keeps for reuse by itself.
    void set_usable(void* p, std::size_t size, bool usable) noexcept;
    [[nodiscard]] bool is_usable(const void* p) const noexcept;
    // What was allocated and not freed; empty when all was.
    [[nodiscard]] std::string leaks() const;

private:
    struct cell {               // of eight bytes
        std::uint32_t run = 0;  // of which all below is
        bool retired = false;
        std::array<std::uint8_t, max_threads> write_mask{};
        std::array<std::uint8_t, max_threads> read_mask{};
        std::array<stamp, max_threads> written{};
        std::array<stamp, max_threads> read{};
        std::array<const void*, max_threads> writer{};
        std::array<const void*, max_threads> reader{};
    };
    struct block {
        std::size_t offset;
        std::size_t size;
        bool alive;
    };

    static constexpr std::size_t stacks_size = max_threads * stack_size;
    static constexpr std::size_t heap_size = std::size_t{16} << 20;

    [[nodiscard]] cell& cell_at(std::size_t offset) noexcept;
    [[nodiscard]] std::string check_cell(cell& c, std::uint8_t mask, bool writes, unsigned thread,
                                         const vector_clock& happened, const void* code) const;

    std::byte* base_;
    cell* cells_;
    std::size_t top_ = stacks_size;
    std::uint32_t run_ = 1;
    std::vector<block> blocks_;  // by offset
};

// "function (file:line)" of an address in this program, as far as the symbolizer knows.
[[nodiscard]] std::string describe_code(const void* address);

}  // namespace explore
