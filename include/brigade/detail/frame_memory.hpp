// Memory for coroutine frames; see executor/frame_memory.hpp. Any thread may free what any other has allocated.
//
// Not inlined: a coroutine may go on on another thread, and a thread-local address that the compiler kept across its
// suspension would be that of the wrong one. The call itself costs less than a nanosecond.
#pragma once

#include <cstddef>

namespace brigade::detail {

// Aligned as operator new's. Throws std::bad_alloc.
[[nodiscard]] void* allocate_frame(std::size_t size);
// `size` is what it was allocated with.
void free_frame(void* frame, std::size_t size) noexcept;

}  // namespace brigade::detail
