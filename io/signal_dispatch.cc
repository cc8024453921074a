#include "io/signal_dispatch.hpp"

#include <bit>
#include <cerrno>
#include <utility>

#include <pthread.h>
#include <unistd.h>

#include "executor/threads.hpp"
#include "io/system_call.hpp"

namespace brigade::detail {

namespace {

template <class Use>
void for_each_signal(signal_bits signals, Use use) {
    for (; signals != 0; signals &= signals - 1) {
        use(std::countr_zero(signals) + 1);
    }
}

void set_mask(const sigset_t& signals) noexcept {
    errno = ::pthread_sigmask(SIG_SETMASK, &signals, nullptr);
    if (errno != 0) {
        fail_fatally("pthread_sigmask");
    }
}

sigset_t all_but(signal_bits signals) noexcept {
    sigset_t set;
    ::sigfillset(&set);
    for_each_signal(signals, [&set](int signal) { ::sigdelset(&set, signal); });
    return set;
}

}  // namespace

signal_dispatch& dispatch_of_this_process() {
    return sync::process_wide<signal_dispatch>();
}

void signal_dispatch::handle(int signal) noexcept {
    const int interrupted_errno = errno;
    signal_dispatch& self = dispatch_of_this_process();  // made long ago: only a lookup
    // Here and below, pairs: the stores and the load in remove(). SIG3.
    self.inside_.fetch_add(1, std::memory_order_seq_cst);
    for (signal_listener* l = self.first_.load(std::memory_order_seq_cst); l != nullptr;  // pairs: remove(), add()
         l = l->next.load(std::memory_order_seq_cst)) {                                   // pairs: remove()
        if ((l->wanted & signal_bit(signal)) != 0) {
            l->pending.fetch_or(signal_bit(signal), std::memory_order_release);  // pairs: signal_listener::take()
            const std::uint64_t one = 1;
            // It fails only after 2^64 writes; the edge of the last one that succeeded has not been lost.
            [[maybe_unused]] const ssize_t written = ::write(l->eventfd, &one, sizeof(one));
        }
    }
    self.inside_.fetch_sub(1, std::memory_order_release);  // pairs: the load in remove()
    errno = interrupted_errno;
}

void signal_dispatch::add(signal_listener& listener) {
    const sync::lock lock(mutex_);
    if (!receiver_.joinable()) {
        start_receiver();
    }
    listener.listed = true;
    listener.next.store(first_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    first_.store(&listener, std::memory_order_seq_cst);  // pairs: the load in handle(); the listener is complete
    signal_bits unblocked = unblocked_;                  // only a change writes it, by the receiver
    for_each_signal(listener.wanted, [this, &unblocked](int signal) {
        if (dispositions_[static_cast<std::size_t>(signal - 1)].listeners++ == 0) {
            replace(signal);
            unblocked |= signal_bit(signal);
        }
    });
    tell_receiver(unblocked);
}

void signal_dispatch::replace(int signal) {
    struct sigaction action{};
    action.sa_handler = [](int number) { handle(number); };
    action.sa_flags = SA_RESTART | SA_ONSTACK;
    ::sigfillset(&action.sa_mask);
    if (::sigaction(signal, &action, &dispositions_[static_cast<std::size_t>(signal - 1)].before) == -1) {
        fail_fatally("sigaction");  // signal_set has refused all numbers for which it can fail
    }
}

void signal_dispatch::remove(signal_listener& listener) noexcept {
    const sync::lock lock(mutex_);
    if (!std::exchange(listener.listed, false)) {
        return;
    }
    give_up(listener.wanted);
    sync::atomic<signal_listener*>* link = &first_;
    while (link->load(std::memory_order_relaxed) != &listener) {
        link = &link->load(std::memory_order_relaxed)->next;
    }
    // pairs: the loads in handle(). SIG3.
    link->store(listener.next.load(std::memory_order_relaxed), std::memory_order_seq_cst);
    // pairs: the additions in handle(), and the subtraction, after which it has left the listener alone. SIG3.
    for (sync::backoff turn; inside_.load(std::memory_order_seq_cst) != 0; turn.pause()) {
    }
    if (first_.load(std::memory_order_relaxed) == nullptr) {
        end_receiver();
    }
}

void signal_dispatch::give_up(signal_bits signals) noexcept {
    signal_bits no_longer = 0;
    for_each_signal(signals, [this, &no_longer](int signal) {
        if (--dispositions_[static_cast<std::size_t>(signal - 1)].listeners == 0) {
            no_longer |= signal_bit(signal);
        }
    });
    tell_receiver(unblocked_ & ~no_longer);
    for_each_signal(no_longer, [this](int signal) { restore(signal); });
}

void signal_dispatch::restore(int signal) noexcept {
    if (::sigaction(signal, &dispositions_[static_cast<std::size_t>(signal - 1)].before, nullptr) == -1) {
        fail_fatally("sigaction");
    }
}

void signal_dispatch::start_receiver() {
    const all_signals_blocked for_the_thread;
    receiver_ = sync::thread([this] { receive(); });
}

void signal_dispatch::tell_receiver(signal_bits unblocked) noexcept {
    sync::lock lock(receiver_mutex_);
    unblock_ = unblocked;
    told_.notify_one();
    done_.wait(lock, [this] { return unblocked_ == unblock_; });
}

void signal_dispatch::end_receiver() noexcept {
    {
        const sync::lock lock(receiver_mutex_);
        end_ = true;
        told_.notify_one();
    }
    receiver_.join();
    end_ = false;
}

void signal_dispatch::receive() noexcept {
    prepare_this_thread("brigade", "-signals");
    sync::lock lock(receiver_mutex_);
    while (!end_) {
        if (unblocked_ == unblock_) {
            told_.wait(lock);
            continue;
        }
        set_mask(all_but(unblock_));
        unblocked_ = unblock_;
        done_.notify_one();
    }
}

}  // namespace brigade::detail
