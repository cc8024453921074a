// An object in the place of a coroutine: who resumes its coroutine_handle calls a function of it.
//
// A coroutine's frame begins with two pointers, to the function that resumes it and to the one that destroys it; both
// get the frame's address. GCC, Clang and MSVC agree on that, and promise.hpp relies on it for where the promise is. An
// object that begins in the same way can stand in a queue, or be the continuation of a coroutine, and needs neither a
// frame nor a promise. Nobody destroys it by its handle.
#pragma once

#include <coroutine>
#include <cstddef>
#include <type_traits>

namespace brigade::detail {

class resumable {
public:
    // Gets the address of the resumable.
    using resume_function = void (*)(void* self);

    explicit resumable(resume_function on_resume) noexcept : resume_(hidden(on_resume)) {}
    resumable(const resumable&) = delete;
    resumable& operator=(const resumable&) = delete;

    [[nodiscard]] std::coroutine_handle<> handle() noexcept { return std::coroutine_handle<>::from_address(this); }
    void set_resume(resume_function on_resume) noexcept { resume_ = hidden(on_resume); }

protected:
    ~resumable() = default;

private:
    // Clang resumes by a calling convention of its own, which is the same as the common one for a single pointer on
    // x86-64 and AArch64. When it sees which function is called, it takes the difference in name for an error of the
    // program; so it must not see that.
    [[nodiscard]] static resume_function hidden(resume_function f) noexcept {
        asm("" : "+r"(f));  // emits nothing
        return f;
    }

    resume_function resume_;
    [[maybe_unused]] resume_function destroy_ = nullptr;
};
static_assert(std::is_standard_layout_v<resumable> && sizeof(resumable) == 2 * sizeof(void*));

}  // namespace brigade::detail
