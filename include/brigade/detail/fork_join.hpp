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
//   FORK6  `place_` names the child in whose fork or call the parent is suspended; that child belongs to the parent.
//          Who is about to go on with the parent changes it before: a child that has taken the continuation back, or
//          was called, and has ended, and who takes the continuation away. The latter *registers* the child that was
//          named: links it into a list. A registered child leaves the list when it ends, before its frame is destroyed.
//          Between the end of a child that hands over to its parent and the parent's going on nothing can intervene: a
//          worker runs what it has been handed before it looks at anything else, the end of the executor included.
//   FORK7  A child may end between its fork and its registration, on another worker than where the continuation is. It
//          finds itself in no list, and says so by `early`; then who takes the continuation away registers nothing. One
//          mark is enough for all children: only one has neither taken back nor been registered, the one that is named;
//          and the mark is taken back before the parent goes on to the next. A registered child that takes back a
//          continuation has taken that of a sibling's fork (FORK2): it leaves the list, and registers that sibling. One
//          that is not registered and takes back has taken its own: no other fork's is on a deque until it is
//          registered.
//   FORK8  Who destroys a suspended coroutine from outside (class frame, in task.hpp) destroys its children first, the
//          named and the registered ones, and they theirs.
// Children whose frames belong to somebody else (when_all's) are counted, and neither named nor registered.
//
// The record is where all that stands which most forks do not need. It is made when a continuation is taken away for
// the first time after a join, or by the child below that one, if that is faster; or for an exception. The join frees
// it.
//
// `place_` and `steals` are the owner's of the parent. Results and exceptions reach the parent in one
// of three ways: by the same thread (taken back, or called), through the deque (DEQ3), or by the arrival, which
// releases, and the join or the last arrival, which acquires.
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

struct promise_base;

// A child's side; part of every promise. The list is guarded by the parent's lock, and `continuation` says whether the
// child is in it.
class fork_child {
    friend class fork_state;

    fork_child* next_;
    fork_child** link_;  // what points to this
};

// A parent's side; part of every promise.
class fork_state {
public:
    // The functions in this group are for the owner of the parent (FORK1).

    // The parent has forked or called since its last join.
    [[nodiscard]] bool open() const noexcept { return place_ != nullptr; }
    // The parent is suspended and is about to fork or call this child, which belongs to it from here on (FORK6); or
    // some child that does not.
    void suspend_in(promise_base& child) noexcept { place_ = reinterpret_cast<std::byte*>(&child); }
    void suspend_in_kept_child() noexcept { place_ = between(); }
    // The parent is about to go on: its continuation has been taken away.
    void taken_away() noexcept;
    // As above: `child`, which has ended, has taken back the continuation of its own fork, or was called.
    void ended_in_place() noexcept { place_ = between(); }
    // As above: `child`, which has ended, has taken back that of a sibling's fork.
    void taken_back_from_sibling(promise_base& child) noexcept;
    [[nodiscard]] bool must_wait() const noexcept { return has_record(); }
    // The parent is suspended in `w` and joins. False when all had arrived: it goes on. Otherwise it may be gone.
    [[nodiscard]] bool wait(waiter& w) noexcept;
    // Whom the last arrival resumes.
    [[nodiscard]] waiter& joining() const noexcept { return *reinterpret_cast<waiter*>(place_ - waiting); }
    // The parent has joined, and none of its children had to be waited for, nor threw.
    void close() noexcept { place_ = nullptr; }
    // The parent has joined, and had to wait, or children threw: as if nothing had been forked. Throws what they threw.
    void finish_join();
    // The parent is suspended, or at its end, and is about to be destroyed from outside (FORK8).
    void destroy_children() noexcept {
        if (open() || has_record()) [[unlikely]] {
            destroy_named_and_registered();
        }
    }

    // For children that have not arrived (FORK4).

    void add_error(std::exception_ptr error) noexcept;
    // `child` has ended, and has not taken back (FORK6, FORK7). Not for those that somebody else owns.
    void leave(promise_base& child) noexcept;
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
    [[nodiscard]] promise_base* named() noexcept;
    void register_named(record& r) noexcept;
    void destroy_named_and_registered() noexcept;
    void drop_record() noexcept;

    // What place_ is between a fork and the next, or the join.
    [[nodiscard]] std::byte* between() noexcept { return reinterpret_cast<std::byte*>(this); }
    static constexpr std::size_t waiting = 1;

    // Null; between(); the address of the child that it names; or that of the waiter in which the parent waits,
    // `waiting` bytes on.
    std::byte* place_ = nullptr;
    sync::atomic<record*> record_{nullptr};
};

// Who goes on when a coroutine has ended, and how it hands over.
class caller {
public:
    enum class kind : std::uintptr_t {
        awaits,  // nothing is counted; the frame belongs to the awaiter
        called,  // the parent is suspended and goes on at once
        forked,  // the parent is on a deque, or runs, or waits
        kept,    // as forked, but somebody else owns the frame and fetches result and exception there
    };

    // What it was when somebody looked.
    class seen {
    public:
        explicit seen(std::byte* word) noexcept : word_(word) {}

        [[nodiscard]] kind how() const noexcept { return static_cast<kind>(bits() & kind_bits); }
        // Only for a caller that awaits.
        [[nodiscard]] std::coroutine_handle<> awaiting() const noexcept {
            return std::coroutine_handle<>::from_address(word_);
        }
        // Only for the others.
        [[nodiscard]] fork_state& parent() const noexcept { return *reinterpret_cast<fork_state*>(word_ - bits()); }
        [[nodiscard]] bool is_registered() const noexcept { return (bits() & registered) != 0; }
        // Whether it is of that kind and not registered.
        [[nodiscard]] bool is_unregistered(kind how) const noexcept {
            return bits() == static_cast<std::uintptr_t>(how);
        }

    private:
        [[nodiscard]] std::uintptr_t bits() const noexcept {
            return reinterpret_cast<std::uintptr_t>(word_) & (kind_bits | registered);
        }

        std::byte* word_;
    };

    // Before the coroutine runs; who resumes it synchronizes, if need be.
    void set_awaiting(std::coroutine_handle<> parent) noexcept {
        word_.store(static_cast<std::byte*>(parent.address()), std::memory_order_relaxed);
    }
    void set_parent(fork_state& state, kind how) noexcept {
        word_.store(reinterpret_cast<std::byte*>(&state) + static_cast<std::uintptr_t>(how), std::memory_order_relaxed);
    }
    // With the parent's lock.
    void set_registered(bool is) noexcept {
        std::byte* const before = word_.load(std::memory_order_relaxed);
        word_.store(is ? before + registered : before - registered, std::memory_order_relaxed);
    }

    // The coroutine itself, or with the parent's lock. What it sees without the lock is good enough: only the owner of
    // the parent registers it, before that forks again (FORK7), and only the coroutine ends that, or who destroys it.
    [[nodiscard]] seen get() const noexcept { return seen(word_.load(std::memory_order_relaxed)); }

private:
    static constexpr std::uintptr_t kind_bits = 3;
    static constexpr std::uintptr_t registered = 4;
    static_assert(alignof(fork_state) > (kind_bits | registered));

    sync::atomic<std::byte*> word_{nullptr};
};

// A task ends with children that were not joined. `error` is what it ends with, or null.
[[noreturn]] void end_unjoined(const std::exception_ptr& error) noexcept;

}  // namespace brigade::detail
