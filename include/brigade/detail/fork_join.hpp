// Fork and join by continuation stealing: who goes on with the parent, and how the join knows that all have ended.
//
// `co_await fork(child)` puts the parent's continuation onto the calling worker's deque and runs the child in place of
// the parent, on the same stack. When the child has ended without having been suspended and nobody has come by, it
// takes the continuation back and the parent goes on as after a call. Otherwise a thief, or the worker itself once the
// child waits for something, has taken the continuation and gone on with the parent; the child then arrives at the
// parent's join counter. `co_await join()` waits for those that have not arrived.
//
//             fork              child ends                             join
//   parent ----------> offered ------------> running (taken back)     ----> running   (none outstanding)
//                        |                                            ----> waiting   (until the last arrives)
//                        +-----------------> running elsewhere
//                         taken away, steals + 1
//
//   FORK1  Each fork puts the parent's continuation onto one deque, and exactly one takes it from there (DEQ1): a child
//          of this parent that ends takes it back, or a worker's loop, of the same worker or a thief's, takes it away.
//          Who has taken it owns the parent and resumes it. A parent is in no more than one deque: it is suspended.
//   FORK2  Who takes a continuation away adds one to `steals` before it resumes the parent; a child that takes one back
//          counts nothing; every other child arrives. There are as many continuations as children, so as many children
//          arrive, sooner or later, as `steals` says. It does not matter whether a child takes back the continuation of
//          its own fork or that of a sibling's: when A waits, its sibling B is forked, and A ends on top of B's fork, A
//          goes on with the parent and B arrives in its place. So forks need no numbers.
//   FORK3  `outstanding` is minus the arrivals before the join, and the join adds `steals`: from then on it is the
//          number of children that have not arrived. Before the join an arrival leaves it negative, so only an arrival
//          after the join brings it to zero; that one owns the parent, which waits, and resumes it.
//   FORK4  A child may touch the parent's state until it has arrived, or goes on with the parent that it has taken
//          back, and not after: the parent cannot pass its join before, and ends without a join only by ending the
//          process.
//   FORK5  A child's result stands in its place, its exception in the parent's list, and its frame is destroyed, before
//          it arrives, or goes on with the parent that it has taken back. So nothing of a child can refer to the
//          parent's locals when the join is over, and a loop of forks holds as many frames as there are children that
//          run.
//
// An executor that is past its deadline destroys what is suspended (END1), children before the parents whose locals
// they refer to. So each child that has not ended must be known to its parent:
//
//   FORK6  While the parent is suspended in the fork or call itself, the awaiter of that fork or call owns the child.
//          When the parent goes on, the awaiter gives the child up: after a call, or when the child has taken its
//          continuation back, because it has ended; otherwise the owner of the parent *registers* it, which is to link
//          it into a list. A registered child leaves the list when it ends, before its frame is destroyed. Between the
//          end of a child that hands over to its parent and the parent's going on nothing can intervene: a worker runs
//          what it has been handed before it looks at anything else, the end of the executor included.
//   FORK7  A child may end between its fork and its registration, on another worker than where the continuation is, or
//          has been. It finds itself in no list, and says so by `early`; then the owner registers nothing. One mark is
//          enough for all children: only one has neither taken back nor been registered, the one in whose fork the
//          parent is suspended; and the owner takes the mark back before it goes on to the next. A registered child
//          that takes back a continuation has taken that of a sibling's fork (FORK2): it leaves the list, and has that
//          sibling registered (`taken`) as who takes a continuation away does. One that is not registered and takes
//          back has taken its own: no other fork's is on a deque until it is registered.
//   FORK8  Who destroys a suspended coroutine from outside (class frame, in task.hpp) destroys its registered children
//          first, and they theirs. The child of the fork or call in which it is suspended goes with the awaiter: before
//          the coroutine's locals as well. When that child has ended and the workers have left the continuation where
//          it was, `early` tells the awaiter, and the record stays until then.
// Children whose frames belong to somebody else (when_all's) are counted, and not registered.
//
// The record is where all that stands which most forks do not need. It is made when a continuation is taken away for
// the first time after a join, or by the child below that one, if that is faster; or for an exception. The join frees
// it.
//
// `steals`, `taken` and the place of the parent are plain: only the owner of the parent touches them. Results and
// exceptions reach the parent in one of three ways: by the same thread (taken back, or called), through the deque
// (DEQ3), or by the arrival, which releases, and the join or the last arrival, which acquires.
//
// Rejected: a counter that each child decrements (when_all here before): an atomic operation and a shared cache line
// for each child, although nearly all end as a call does. Rejected: pushing the children and going on with the parent:
// a loop of a million forks then holds a million frames. Rejected: registering each child when it is forked: two
// stores and two loads for each, and a lock, as siblings end on several workers.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <utility>

#include <brigade/detail/sync.hpp>
#include <brigade/detail/waiter.hpp>

namespace brigade::detail {

// A child's side; part of every promise.
class fork_child {
    friend class fork_state;

    // The list is guarded by the parent's lock. Without the lock, the child itself looks whether it is registered: only
    // the owner of the parent makes it so, before it forks again (FORK7), and only the child ends it. Its siblings
    // change the value meanwhile.
    [[nodiscard]] bool is_registered() const noexcept { return link_.load(std::memory_order_relaxed) != nullptr; }

    fork_child* next_ = nullptr;
    sync::atomic<fork_child**> link_{nullptr};  // what points to this; null: not registered
};

// A parent's side; part of every promise.
class fork_state {
public:
    // The functions in this group are for the owner of the parent (FORK1).

    // The parent has forked or called since its last join.
    [[nodiscard]] bool open() const noexcept { return place_ != nullptr; }
    // Where the parent is suspended; it is about to fork or call.
    void suspend_at(std::coroutine_handle<> parent) noexcept { place_ = parent.address(); }
    [[nodiscard]] std::coroutine_handle<> parent() const noexcept {
        return std::coroutine_handle<>::from_address(place_);
    }
    // The parent's continuation has been taken away.
    void count_steal() noexcept;
    // `child`, which has ended, has taken a continuation back.
    void taken_back_by(fork_child& child) noexcept {
        if (child.is_registered()) [[unlikely]] {
            taken_back_from_sibling(child);
        }
    }
    // The parent goes on where it has forked `child`, which may be gone (FORK6).
    void go_on_beside(fork_child& child) noexcept {
        if (has_record()) [[unlikely]] {
            register_child(child);
        }
    }
    [[nodiscard]] bool must_wait() const noexcept { return has_record(); }
    // The parent is suspended in `w` and joins. False when all had arrived: it goes on. Otherwise it may be gone.
    [[nodiscard]] bool wait(waiter& w) noexcept;
    // Whom the last arrival resumes.
    [[nodiscard]] waiter& joining() const noexcept { return *static_cast<waiter*>(place_); }
    // The parent has joined: as if nothing had been forked. Throws what the children threw.
    void finish_join() {
        place_ = nullptr;
        if (has_record()) [[unlikely]] {
            end_record();
        }
    }
    // The parent is suspended, or at its end, and is about to be destroyed from outside (FORK8).
    void destroy_children() noexcept {
        if (has_record()) [[unlikely]] {
            destroy_registered();
        }
    }
    // The parent is being destroyed where it has forked a child: whether that has ended.
    [[nodiscard]] bool child_ended_early() noexcept { return has_record() && end_early(); }

    // For children that have not arrived (FORK4).

    void add_error(std::exception_ptr error) noexcept;
    // `child` has ended, and has not taken back (FORK6, FORK7). For those that may be registered.
    void leave(fork_child& child) noexcept;
    // True for the last when the parent waits (FORK3).
    [[nodiscard]] bool arrive() noexcept;

    // As the deque of a worker holds the continuation: told from a coroutine's address by the lowest bit.
    [[nodiscard]] void* as_item() noexcept { return reinterpret_cast<std::byte*>(this) + 1; }
    [[nodiscard]] static fork_state* from_item(void* item) noexcept {
        const bool is_state = (reinterpret_cast<std::uintptr_t>(item) & 1) != 0;
        return is_state ? reinterpret_cast<fork_state*>(static_cast<std::byte*>(item) - 1) : nullptr;
    }

private:
    struct record;

    // Relaxed: for the owner. Whoever has counted a steal has made the record or acquired it.
    [[nodiscard]] bool has_record() const noexcept { return record_.load(std::memory_order_relaxed) != nullptr; }
    [[nodiscard]] record& get_record() noexcept;
    [[nodiscard]] std::unique_ptr<record> take_record() noexcept;
    void taken_back_from_sibling(fork_child& child) noexcept;
    void register_child(fork_child& child) noexcept;
    void end_record();
    void destroy_registered() noexcept;
    bool end_early() noexcept;
    void drop_record() noexcept;

    void* place_ = nullptr;  // while open: the parent's frame, or the waiter while it waits in the join
    sync::atomic<record*> record_{nullptr};
};

// Who goes on when a coroutine has ended, and how it hands over.
class caller {
public:
    enum class kind : std::uintptr_t {
        awaits,       // nothing is counted; the frame belongs to the awaiter
        called,       // the parent is suspended and goes on at once
        forked,       // the parent is on a deque, or runs, or waits
        forked_kept,  // as forked, but the parent owns the frame and fetches result and exception itself
    };

    caller() = default;
    static caller awaiting(std::coroutine_handle<> parent) noexcept { return caller(parent.address(), kind::awaits); }
    static caller parent(fork_state& state, kind how) noexcept { return caller(&state, how); }

    [[nodiscard]] kind how() const noexcept {
        return static_cast<kind>(reinterpret_cast<std::uintptr_t>(tagged_) & tag);
    }
    // Only for a caller that awaits, whose tag is 0.
    [[nodiscard]] std::coroutine_handle<> awaiting() const noexcept {
        return std::coroutine_handle<>::from_address(tagged_);
    }
    // Only for the others.
    [[nodiscard]] fork_state& parent() const noexcept {
        return *reinterpret_cast<fork_state*>(tagged_ - static_cast<std::uintptr_t>(how()));
    }

private:
    static constexpr std::uintptr_t tag = 3;
    static_assert(alignof(fork_state) > tag);

    caller(void* address, kind how) noexcept
        : tagged_(static_cast<std::byte*>(address) + static_cast<std::uintptr_t>(how)) {}

    std::byte* tagged_ = nullptr;
};

// Not inlined, as they ask for the calling thread's worker; see waiter.hpp.

// Offers the continuation of the parent, which is suspended, to the calling worker and to thieves. Gives what runs next
// on this thread: the child, or nothing when others are due first (WRK3). The parent may be gone when this returns.
[[nodiscard]] std::coroutine_handle<> fork_out(fork_state& parent, std::coroutine_handle<> child) noexcept;

// A forked child has ended. Gives the parent when the child has taken its continuation back, and so owns it; or null.
[[nodiscard]] std::coroutine_handle<> take_back(fork_state& parent, fork_child& child) noexcept;

// A forked child has ended and has not taken back. Gives what runs next on this thread, if anything. The parent may be
// gone when this returns.
[[nodiscard]] std::coroutine_handle<> arrive_at(fork_state& parent) noexcept;

// A task ends with children that were not joined. `error` is what it ends with, or null.
[[noreturn]] void end_unjoined(const std::exception_ptr& error) noexcept;

}  // namespace brigade::detail
