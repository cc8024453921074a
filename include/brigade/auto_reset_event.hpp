// An event that one task waits for and another sets: each set() lets one task go on.
//
// Protocol. `word_` says what there is:
//
//   nobody     no permit, and no task waits
//   permit     a set() came when no task waited
//   a waiter   exactly one task waits
//   several    the tasks that wait stand in the list, under `mutex_`, the one that waits longest first
//
//   permit ---- wait ---> nobody                          (the wait takes the permit and does not suspend)
//   nobody ---- wait ---> a waiter ---- wait ---> several (the list gets both)
//   nobody ---- set ----> permit ------ set ----> permit
//   a waiter -- set ----> nobody                          (the waiter has the permit and is woken)
//   several --- set ----> several, or nobody after the last
//   a waiter, several --- stop, or the destruction of the task: as by set, without a permit
//
// Who waits listens for stops first and publishes itself last: from then on it may be resumed, and be gone, before its
// await is done. A stop that comes in between finds it nowhere, and looks again until it is there or has been let go.
//
//   EVT1  There is a permit only while nobody waits. A set() leaves one, finds one, or gives one to exactly one waiter.
//   EVT2  Exactly one of set, stop and destruction takes a waiter out of the word or the list; or it takes the permit
//         that it finds, and gets into neither. Set and stop then wake it, once.
//   EVT3  The list has entries exactly while the word says `several`, which begins and ends under `mutex_`.
//   EVT4  A waiter stays until it is let go, or it has withdrawn itself; and while a stop looks for it. Who wakes it
//         does not touch it after it has let it go.
//   EVT5  set() does not touch the event after it has left the permit or begun to wake: the task that goes on may
//         destroy the event. Nor does a wait, once published: one that is alone does not hold the lock, and who takes
//         one from the list has had the lock after it.
//   EVT6  A task is destroyed where it waits by the thread that ends its executor, whose own workers are gone. A set()
//         from elsewhere may have taken the waiter: the destructor waits until it is let go. By then that set() holds
//         the scheduler (prepared_post), so that it may post what is gone, to a queue that nobody takes from. The
//         permit that such a task has got, and has made no use of, goes to the next.
//
// Rejected: to publish first, and to listen for stops then. The await can then end only by one more exchange, which
// settles whether it has been woken meanwhile: 114 ns a round trip of two tasks instead of 104.
// Rejected: that the one who wakes lets go after the post, and holds nothing. Then each task that goes on has to wait
// for the one that has woken it, which may be in a system call to wake a worker.
// Rejected: a stack of arrivals that one thread at a time turns round, without the mutex. Stops take waiters out of the
// middle; and more than one task rarely waits for one event.
#pragma once

#include <coroutine>
#include <cstdint>

#include <brigade/detail/promise.hpp>
#include <brigade/detail/sync.hpp>
#include <brigade/detail/waiter.hpp>
#include <brigade/stop.hpp>

namespace brigade {

class auto_reset_event;

namespace detail {

// One wait for an auto_reset_event, and a place in its list.
class event_waiter {
public:
    // How the one that waits is resumed; it may be gone when this returns.
    using resumption = void (*)(const prepared_post&) noexcept;

    event_waiter(auto_reset_event& event, resumption resume) noexcept
        : event_(event), resume_(resume), on_stop_(*this) {}
    event_waiter(const event_waiter&) = delete;
    event_waiter& operator=(const event_waiter&) = delete;
    // EVT6
    ~event_waiter() {
        if (arrived_) {
            give_up();
        }
    }

    enum class arrival : std::uint8_t { goes_on, takes_permit, waits };

    // Once. When it gives `waits`, a set() or a stop resumes `self`, and this may be gone already.
    [[nodiscard]] arrival arrive(const waiter& self, stop_source* stop) noexcept;
    // The task goes on. False when a stop ended the wait.
    [[nodiscard]] bool finish() noexcept;

private:
    friend class brigade::auto_reset_event;

    struct stop_reaction : stop_hook {
        explicit stop_reaction(event_waiter& w) noexcept : stop_hook(&event_waiter::stop_wait), waiting(w) {}
        event_waiter& waiting;
    };

    void wake() noexcept;
    void give_up() noexcept;
    static void stop_wait(stop_hook& hook) noexcept;

    auto_reset_event& event_;
    const resumption resume_;
    waiter self_;
    stop_reaction on_stop_;
    sync::atomic<bool> let_go_{false};  // nobody has it any more, or will
    bool arrived_ = false;              // and the task has not gone on
    bool stopped_ = false;
    // Under the event's mutex_.
    bool listed_ = false;
    event_waiter* previous_ = nullptr;
    event_waiter* next_ = nullptr;
};

class event_awaiter : private event_waiter {
public:
    explicit event_awaiter(auto_reset_event& event) noexcept
        : event_waiter(event, [](const prepared_post& p) noexcept { p.post(); }) {}

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <runtime_promise P>
    bool await_suspend(std::coroutine_handle<P> self) noexcept {
        return suspend(self, self.promise().stop);
    }
    void await_resume() {
        if (!finish()) {
            throw operation_cancelled();
        }
    }

private:
    bool suspend(std::coroutine_handle<> handle, stop_source* stop) noexcept;
};

}  // namespace detail

// Holds one permit at most: the event of that name in Win32 and cppcoro, and what tokio calls Notify.
//
// `co_await event` takes the permit, or waits for one. Tasks that wait get them in the order in which they came. Tasks
// only; they may belong to several executors. Throws operation_cancelled, and takes no permit, when the task is asked
// to stop; one that has got its permit by then goes on with it. Sees what was done before the set() that gave the
// permit. An await that finds the permit there does not suspend, unless the budget is used up.
//
// Neither copied nor moved; waiting allocates nothing. It must outlive the coroutines that wait for it; but the task
// that a set() lets go on may destroy it, also while that set() has not returned.
class auto_reset_event {
public:
    // With or without the permit.
    explicit auto_reset_event(bool set = false) noexcept;
    auto_reset_event(const auto_reset_event&) = delete;
    auto_reset_event& operator=(const auto_reset_event&) = delete;
    ~auto_reset_event();

    // Lets the task that waits longest go on, through the queue of the executor where it waits; or leaves the permit
    // when none waits. A second one without a wait in between changes nothing. Any thread.
    void set() noexcept;
    // Takes the permit away. False when there was none. Any thread.
    bool reset() noexcept;
    // Whether the permit is there; it may be gone by the next moment. Any thread.
    [[nodiscard]] bool is_set() const noexcept;

    [[nodiscard]] detail::event_awaiter operator co_await() noexcept { return detail::event_awaiter(*this); }

private:
    friend class detail::event_waiter;

    // False when it has taken the permit instead.
    [[nodiscard]] bool enter(detail::event_waiter& w) noexcept;
    // Takes the waiter out, if nobody else has.
    [[nodiscard]] bool withdraw(detail::event_waiter& w) noexcept;
    [[nodiscard]] detail::event_waiter* take_first() noexcept;
    void append(detail::event_waiter& w) noexcept;
    void remove(detail::event_waiter& w) noexcept;

    detail::sync::atomic<void*> word_;
    detail::sync::mutex mutex_;
    detail::event_waiter* first_ = nullptr;
    detail::event_waiter* last_ = nullptr;
};

}  // namespace brigade
