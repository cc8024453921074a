// Historic uses of what is gone already, planted beside the code that is right. The explorer finds each.
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>

#include <brigade/detail/sync.hpp>

#include "tests/explore/litmus/planted.hpp"

namespace explore {
namespace {

namespace sync = brigade::detail::sync;
using sync::atomic;

constexpr auto relaxed = std::memory_order_relaxed;
constexpr auto acquire = std::memory_order_acquire;
constexpr auto release = std::memory_order_release;

// What one of these says, whichever step comes first.
constexpr const char* gone = "may still use it|after its destruction|memory that was freed|data race";

// cppcoro 0a768bf: the waiter, on its own stack, may be gone as soon as it can see that it is done.
struct stack_waiter {
    atomic<bool> done{false};
    atomic<int> notifications{0};

    void wait() {
        while (!done.load(acquire)) {
            sync::yield_thread();
        }
    }
};

template <bool TouchesAfterwards>
void wake_a_stack_waiter() {
    std::optional<stack_waiter> w(std::in_place);
    const model_thread waker([p = &*w] {
        if constexpr (!TouchesAfterwards) {
            p->notifications.fetch_add(1, relaxed);
        }
        p->done.store(true, release);
        if constexpr (TouchesAfterwards) {
            p->notifications.fetch_add(1, relaxed);
        }
    });
    w->wait();
    w.reset();  // as at the end of the waiter's scope
}

TEST(planted, cppcoro_0a768bf_waker_touches_a_waiter_that_is_gone) {
    expect_found(gone, &wake_a_stack_waiter<true>, &wake_a_stack_waiter<false>);
}

// The same with a condition: it is notified behind the lock, when the waiter may have seen the flag and gone.
struct waiter_with_condition {
    sync::mutex mutex;
    sync::condition_variable changed;
    bool done = false;

    void wait() {
        sync::lock l(mutex);
        changed.wait(l, [this] { return done; });
    }
    void set(bool notifies_under_the_lock) {
        sync::lock l(mutex);
        done = true;
        if (notifies_under_the_lock) {
            changed.notify_one();
            return;
        }
        l.unlock();
        changed.notify_one();
    }
};

void set_and_forget(bool notifies_under_the_lock) {
    auto w = std::make_unique<waiter_with_condition>();
    const model_thread waker([p = w.get(), notifies_under_the_lock] { p->set(notifies_under_the_lock); });
    w->wait();
    w.reset();
}

TEST(planted, stdexec_91ee4dc1_condition_is_notified_behind_the_lock) {
    expect_found(gone, [] { set_and_forget(false); }, [] { set_and_forget(true); });
}

// libcoro 0b65aa2, TMC 3314b45: await_suspend publishes the handle; another thread resumes the coroutine, which ends
// and frees its frame; await_suspend goes on and touches the awaiter, which lies in the frame.
struct detached {
    struct promise_type {
        detached get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
};

template <bool TouchesAfterwards>
struct hand_over {
    atomic<void*>* to;
    volatile int progress = 0;

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> h) noexcept {
        progress = 1;
        to->store(h.address(), release);
        if constexpr (TouchesAfterwards) {
            progress = 2;
        }
    }
    void await_resume() const noexcept {}
};

template <bool TouchesAfterwards>
detached run_elsewhere(atomic<void*>& slot, int& result) {
    co_await hand_over<TouchesAfterwards>{&slot};
    result = 42;
}

template <bool TouchesAfterwards>
void resume_elsewhere() {
    atomic<void*> slot(nullptr);
    int result = 0;
    {
        const model_thread other([&] {
            void* frame = nullptr;
            while ((frame = slot.load(acquire)) == nullptr) {
                sync::yield_thread();
            }
            std::coroutine_handle<>::from_address(frame).resume();
        });
        run_elsewhere<TouchesAfterwards>(slot, result);
    }
    require(result == 42, "the coroutine has ended");
}

TEST(planted, libcoro_0b65aa2_frame_is_touched_after_it_was_handed_over) {
    expect_found("memory that was freed|data race", &resume_elsewhere<true>, &resume_elsewhere<false>);
}

}  // namespace
}  // namespace explore
