// What one compiler can do for the code that is inlined into coroutines and another can not.
#pragma once

#if defined(__clang__)
#if __clang_major__ < 19
#error "Brigade needs Clang 19: older ones may keep what await_suspend uses in a frame that another thread owns by then"
#endif
// For a class that owns by a pointer: an argument of its type is passed in a register and is gone when the function
// returns, so nothing of it stays in a coroutine's frame until the end of the statement.
#define BRIGADE_TRIVIAL_ABI [[clang::trivial_abi]]
// For a function that inlined code hardly ever calls: it saves the registers that its caller uses, so that the caller,
// a piece of a coroutine, need not keep what it uses in registers that it would have to save each time it is resumed.
// It must be noexcept: unwinding does not restore those registers. Nor does the dynamic linker keep all of them when it
// looks for a function at its first call: who puts this library into a shared one links that with `-z now`.
#define BRIGADE_RARELY_CALLED [[gnu::noinline, gnu::cold, clang::preserve_most]]
#else
#define BRIGADE_TRIVIAL_ABI
#define BRIGADE_RARELY_CALLED [[gnu::noinline, gnu::cold]]
#endif
