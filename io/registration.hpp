// One fd's entry in the reactor: whether it may be readable or writable, who waits for that, and when the fd may be
// closed.
//
// An operation tries its system call first. Only when that says EAGAIN does it wait, and only the first wait puts the
// fd into epoll: once, edge-triggered, for both directions. A short-lived socket may never get there.
//
// Each direction has a word, its *readiness*:
//
//   ready     a system call is worth a try; so at first
//   quiet     nothing has come since a system call found nothing more
//   over      the peer has ended this direction, or there is an error or urgent data: worth a try until EAGAIN, also
//             after a short read
//   closed    the owner has closed
//   an operation that waits
//
//   ready ------ a reader is about to call, or a call said EAGAIN ---> quiet
//   quiet ------ event, or a call that may have left something ------> ready
//   over ------- a call said EAGAIN all the same --------------------> quiet, and over again when the next call, which
//                                                                     comes at once, gives something
//   quiet ------ an operation waits ---------------------------------> the operation
//   the operation -- event, which posts it; stop; destruction -------> quiet, or over
//   quiet, ready -- an event that says so ---------------------------> over
//   all -------- close ----------------------------------------------> closed
//
//   REG1  An event is never lost: it makes the word ready or takes the operation that waits. Who calls because the word
//         is ready makes it quiet *before* the call, so what comes after is seen: there is no older readiness to clear.
//         (Others put a tick beside the readiness for that.) A writer does so only when the call has said EAGAIN, and
//         calls once more then: nearly every event says that one may write, and to write down the same again would
//         cost a read-modify-write each.
//   REG2  An operation is taken out of its word by exactly one of event, stop, close and destruction, which then wakes
//         it or owns it (IOP1).
//   REG3  The fd is open as long as the owner or an operation holds a reference. close() makes further operations fail,
//         wakes the waiting ones, and ends the connection unless others share it; the number is given back to the
//         system when the last operation has left, so that no operation works on a stranger's fd.
//   REG4  A slot is never freed, and its generation changes with each fd. An event that names an older generation is
//         dropped. If the generation changes under the poller's hands, the next fd gets an event too many: its
//         operation calls once for nothing.
//   REG5  At most one operation for each direction at a time. A second one is refused (errc::busy).
//   REG6  A server's connection has a traffic, set before anybody else knows the fd, and until the fd is closed. The
//         operations count what they move there, and ask it before they wait.
//
// A read from a TCP connection or a pipe that got less than it asked for has emptied it, unless it stopped at urgent
// data, whose event makes the word `over`. Else the word stays quiet, and the next read waits without a call, unless an
// event came in between. That saves a call for each message. The end of the stream is no further event if it came
// together with the last data, so that one leaves the word `over`. (A terminal gives a line at a time, and a Unix
// socket stops where descriptors were passed: there a short read means nothing.)
//
// Rejected: a tick for each direction under a mutex (as here before): three locks for each system call.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <system_error>

#include <brigade/detail/descriptor.hpp>
#include <brigade/detail/io_operation.hpp>
#include <brigade/detail/sync.hpp>

namespace brigade::detail {

class registration;
class traffic;

// What a registration asks of its reactor.
class registration_home {
public:
    // Puts the registration's fd into epoll. The error is epoll_ctl's.
    [[nodiscard]] virtual std::error_code arm(const registration& r) noexcept = 0;
    virtual void disarm(int fd) noexcept = 0;
    // Its fd is closed: the slot is free.
    virtual void give_back(registration& slot) noexcept = 0;

protected:
    ~registration_home() = default;
};

// In a cache line of its own: between two messages of a connection others have been through the caches.
class alignas(sync::cache_line) registration {
public:
    // When the slot is made. `index` is the slot's place in the table.
    void settle(registration_home& home, std::uint32_t index) noexcept;

    // Takes a non-blocking fd, with one reference, the owner's. Gives the generation, by which all others name the fd.
    [[nodiscard]] std::uint32_t open(int fd, file_kind kind, sharing who) noexcept;
    // See REG3. Any thread; does nothing when that generation is closed already.
    void close(std::uint32_t generation) noexcept;

    // An operation begins: refused when closed or busy. Holds a reference until end().
    enum class admission : std::uint8_t { granted, closed, busy };
    [[nodiscard]] admission begin(std::uint32_t generation, direction d) noexcept;
    [[nodiscard]] static std::error_code error_of(admission refusal) noexcept;
    void end(direction d) noexcept { drop(one_reference | busy(d)); }
    // A reference for a call that does not wait. False when closed.
    [[nodiscard]] bool retain(std::uint32_t generation) noexcept;
    void release() noexcept { drop(one_reference); }

    // For those who hold a reference.
    [[nodiscard]] bool is_closed() const noexcept {
        return (state_.load(std::memory_order_relaxed) & is_closed_bit) != 0;  // the system calls are what matters
    }
    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] bool is_socket() const noexcept {
        return kind_ == file_kind::tcp_connection || kind_ == file_kind::socket;
    }
    [[nodiscard]] bool short_read_empties() const noexcept {
        return kind_ == file_kind::tcp_connection || kind_ == file_kind::pipe;
    }
    // As epoll knows the slot: generation and index.
    [[nodiscard]] std::uint64_t key() const noexcept {
        return generation_of(state_.load(std::memory_order_relaxed)) << 32 | index_;  // constant meanwhile
    }

    // For the operation of that direction. Whether a call is worth a try.
    [[nodiscard]] bool try_now(direction d) noexcept;
    // A call has succeeded, and there may be more.
    void stays_ready(direction d) noexcept;
    // As above, and the direction was over before that call.
    void stays_over(direction d) noexcept;
    // A call has been made, and did not say EAGAIN. `was_over`: wait() or take_readiness() said so before it.
    // `emptied`: it was a read that got less than it asked for, but something.
    void has_called(direction d, bool was_over, bool emptied) noexcept {
        if (was_over) {
            stays_over(d);
        } else if (!emptied || !short_read_empties()) {
            stays_ready(d);
        }
    }
    // A call has said EAGAIN, or try_now() was false.
    enum class arrival : std::uint8_t { waits, calls_again, calls_after_the_end, closed };
    [[nodiscard]] arrival wait(direction d, io_operation& o) noexcept;  // waits: `o` may be gone
    // As wait(), for a call that is made only if it is worth a try: `waits` says that it is not.
    [[nodiscard]] arrival take_readiness(direction d) noexcept;
    // Whether an operation may wait without prepare_wait(). Relaxed: who comes to wait before the fd is in epoll hears
    // of what is there by then, as it is put in.
    [[nodiscard]] bool is_ready_for_waits() const noexcept {
        return traffic_ == nullptr && watched_.load(std::memory_order_relaxed);
    }
    // Puts the fd into epoll, if it is not there. The error is epoll_ctl's, or why the operation must not wait (REG6).
    [[nodiscard]] std::error_code prepare_wait(direction d) noexcept;
    // Takes it out; false when others have.
    [[nodiscard]] bool withdraw(direction d, io_operation& o) noexcept;
    // The part of prepare_wait() that puts the fd into epoll.
    [[nodiscard]] std::error_code watch() noexcept;

    // The reactor is about to deliver something that can be read: fetches who waits for it.
    void prefetch_reader() noexcept {
        if constexpr (sync::prefetches) {
            sync::prefetch_suspended(at(direction::read).load(std::memory_order_relaxed));  // it is not looked into
        }
    }
    // REG6. Takes a reference to `t`.
    void measure(traffic& t) noexcept;
    // For an operation: it has moved so many bytes.
    void count(direction d, std::size_t bytes) noexcept {
        if (traffic_ != nullptr) {
            count_traffic(d, bytes);
        }
    }
    // Whether an operation of that direction waits; it may have been woken by the next moment.
    [[nodiscard]] bool waits(std::uint32_t generation, direction d) noexcept;
    // Ends the operation that waits, if there is one and it may not. Does nothing when that generation is closed.
    void reconsider(std::uint32_t generation, direction d) noexcept;

    // The reactor: epoll said `events` of generation `generation`. Posts the operations that wait; whether there were
    // any.
    bool deliver(std::uint32_t events, std::uint32_t generation) noexcept;

private:
    // A readiness: one of these, or the address of the operation that waits.
    using word = sync::atomic<std::uintptr_t>;
    static constexpr std::uintptr_t quiet = 0;
    static constexpr std::uintptr_t ready = 1;
    static constexpr std::uintptr_t over = 2;
    static constexpr std::uintptr_t closed = 3;
    [[nodiscard]] static bool is_operation(std::uintptr_t readiness) noexcept { return readiness > closed; }
    [[nodiscard]] static std::uintptr_t address_of(io_operation& o) noexcept {
        return reinterpret_cast<std::uintptr_t>(&o);
    }
    [[nodiscard]] static io_operation& operation_at(std::uintptr_t readiness) noexcept {
        return *reinterpret_cast<io_operation*>(readiness);  // NOLINT(performance-no-int-to-ptr): once for each wait
    }

    // state_: the generation, the number of references, and these.
    static constexpr std::uint64_t is_closed_bit = 1;
    static constexpr std::uint64_t one_reference = 8;
    static constexpr std::uint64_t references = 0xffff'fff8;
    static constexpr std::uint64_t busy(direction d) noexcept { return std::uint64_t{2} << static_cast<unsigned>(d); }
    static constexpr std::uint64_t generation_of(std::uint64_t state) noexcept { return state >> 32; }
    static constexpr bool is_open(std::uint64_t state, std::uint32_t generation) noexcept {
        return generation_of(state) == generation && (state & is_closed_bit) == 0;
    }

    [[nodiscard]] word& at(direction d) noexcept { return readiness_[static_cast<std::size_t>(d)]; }
    [[nodiscard]] bool deliver_to(direction d, std::uintptr_t news) noexcept;
    void wake_closed(word& readiness) noexcept;
    void count_traffic(direction d, std::size_t bytes) noexcept;
    [[nodiscard]] std::error_code objection(direction d) const noexcept;  // REG6
    void drop(std::uint64_t what) noexcept;
    void end_of_last(std::uint64_t state) noexcept;

    registration_home* home_ = nullptr;
    std::uint32_t index_ = 0;
    int fd_ = -1;
    file_kind kind_ = file_kind::other;
    sharing sharing_ = sharing::none;
    traffic* traffic_ = nullptr;  // REG6
    sync::atomic<std::uint64_t> state_{is_closed_bit};
    std::array<word, 2> readiness_{};
    sync::spinlock watch_lock_;          // held over epoll_ctl(), but hardly ever by two
    sync::atomic<bool> watched_{false};  // written under the lock
};

// Inline is what every operation passes.

inline registration::admission registration::begin(std::uint32_t generation, direction d) noexcept {
    std::uint64_t state = state_.load(std::memory_order_relaxed);  // a guess; the exchange decides
    do {
        if (!is_open(state, generation)) {
            return admission::closed;
        }
        if ((state & busy(d)) != 0) {
            return admission::busy;
        }
        // pairs: the release in drop(), of the operation of this direction that was here before
    } while (!state_.compare_exchange_weak(state, (state + one_reference) | busy(d), std::memory_order_acquire,
                                           std::memory_order_relaxed));
    return admission::granted;
}

inline void registration::drop(std::uint64_t what) noexcept {
    // pairs: itself, the last one closes after everything that the others did with the fd; and begin()
    const std::uint64_t before = state_.fetch_sub(what, std::memory_order_acq_rel);
    if ((before & references) == one_reference) [[unlikely]] {
        end_of_last(before);
    }
}

inline bool registration::try_now(direction d) noexcept {
    std::uintptr_t seen = at(d).load(std::memory_order_relaxed);  // a guess; for a writer the call itself decides
    if (d == direction::read && seen == ready) {
        // REG1. pairs: the release in deliver_to(): the call comes after the event. It fails for an end, or a close.
        at(d).compare_exchange_strong(seen, quiet, std::memory_order_acquire, std::memory_order_relaxed);
        return true;
    }
    return seen != quiet;
}

inline void registration::stays_ready(direction d) noexcept {
    std::uintptr_t seen = at(d).load(std::memory_order_relaxed);  // only this operation, and events, write here
    if (seen == quiet) {
        at(d).compare_exchange_strong(seen, ready, std::memory_order_relaxed);  // an event did it otherwise
    }
}

inline registration::arrival registration::take_readiness(direction d) noexcept {
    word& readiness = at(d);
    std::uintptr_t seen = readiness.load(std::memory_order_relaxed);  // a guess; the exchange decides
    while (seen == ready || seen == over) {
        const arrival next = seen == over ? arrival::calls_after_the_end : arrival::calls_again;
        // REG1. pairs: the release in deliver_to(): the next call comes after the event.
        if (readiness.compare_exchange_weak(seen, quiet, std::memory_order_acquire, std::memory_order_relaxed)) {
            return next;
        }
    }
    return seen == closed ? arrival::closed : arrival::waits;
}

inline registration::arrival registration::wait(direction d, io_operation& o) noexcept {
    for (;;) {
        const arrival arrived = take_readiness(d);
        if (arrived != arrival::waits) {
            return arrived;
        }
        std::uintptr_t seen = quiet;
        // pairs: who takes it out, in deliver_to(), wake_closed() and withdraw()
        if (at(d).compare_exchange_weak(seen, address_of(o), std::memory_order_release, std::memory_order_relaxed)) {
            return arrival::waits;
        }
    }
}

// Here, where they can be inlined: they are on the way of every byte.

inline bool io_operation::on_socket() const noexcept {
    return descriptor_.entry->is_socket();
}

inline void io_operation::moved(std::size_t bytes) noexcept {
    descriptor_.entry->count(direction_, bytes);
}

}  // namespace brigade::detail
