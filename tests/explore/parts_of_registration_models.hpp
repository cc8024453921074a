// A registration with an operation that waits there, beside a modelled kernel.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <system_error>
#include <utility>

#include <brigade/detail/io_operation.hpp>

#include "io/registration.hpp"
#include "tests/explore/parts_of_models.hpp"

#include <sys/epoll.h>

namespace explore {

using brigade::stop_source;
using brigade::detail::descriptor_ref;
using brigade::detail::direction;
using brigade::detail::file_kind;
using brigade::detail::io_operation;
using brigade::detail::registration;
using brigade::detail::registration_home;
namespace sync = brigade::detail::sync;

using read_result = std::expected<std::size_t, std::error_code>;

// A descriptor to read from, as the kernel and its edge-triggered epoll have it, and its slot.
class modelled_pipe final : public registration_home {
public:
    modelled_pipe() {
        slot_.settle(*this, 0);
        reopen();
    }
    void reopen() {
        bytes_ = 0;
        ended_ = armed_ = edge_ = false;
        has_some_.store(false, std::memory_order_relaxed);
        ref_ = {&slot_, slot_.open(7, file_kind::tcp_connection, brigade::detail::sharing::none)};
    }

    [[nodiscard]] descriptor_ref ref() const noexcept { return ref_; }
    [[nodiscard]] registration& slot() noexcept { return slot_; }
    void close() noexcept { slot_.close(ref_.generation); }

    // The peer.
    void send(std::size_t bytes, bool and_end = false) {
        const sync::lock lock(kernel_);
        bytes_ += bytes;
        ended_ = ended_ || and_end;
        has_some_.store(true, std::memory_order_relaxed);
        happens();
    }
    void end() { send(0, true); }

    // An error that passes, as one of a datagram that could not be delivered: a call that finds nothing says EAGAIN.
    void fail_for_a_moment() {
        const sync::lock lock(kernel_);
        error_ = true;
        happens();
    }

    // The peer is gone for good.
    void break_off() {
        const sync::lock lock(kernel_);
        broken_ = true;
        happens();
    }
    // What write() gives: EAGAIN, and then EPIPE.
    [[nodiscard]] int write() {
        const sync::lock lock(kernel_);
        return broken_ ? EPIPE : EAGAIN;
    }

    // What read() gives; nothing for EAGAIN. It need not lock to say that.
    [[nodiscard]] std::optional<std::size_t> read(std::size_t room) {
        if (!has_some_.load(std::memory_order_relaxed)) {
            return std::nullopt;
        }
        const sync::lock lock(kernel_);
        const std::size_t got = std::min(bytes_, room);
        bytes_ -= got;
        has_some_.store(bytes_ != 0 || ended_, std::memory_order_relaxed);
        return got;
    }

    // The poller: waits for an edge, or leave(). It tells what is there when it looks, as epoll does.
    void poll() {
        while (true) {
            edges_.wait();
            std::uint32_t events = 0;
            {
                const sync::lock lock(kernel_);
                if (left_) {
                    return;
                }
                if (std::exchange(edge_, false)) {
                    events = (bytes_ != 0 || ended_ ? EPOLLIN : 0U) | (ended_ ? EPOLLRDHUP : 0U) |
                             (std::exchange(error_, false) ? EPOLLERR : 0U) | (broken_ ? EPOLLERR | EPOLLHUP : 0U);
                }
            }
            static_cast<void>(slot_.deliver(events, ref_.generation));
        }
    }
    void leave() {
        {
            const sync::lock lock(kernel_);
            left_ = true;
        }
        edges_.unpark();
    }

    void wait_until_watched() { watched_.wait(); }
    [[nodiscard]] bool armed() const noexcept { return armed_; }
    [[nodiscard]] int times_armed() const noexcept { return times_armed_; }
    [[nodiscard]] int times_given_back() const noexcept { return times_given_back_; }

private:
    std::error_code arm(const registration& /*r*/) noexcept override {
        const sync::lock lock(kernel_);
        ++times_armed_;
        armed_ = true;
        watched_.happen();
        if (bytes_ != 0 || ended_ || broken_) {
            happens();
        }
        return {};
    }
    void disarm(int /*fd*/) noexcept override {
        const sync::lock lock(kernel_);
        require(armed_, "it is watched");
        armed_ = edge_ = false;
    }
    void give_back(registration& /*slot*/) noexcept override { ++times_given_back_; }
    void happens() {
        if (armed_) {
            edge_ = true;
            edges_.unpark();
        }
    }

    registration slot_;
    descriptor_ref ref_;
    sync::mutex kernel_;
    std::size_t bytes_ = 0;
    bool ended_ = false;
    bool error_ = false;
    bool broken_ = false;
    sync::atomic<bool> has_some_{false};
    bool armed_ = false;
    bool edge_ = false;
    bool left_ = false;
    int times_armed_ = 0;
    event watched_;
    int times_given_back_ = 0;
    brigade::detail::parker edges_;
};

class modelled_read final : public io_operation {
public:
    modelled_read(modelled_pipe& pipe, std::size_t room, direction way = direction::read)
        : io_operation(pipe.ref(), way), pipe_(pipe), room_(room) {}
    [[nodiscard]] read_result await_resume() const { return io_operation::result(); }

private:
    outcome call(int /*fd*/) noexcept override {
        const std::optional<std::size_t> got = pipe_.read(room_);
        return got ? end_read(static_cast<std::ptrdiff_t>(*got), room_) : outcome::would_block;
    }
    modelled_pipe& pipe_;
    std::size_t room_;
};

// Makes `reads` reads with room for two, or until one gives no byte, and tells when it is done.
inline stray reader(modelled_pipe& pipe, int reads, read_result& last, std::size_t& bytes, event& done, bool& ended) {
    for (int i = 0; i < reads; ++i) {
        modelled_read operation(pipe, 2);
        last = co_await operation;
        if (!last || *last == 0) {
            break;
        }
        bytes += *last;
    }
    ended = true;
    done.happen();
}

// A task that reads on a worker, beside a poller.
class reading {
public:
    explicit reading(modelled_pipe& pipe, int reads, stop_source* stop = nullptr)
        : pipe_(pipe), poller_([this] { pipe_.poll(); }) {
        stray task = reader(pipe_, reads, last_, bytes_, done_, ended_);
        task.handle.promise().stop = stop;
        workers_.post(task.handle);
    }
    // Once. Gives the last result.
    read_result wait() {
        done_.wait();
        pipe_.leave();
        return last_;
    }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

private:
    modelled_pipe& pipe_;
    read_result last_;
    std::size_t bytes_ = 0;
    event done_;
    bool ended_ = false;
    workers workers_{1};
    const model_thread poller_;
};

}  // namespace explore
