// Somebody's own awaitable may resume a task wherever it likes: inside another task, for example.
#include <coroutine>
#include <stdexcept>
#include <utility>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

namespace {

using brigade::task;

// An event as callback libraries have it: fire() resumes the one that waits, at once and on the caller's stack.
class inline_event {
public:
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) noexcept { waiting_ = waiting; }
    void await_resume() const noexcept {}

    [[nodiscard]] bool awaited() const noexcept { return static_cast<bool>(waiting_); }
    void fire() { std::exchange(waiting_, nullptr).resume(); }

private:
    std::coroutine_handle<> waiting_;
};

task<int> wait_for(inline_event& event) {
    co_await event;
    co_return 1;
}

task<int> one_more(inline_event& event) {
    const int one = co_await wait_for(event);
    co_return one + 1;
}

task<int> nothing() {
    co_return 0;
}

TEST(foreign_resume, inside_another_task_loses_neither) {
    brigade::executor executor({.workers = 1});
    const int sum = executor.block_on([]() -> task<int> {
        inline_event event;
        brigade::join_handle<int> waiting = brigade::spawn(one_more, std::ref(event));
        while (!event.awaited()) {
            co_await brigade::yield();
        }
        event.fire();  // wait_for() ends in here, and has to hand over to one_more()
        const int own = co_await nothing();
        const int others = co_await waiting;
        co_return own + others;
    });
    EXPECT_EQ(sum, 2);
}

TEST(foreign_resume, join_handle_refuses_a_second_awaiter) {
    brigade::executor executor({.workers = 1});
    executor.block_on([]() -> task<> {
        inline_event event;
        brigade::join_handle<int> handle = brigade::spawn(wait_for, std::ref(event));
        brigade::join_handle<int> first = brigade::spawn([&handle]() -> task<int> { co_return co_await handle; });
        while (!event.awaited()) {
            co_await brigade::yield();
        }
        co_await brigade::yield();  // the first awaits by now: it was queued before
        bool refused = false;
        try {
            static_cast<void>(co_await handle);
        } catch (const std::logic_error&) {
            refused = true;
        }
        EXPECT_TRUE(refused);
        event.fire();
        const int given = co_await first;
        EXPECT_EQ(given, 1);
    });
}

}  // namespace
