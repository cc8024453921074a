// What is known of a connection that a server watches over: how many bytes its operations have moved, where its
// messages begin and end, and why it is to end, if it is.
//
// The operations on the connection write, by relaxed stores and without looking at a clock; the server reads now and
// then (io/supervision.hpp).
//
//   TRF1  A total has one writer at a time: the operation of that direction (REG5).
//   TRF2  `message_` is even between two messages and odd while one is under way, and grows. Who reads the first byte
//         makes it odd, message_done() even; both in the task that reads.
//   TRF3  `deadline_` belongs to the message under way or, between two, to the next. It is cleared after the message
//         has ended and before the next begins, so who finds it cleared finds that the message has ended, and who finds
//         the next message finds it cleared.
//   TRF4  A sentence is passed once, and stands. An operation that would have to wait then gets its error. One that
//         waits already is ended by the server, time and again: it may have begun to wait when it had not heard yet.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <system_error>

#include <brigade/detail/io_operation.hpp>
#include <brigade/detail/sync.hpp>
#include <brigade/errc.hpp>

namespace brigade::detail {

// Counts its references: the registration's, and the server's.
class traffic {
public:
    using time_point = sync::clock::time_point;
    using duration = sync::clock::duration;

    enum class sentence : std::uint8_t {
        none,
        draining,   // ends where it would wait for another message
        timed_out,  // these end where they would wait
        too_slow,
    };
    struct message {
        std::uint64_t number = 0;
        time_point deadline{};  // the clock's epoch: none of its own

        [[nodiscard]] bool under_way() const noexcept { return number % 2 != 0; }
    };

    traffic() = default;
    traffic(const traffic&) = delete;
    traffic& operator=(const traffic&) = delete;

    void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }  // who retains has a reference
    void release() noexcept {
        // pairs: itself, the last one destroys after everything that the others did
        if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            delete this;
        }
    }

    // TRF1: an operation has moved so many bytes.
    void add(direction d, std::size_t bytes) noexcept {
        sync::atomic<std::uint64_t>& total = moved_[static_cast<std::size_t>(d)];
        total.store(total.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
        const std::uint64_t number = message_.load(std::memory_order_relaxed);
        if (d == direction::read && number % 2 == 0 && bytes != 0) {
            message_.store(number + 1, std::memory_order_release);  // pairs: seen_message(). TRF3.
        }
    }
    [[nodiscard]] std::uint64_t moved(direction d) const noexcept {
        return moved_[static_cast<std::size_t>(d)].load(std::memory_order_relaxed);
    }

    // TRF2. `next_has_begun`: bytes of it were read already.
    void message_done(bool next_has_begun) noexcept {
        const std::uint64_t between = (message_.load(std::memory_order_relaxed) | 1) + 1;
        message_.store(between, std::memory_order_relaxed);
        deadline_.store(0, std::memory_order_release);  // pairs: seen_message(). TRF3.
        if (next_has_begun) {
            message_.store(between + 1, std::memory_order_release);  // pairs: seen_message(). TRF3.
        }
    }
    void set_deadline(time_point t) noexcept {
        deadline_.store(t.time_since_epoch().count(), std::memory_order_relaxed);  // soon enough
    }
    [[nodiscard]] message seen_message() const noexcept {
        for (;;) {
            const std::uint64_t number = message_.load(std::memory_order_acquire);  // pairs: add(), message_done()
            const auto deadline = deadline_.load(std::memory_order_acquire);        // pairs: message_done()
            if (message_.load(std::memory_order_relaxed) == number) {               // TRF3
                return {.number = number, .deadline = time_point(duration(deadline))};
            }
        }
    }

    // TRF4. Whether this is the first but for `draining`, which any other replaces.
    bool pass(sentence s) noexcept {
        sentence before = sentence_.load(std::memory_order_relaxed);
        do {
            if (before != sentence::none && (before != sentence::draining || s == sentence::draining)) {
                return false;
            }
        } while (!sentence_.compare_exchange_weak(before, s, std::memory_order_relaxed));
        return true;
    }
    [[nodiscard]] sentence passed() const noexcept { return sentence_.load(std::memory_order_relaxed); }
    // Why an operation must not wait; no error when it may. For the operation of that direction, or who has claimed it.
    [[nodiscard]] std::error_code objection(direction d) const noexcept {
        switch (passed()) {
            case sentence::none:
                break;
            case sentence::draining:
                if (d == direction::read && message_.load(std::memory_order_relaxed) % 2 == 0) {
                    return errc::draining;
                }
                break;
            case sentence::timed_out:
                return std::make_error_code(std::errc::timed_out);
            case sentence::too_slow:
                return errc::too_slow;
        }
        return {};
    }

protected:
    virtual ~traffic() = default;

private:
    std::array<sync::atomic<std::uint64_t>, 2> moved_{};
    sync::atomic<std::uint64_t> message_{0};
    sync::atomic<sync::clock::rep> deadline_{0};
    sync::atomic<sentence> sentence_{sentence::none};
    sync::atomic<std::uint32_t> references_{1};
};

}  // namespace brigade::detail
