#include <brigade/connect.hpp>

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include <brigade/auto_reset_event.hpp>
#include <brigade/detail/sync.hpp>
#include <brigade/fork.hpp>
#include <brigade/get_stop_token.hpp>
#include <brigade/resolve.hpp>
#include <brigade/stop.hpp>
#include <brigade/with_timeout.hpp>

namespace brigade {

namespace {

using connected = std::expected<tcp_stream, std::error_code>;

// What the attempts share. It stands in the frame of the task that has forked them and joins them.
class race {
public:
    // False when another was faster.
    [[nodiscard]] bool win(tcp_stream stream) {
        {
            const detail::sync::lock hold(mutex_);
            if (winner_) {
                return false;
            }
            winner_ = std::move(stream);
        }
        others_.request_stop();
        return true;
    }
    [[nodiscard]] bool is_won() {
        const detail::sync::lock hold(mutex_);
        return winner_.has_value();
    }
    // After the join.
    [[nodiscard]] std::optional<tcp_stream>& winner() noexcept { return winner_; }

    [[nodiscard]] stop_source& stop() noexcept { return others_; }
    // Set whenever an attempt has ended.
    [[nodiscard]] auto_reset_event& progress() noexcept { return progress_; }

private:
    stop_source others_;  // what all attempts see; stops when one has won or the whole race is stopped
    auto_reset_event progress_;
    detail::sync::mutex mutex_;
    std::optional<tcp_stream> winner_;
};

// Awaits a connection that sees the race's stop source in place of the task's.
class racing : public detail::task_awaiter<connected> {
public:
    racing(task<connected> attempt, race& r) noexcept : task_awaiter(std::move(attempt).release()), race_(r) {}

    template <detail::runtime_promise P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> parent) noexcept {
        return this->start(parent, &race_.stop());
    }

private:
    race& race_;
};

task<> attempt(race& r, connect_attempt& place) {
    connected made = co_await racing(tcp_stream::connect(place.peer), r);
    if (!made) {
        place.error = made.error();
    } else if (!r.win(std::move(*made))) {
        place.error = std::make_error_code(std::errc::operation_canceled);
    }
    r.progress().set();
}

task<> next_progress(race& r) {
    co_await r.progress();
}

// Until an attempt has ended, or the delay is over. What ends the wait otherwise is for after the join.
task<std::exception_ptr> until_next_is_due(race& r, std::chrono::milliseconds delay) {
    try {
        if (delay.count() > 0) {
            static_cast<void>(co_await with_timeout(delay, next_progress(r)));  // either is as good
        }
    } catch (...) {
        co_return std::current_exception();
    }
    co_return nullptr;
}

// The families in turns, beginning with that of the first address (RFC 8305, section 4).
std::vector<connect_attempt> in_turns(const std::vector<endpoint>& peers) {
    std::vector<connect_attempt> order;
    order.reserve(peers.size());
    auto same = peers.begin();
    auto other = peers.begin();
    const auto family_of_first = [&](const endpoint& e) { return e.is_v6() == peers.front().is_v6(); };
    while (order.size() < peers.size()) {
        same = std::find_if(same, peers.end(), family_of_first);
        if (same != peers.end()) {
            order.push_back({.peer = *same++, .error = {}});
        }
        other = std::find_if_not(other, peers.end(), family_of_first);
        if (other != peers.end()) {
            order.push_back({.peer = *other++, .error = {}});
        }
    }
    return order;
}

// Gives how many were begun. `attempts` keep their places.
task<std::size_t> run(race& r, std::vector<connect_attempt>& attempts, std::chrono::milliseconds delay) {
    const stop_token stop = co_await get_stop_token();
    const stop_callback inherit(stop, [&r] { r.stop().request_stop(); });
    std::size_t begun = 0;
    std::exception_ptr error;
    while (begun < attempts.size() && !error && !r.is_won() && !stop.stop_requested()) {
        co_await fork(attempt(r, attempts[begun++]));
        if (begun < attempts.size()) {
            error = co_await until_next_is_due(r, delay);
        }
    }
    if (error) {
        r.stop().request_stop();
    }
    co_await join();
    if (error && !detail::is_cancellation(error)) {
        std::rethrow_exception(error);
    }
    co_return begun;
}

}  // namespace

std::string to_string(std::span<const connect_attempt> attempts) {
    std::string all;
    for (const connect_attempt& one : attempts) {
        all +=
            (all.empty() ? "" : "; ") + one.peer.to_string() + ": " + (one.error ? one.error.message() : "connected");
    }
    return all;
}

task<connected> connect(std::vector<endpoint> peers, connect_options options) {
    if (peers.empty()) {
        co_return std::unexpected(std::make_error_code(std::errc::invalid_argument));
    }
    const stop_token stop = co_await get_stop_token();
    std::vector<connect_attempt> attempts = in_turns(peers);
    race r;
    const std::size_t begun = co_await run(r, attempts, options.attempt_delay);
    attempts.resize(begun, {.peer = {}, .error = {}});
    connected result = std::unexpected(std::make_error_code(std::errc::operation_canceled));
    if (r.winner()) {
        result = std::move(*r.winner());
    } else if (!stop.stop_requested()) {
        result = std::unexpected(attempts.front().error);
    }
    if (options.report != nullptr) {
        *options.report = std::move(attempts);
    }
    co_return result;
}

namespace {

task<std::expected<std::vector<endpoint>, std::error_code>> addresses_of(std::string host, std::uint16_t port) {
    try {
        auto found = co_await resolve(std::move(host), port);
        co_return found;
    } catch (const operation_cancelled&) {
        co_return std::unexpected(std::make_error_code(std::errc::operation_canceled));
    }
}

}  // namespace

task<connected> connect(std::string host, std::uint16_t port, connect_options options) {
    if (options.report != nullptr) {
        options.report->clear();
    }
    auto peers = co_await addresses_of(std::move(host), port);
    if (!peers) {
        co_return std::unexpected(peers.error());
    }
    connected made = co_await connect(std::move(*peers), options);
    co_return made;
}

}  // namespace brigade
