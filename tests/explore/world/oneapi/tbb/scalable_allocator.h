// The explorer's stand-in for oneTBB's allocator: the memory of the model.
#pragma once

#include <cstddef>
#include <new>

inline constexpr int TBBMALLOC_CLEAN_ALL_BUFFERS = 0;

inline void* scalable_malloc(std::size_t size) {
    return ::operator new(size, std::nothrow);
}
inline void scalable_free(void* p) {
    ::operator delete(p);
}
inline void* scalable_aligned_malloc(std::size_t size, std::size_t alignment) {
    return ::operator new(size, std::align_val_t(alignment));
}
inline void scalable_aligned_free(void* p) {
    ::operator delete(p);
}
inline int scalable_allocation_command(int /*command*/, void* /*argument*/) {
    return 0;
}
