// From the system's signal handler to the sets that listen, for the whole process.
//
// A listener has an eventfd, which its executor's reactor watches, and a word of the signals that have come. The
// handler runs on any thread, in the middle of anything: so it takes no lock and no memory. It walks the list of
// listeners, marks the signal in each one that wants it, and writes to its eventfd. That is edge-triggered, and each
// write is an edge, so nobody reads it.
//
//   SIG1  A signal is marked before the eventfd is written: who finds no mark and waits has the edge still to come.
//   SIG2  Under `mutex_`, which a change holds from its beginning to its end: the list and the dispositions. The
//         handler reads only the list, whose links are atomic. `receiver_mutex_` is for the words with the receiver.
//   SIG3  A listener that has been taken off the list is freed, and its eventfd closed, only when no handler is inside:
//         `inside_` is looked at after the listener has been unlinked, and a handler counts itself before it looks at
//         the list, both sequentially consistent, so one of the two sees the other. A handler keeps the thread that
//         it runs on, so who waits here waits for other threads only, for some instructions.
//   SIG4  For each signal: the disposition is replaced, then the receiver unblocks the signal; and in reverse the
//         receiver has blocked it again before the former disposition is restored. So no signal that was blocked
//         everywhere before meets its default action.
//
// Rejected: signalfd. It gives nothing unless the signal is blocked in every thread of the process, of which a library
// knows only its own; and it shares signals out among readers instead of giving them to each.
// Rejected: one pipe for the process, and a task that distributes. It would have to run on one of several executors,
// and that one may end before the others.
#pragma once

#include <array>
#include <csignal>
#include <cstdint>

#include <brigade/detail/sync.hpp>

namespace brigade::detail {

// Signals as a set: bit n - 1 is signal n.
using signal_bits = std::uint64_t;
[[nodiscard]] constexpr signal_bits signal_bit(int signal) noexcept {
    return signal_bits{1} << (signal - 1);
}

struct signal_listener {
    signal_bits wanted = 0;
    int eventfd = -1;  // not its own: the descriptor's, which is closed after the listener has left the list
    sync::atomic<signal_bits> pending{0};
    sync::atomic<signal_listener*> next{nullptr};
    bool listed = false;  // SIG2

    // The lowest signal that has come, which it takes off, or 0. For one thread at a time.
    [[nodiscard]] int take() noexcept;
};

class signal_dispatch {
public:
    // Throws std::system_error when the system refuses; then nothing is changed.
    void add(signal_listener& listener);
    // Does nothing when it is not in the list. When it returns, no handler touches the listener.
    void remove(signal_listener& listener) noexcept;

private:
    static void handle(int signal) noexcept;

    void replace(int signal);
    void give_up(signal_bits signals) noexcept;
    void restore(int signal) noexcept;
    void start_receiver();
    void tell_receiver(signal_bits unblocked) noexcept;
    void end_receiver() noexcept;
    void receive() noexcept;

    struct disposition {
        unsigned listeners = 0;
        struct sigaction before{};
    };

    sync::mutex mutex_;
    sync::atomic<signal_listener*> first_{nullptr};
    sync::atomic<unsigned> inside_{0};
    std::array<disposition, 64> dispositions_{};

    sync::thread receiver_;
    sync::mutex receiver_mutex_;
    sync::condition_variable told_;
    sync::condition_variable done_;
    signal_bits unblock_ = 0;
    signal_bits unblocked_ = 0;
    bool end_ = false;
};

// Throws std::bad_alloc, the first time.
[[nodiscard]] signal_dispatch& dispatch_of_this_process();

}  // namespace brigade::detail
