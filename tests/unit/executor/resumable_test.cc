// That an object can stand in the place of a coroutine: what the compilers' frames look like, and who calls what.
#include <brigade/detail/resumable.hpp>

#include <coroutine>
#include <exception>

#include <gtest/gtest.h>

namespace {

using brigade::detail::resumable;

struct counting {
    struct promise_type {
        counting get_return_object() noexcept { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
        [[nodiscard]] std::suspend_always final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::terminate(); }
    };
    std::coroutine_handle<promise_type> handle;
};

counting count(int& resumed) {
    for (;;) {
        ++resumed;
        co_await std::suspend_always();
    }
}

struct passing_on {
    std::coroutine_handle<> next;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<> /*self*/) const noexcept {
        return next;
    }
    void await_resume() const noexcept {}
};

counting pass_on_to(std::coroutine_handle<> next) {
    co_await passing_on{next};
}

struct counter : resumable {
    counter() noexcept : resumable(&first) {}
    static void first(void* self) noexcept {
        auto& me = static_cast<counter&>(*static_cast<resumable*>(self));
        ++me.first_calls;
        me.set_resume(&second);
    }
    static void second(void* self) noexcept { ++static_cast<counter&>(*static_cast<resumable*>(self)).second_calls; }

    int first_calls = 0;
    int second_calls = 0;
};

TEST(resumable, begins_as_the_frames_of_this_compiler_do) {
    int resumed = 0;
    const counting coroutine = count(resumed);
    struct frame_head {
        resumable::resume_function resume;
        resumable::resume_function destroy;
    };
    void* const frame = coroutine.handle.address();
    // Volatile, for the reason that resumable::hidden() has.
    const auto* const head = static_cast<const volatile frame_head*>(frame);
    head->resume(frame);
    EXPECT_EQ(resumed, 1);
    head->resume(frame);
    EXPECT_EQ(resumed, 2);
    head->destroy(frame);
}

TEST(resumable, is_resumed_by_its_handle_and_may_change_what_that_means) {
    counter object;
    object.handle().resume();
    EXPECT_EQ(object.first_calls, 1);
    EXPECT_EQ(object.second_calls, 0);
    object.handle().resume();
    object.handle().resume();
    EXPECT_EQ(object.first_calls, 1);
    EXPECT_EQ(object.second_calls, 2);
    EXPECT_FALSE(object.handle().done());
}

TEST(resumable, is_resumed_by_a_coroutine_that_passes_control_on) {
    counter object;
    const counting coroutine = pass_on_to(object.handle());
    coroutine.handle.resume();
    EXPECT_EQ(object.first_calls, 1);
    EXPECT_FALSE(coroutine.handle.done());
    coroutine.handle.destroy();
}

}  // namespace
