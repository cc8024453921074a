// What the compiler calls before each access to plain memory in code built with -fsanitize=thread, and what `new` and
// `delete` call. The run-time library of ThreadSanitizer is not linked: these take its place. Clang 19 and GCC 12 use
// the same names.
//
// This file is built without instrumentation. Outside of a model's code every function here does nothing, or what the
// C++ library does.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#include "tests/explore/engine.hpp"

using explore::engine;

namespace {

void access(const void* p, std::size_t size, bool writes, const void* code) {
    if (engine::in_model) {
        engine::the().plain_access(p, size, writes, code);
    }
}

void synchronize(const volatile void* p) {
    if (engine::in_model) {
        engine::the().synchronize_silently(const_cast<const void*>(p));
    }
}

void* allocate(std::size_t size, std::size_t alignment) noexcept {
    if (engine::in_model) {
        return engine::the().allocate(size, alignment);
    }
    return alignment <= alignof(std::max_align_t)
               ? std::malloc(size)
               : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

void release(void* p, const void* code) noexcept {
    if (p == nullptr) {
        return;
    }
    if (!engine::the().owns(p)) {
        std::free(p);
    } else if (engine::in_model) {
        engine::the().free(p, code);
    }
}

void* allocate_or_throw(std::size_t size, std::size_t alignment) {
    if (void* const p = allocate(size, alignment)) {
        return p;
    }
    throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) {
    return allocate_or_throw(size, 1);
}
void* operator new[](std::size_t size) {
    return allocate_or_throw(size, 1);
}
void* operator new(std::size_t size, std::align_val_t a) {
    return allocate_or_throw(size, static_cast<std::size_t>(a));
}
void* operator new[](std::size_t size, std::align_val_t a) {
    return allocate_or_throw(size, static_cast<std::size_t>(a));
}
void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
    return allocate(size, 1);
}
void* operator new[](std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
    return allocate(size, 1);
}
void operator delete(void* p) noexcept {
    release(p, __builtin_return_address(0));
}
void operator delete[](void* p) noexcept {
    release(p, __builtin_return_address(0));
}
void operator delete(void* p, std::size_t /*size*/) noexcept {
    release(p, __builtin_return_address(0));
}
void operator delete[](void* p, std::size_t /*size*/) noexcept {
    release(p, __builtin_return_address(0));
}
void operator delete(void* p, std::align_val_t /*a*/) noexcept {
    release(p, __builtin_return_address(0));
}
void operator delete[](void* p, std::align_val_t /*a*/) noexcept {
    release(p, __builtin_return_address(0));
}
void operator delete(void* p, std::size_t /*size*/, std::align_val_t /*a*/) noexcept {
    release(p, __builtin_return_address(0));
}
void operator delete[](void* p, std::size_t /*size*/, std::align_val_t /*a*/) noexcept {
    release(p, __builtin_return_address(0));
}
void operator delete(void* p, const std::nothrow_t& /*tag*/) noexcept {
    release(p, __builtin_return_address(0));
}
void operator delete[](void* p, const std::nothrow_t& /*tag*/) noexcept {
    release(p, __builtin_return_address(0));
}

// NOLINTBEGIN: the compiler's names
extern "C" {

void __tsan_init();
void __tsan_func_entry(void* caller);
void __tsan_func_exit();
void __tsan_read_range(void* p, std::size_t size);
void __tsan_write_range(void* p, std::size_t size);
void __tsan_vptr_update(void** p, void* value);
void __tsan_vptr_read(void** p);
void* __tsan_memcpy(void* to, const void* from, std::size_t size);
void* __tsan_memmove(void* to, const void* from, std::size_t size);
void* __tsan_memset(void* p, int value, std::size_t size);
void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_signal_fence(int order);

void __tsan_init() {}
void __tsan_func_entry(void* /*caller*/) {}
void __tsan_func_exit() {}

void __tsan_read_range(void* p, std::size_t size) {
    access(p, size, false, __builtin_return_address(0));
}
void __tsan_write_range(void* p, std::size_t size) {
    access(p, size, true, __builtin_return_address(0));
}
void __tsan_vptr_update(void** p, void* /*value*/) {
    access(p, sizeof(void*), true, __builtin_return_address(0));
}
void __tsan_vptr_read(void** p) {
    access(p, sizeof(void*), false, __builtin_return_address(0));
}
void* __tsan_memcpy(void* to, const void* from, std::size_t size) {
    access(from, size, false, __builtin_return_address(0));
    access(to, size, true, __builtin_return_address(0));
    return std::memcpy(to, from, size);
}
void* __tsan_memmove(void* to, const void* from, std::size_t size) {
    access(from, size, false, __builtin_return_address(0));
    access(to, size, true, __builtin_return_address(0));
    return std::memmove(to, from, size);
}
void* __tsan_memset(void* p, int value, std::size_t size) {
    access(p, size, true, __builtin_return_address(0));
    return std::memset(p, value, size);
}

#define EXPLORE_ACCESS(size)                                 \
    void __tsan_read##size(void* p);                         \
    void __tsan_write##size(void* p);                        \
    void __tsan_unaligned_read##size(void* p);               \
    void __tsan_unaligned_write##size(void* p);              \
    void __tsan_read_write##size(void* p);                   \
    void __tsan_unaligned_read_write##size(void* p);         \
    void __tsan_read##size(void* p) {                        \
        access(p, size, false, __builtin_return_address(0)); \
    }                                                        \
    void __tsan_write##size(void* p) {                       \
        access(p, size, true, __builtin_return_address(0));  \
    }                                                        \
    void __tsan_unaligned_read##size(void* p) {              \
        access(p, size, false, __builtin_return_address(0)); \
    }                                                        \
    void __tsan_unaligned_write##size(void* p) {             \
        access(p, size, true, __builtin_return_address(0));  \
    }                                                        \
    void __tsan_read_write##size(void* p) {                  \
        access(p, size, true, __builtin_return_address(0));  \
    }                                                        \
    void __tsan_unaligned_read_write##size(void* p) {        \
        access(p, size, true, __builtin_return_address(0));  \
    }
EXPLORE_ACCESS(1)
EXPLORE_ACCESS(2)
EXPLORE_ACCESS(4)
EXPLORE_ACCESS(8)
EXPLORE_ACCESS(16)
#undef EXPLORE_ACCESS

// Atomic operations that do not go through the door: reference counts of libraries, and flags that are plain to us.
// They synchronize and are no steps.
void __tsan_atomic_thread_fence(int /*order*/) {}
void __tsan_atomic_signal_fence(int /*order*/) {}

#define EXPLORE_ATOMIC(bits)                                                                                        \
    using a##bits = std::uint##bits##_t;                                                                            \
    a##bits __tsan_atomic##bits##_load(const volatile a##bits* p, int order);                                       \
    void __tsan_atomic##bits##_store(volatile a##bits* p, a##bits value, int order);                                \
    a##bits __tsan_atomic##bits##_exchange(volatile a##bits* p, a##bits value, int order);                          \
    a##bits __tsan_atomic##bits##_fetch_add(volatile a##bits* p, a##bits value, int order);                         \
    a##bits __tsan_atomic##bits##_fetch_sub(volatile a##bits* p, a##bits value, int order);                         \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile a##bits* p, a##bits* expected, a##bits value, int s, \
                                                      int f);                                                       \
    int __tsan_atomic##bits##_compare_exchange_weak(volatile a##bits* p, a##bits* expected, a##bits value, int s,   \
                                                    int f);                                                         \
    a##bits __tsan_atomic##bits##_load(const volatile a##bits* p, int /*order*/) {                                  \
        synchronize(p);                                                                                             \
        return *p;                                                                                                  \
    }                                                                                                               \
    void __tsan_atomic##bits##_store(volatile a##bits* p, a##bits value, int /*order*/) {                           \
        synchronize(p);                                                                                             \
        *p = value;                                                                                                 \
    }                                                                                                               \
    a##bits __tsan_atomic##bits##_exchange(volatile a##bits* p, a##bits value, int /*order*/) {                     \
        synchronize(p);                                                                                             \
        const a##bits before = *p;                                                                                  \
        *p = value;                                                                                                 \
        return before;                                                                                              \
    }                                                                                                               \
    a##bits __tsan_atomic##bits##_fetch_add(volatile a##bits* p, a##bits value, int /*order*/) {                    \
        synchronize(p);                                                                                             \
        const a##bits before = *p;                                                                                  \
        *p = static_cast<a##bits>(before + value);                                                                  \
        return before;                                                                                              \
    }                                                                                                               \
    a##bits __tsan_atomic##bits##_fetch_sub(volatile a##bits* p, a##bits value, int /*order*/) {                    \
        synchronize(p);                                                                                             \
        const a##bits before = *p;                                                                                  \
        *p = static_cast<a##bits>(before - value);                                                                  \
        return before;                                                                                              \
    }                                                                                                               \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile a##bits* p, a##bits* expected, a##bits value,        \
                                                      int /*s*/, int /*f*/) {                                       \
        synchronize(p);                                                                                             \
        if (*p == *expected) {                                                                                      \
            *p = value;                                                                                             \
            return 1;                                                                                               \
        }                                                                                                           \
        *expected = *p;                                                                                             \
        return 0;                                                                                                   \
    }                                                                                                               \
    int __tsan_atomic##bits##_compare_exchange_weak(volatile a##bits* p, a##bits* expected, a##bits value, int s,   \
                                                    int f) {                                                        \
        return __tsan_atomic##bits##_compare_exchange_strong(p, expected, value, s, f);                             \
    }
EXPLORE_ATOMIC(8)
EXPLORE_ATOMIC(16)
EXPLORE_ATOMIC(32)
EXPLORE_ATOMIC(64)
#undef EXPLORE_ATOMIC

}  // extern "C"
// NOLINTEND
