#include "io/tls/connection.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include <brigade/errc.hpp>
#include <brigade/executor.hpp>
#include <brigade/get_stop_token.hpp>
#include <brigade/stop.hpp>
#include <brigade/with_timeout.hpp>

namespace brigade::detail {

namespace {

// One of the socket's directions, given back at the end of the scope.
class direction_lease {
public:
    explicit direction_lease(auto_reset_event& free) noexcept : free_(&free) {}
    direction_lease(direction_lease&& other) noexcept : free_(std::exchange(other.free_, nullptr)) {}
    direction_lease& operator=(direction_lease&&) = delete;
    ~direction_lease() {
        if (free_ != nullptr) {
            free_->set();
        }
    }

private:
    auto_reset_event* free_;
};

// Nothing when a stop came first.
task<std::optional<direction_lease>> lease(auto_reset_event& free) {
    if (!free.reset()) {
        try {
            co_await free;
        } catch (const operation_cancelled&) {
            co_return std::nullopt;
        }
    }
    co_return direction_lease(free);
}

// The next one finds the error, if there is one.
task<> send_unobserved(std::shared_ptr<tls_connection> c) {
    std::expected<void, std::error_code> sent;
    do {
        sent = co_await c->send(tls_connection::buffers::released);
    } while (!c->background_ends(sent.has_value()));
}

std::unexpected<std::error_code> cancelled() {
    return std::unexpected(std::make_error_code(std::errc::operation_canceled));
}

}  // namespace

tls_connection::tls_connection(tcp_stream tcp, std::shared_ptr<tls_context_state> context,
                               std::unique_ptr<const std::string> key, ssl_ptr ssl)
    : tcp_(std::move(tcp)), context_(std::move(context)), key_(std::move(key)), engine_(std::move(ssl)) {}

tls_connection::turn::~turn() {
    if (connection_ != nullptr) {
        const sync::lock hold(connection_->mutex_);
        *taken_ = false;
    }
}

std::expected<tls_connection::turn, std::error_code> tls_connection::begin(bool& taken) {
    const sync::lock hold(mutex_);
    if (closed_ || taken) {
        return std::unexpected(make_error_code(closed_ ? errc::closed : errc::busy));
    }
    taken = true;
    return turn(*this, taken);
}

template <class Step>
tls_connection::outcome tls_connection::compute(Step step) {
    const sync::lock hold(mutex_);
    if (closed_) {
        return {{.what = tls_step::kind::failed, .error = make_error_code(errc::closed)}};
    }
    const std::size_t before = engine_.output().size();
    const tls_step made = step(engine_);
    const bool produced = engine_.output().size() > before;
    if (send_error_) {
        engine_.output().clear();  // nobody will send it
        answers_ = 0;
    }
    return {made, arrivals_, produced};
}

tls_connection::outcome tls_connection::handshake() {
    return compute([](tls_engine& e) { return e.handshake(); });
}

tls_connection::outcome tls_connection::read(std::span<std::byte> buffer) {
    return compute([this, buffer](tls_engine& e) {
        const std::size_t before = e.output().size();
        const tls_step step = e.read(buffer);
        answers_ += e.output().size() - before;
        return step;
    });
}

tls_connection::outcome tls_connection::write(std::span<const std::byte> bytes) {
    return compute([this, bytes](tls_engine& e) {
        // Nobody would send it.
        return send_error_ ? tls_step{.what = tls_step::kind::failed, .error = send_error_} : e.write(bytes);
    });
}

tls_connection::outcome tls_connection::close_notify() {
    return compute([this](tls_engine& e) {
        return send_error_ ? tls_step{.what = tls_step::kind::failed, .error = send_error_} : e.close_notify();
    });
}

bool tls_connection::arrived_since(std::uint64_t seen) {
    const sync::lock hold(mutex_);
    return arrivals_ != seen;
}

void tls_connection::put(std::size_t received) {
    received_ = received;
    const sync::lock hold(mutex_);
    ++arrivals_;
    if (received == 0) {
        engine_.end_input();
    } else {
        engine_.put_input(std::span(incoming_).first(received));
    }
}

void tls_connection::fit_incoming() {
    std::size_t size = std::max(incoming_.size(), least_incoming);
    if (received_ == size) {
        size = std::min(size * 4, most_incoming);
    } else if (received_ < size / 16) {
        size = least_incoming;
    }
    if (size != incoming_.size()) {
        incoming_ = std::vector<std::byte>(size);
    }
}

task<std::expected<void, std::error_code>> tls_connection::receive(std::uint64_t seen) {
    const std::optional<direction_lease> receiving = co_await lease(may_receive_);
    if (!receiving) {
        co_return cancelled();
    }
    if (arrived_since(seen)) {
        co_return {};
    }
    fit_incoming();
    const std::expected<std::size_t, std::error_code> got = co_await tcp_.read_some(incoming_);
    if (!got) {
        co_return std::unexpected(got.error());
    }
    put(*got);
    co_return {};
}

bool tls_connection::too_many_answers() {
    const sync::lock hold(mutex_);
    return answers_ > most_answers;
}

// Into `outgoing_`. False when there is none.
std::expected<bool, std::error_code> tls_connection::take_output(buffers after) {
    const sync::lock hold(mutex_);
    if (send_error_) {
        return std::unexpected(send_error_);
    }
    if (sent_ < outgoing_.size()) {
        return true;  // a stop came before
    }
    outgoing_.clear();
    sent_ = 0;
    outgoing_.swap(engine_.output());
    answers_ = 0;
    if (outgoing_.empty() && after == buffers::released) {
        outgoing_ = std::vector<std::byte>();
        engine_.output() = std::vector<std::byte>();
    }
    return !outgoing_.empty();
}

void tls_connection::note_send_error(std::error_code error) {
    const sync::lock hold(mutex_);
    send_error_ = error;
}

task<std::expected<void, std::error_code>> tls_connection::send(buffers after) {
    const stop_token stop = co_await get_stop_token();
    const std::optional<direction_lease> sending = co_await lease(may_send_);
    if (!sending) {
        co_return cancelled();
    }
    for (;;) {
        if (stop.stop_requested()) {
            co_return cancelled();  // before the output is taken, so that the next one can send it
        }
        const std::expected<bool, std::error_code> more = take_output(after);
        if (!more) {
            co_return std::unexpected(more.error());
        }
        if (!*more) {
            co_return {};
        }
        std::size_t done = 0;
        const std::expected<void, std::error_code> sent =
            co_await tcp_.write_all(std::span<const std::byte>(outgoing_).subspan(sent_), &done);
        sent_ += done;
        if (!sent) {
            if (sent.error() != std::errc::operation_canceled) {
                note_send_error(sent.error());
            }
            co_return std::unexpected(sent.error());
        }
    }
}

void tls_connection::send_in_background() {
    {
        const sync::lock hold(mutex_);
        if (std::exchange(in_background_, true)) {
            return;  // it looks again before it ends
        }
    }
    spawn(send_unobserved, shared_from_this()).detach();
}

bool tls_connection::background_ends(bool all_sent) {
    const sync::lock hold(mutex_);
    if (all_sent && !engine_.output().empty()) {
        return false;
    }
    in_background_ = false;
    return true;
}

// An error is the next write's; a stop is noticed by the read that goes on.
task<> tls_connection::send_answer() {
    if (too_many_answers()) {
        static_cast<void>(co_await send(buffers::released));
    } else {
        send_in_background();
    }
}

task<> tls_connection::send_alert() {
    // What becomes of it matters to the peer only; the connection has failed.
    static_cast<void>(co_await with_timeout(std::chrono::seconds(1), send(buffers::released)));
}

void tls_connection::close() noexcept {
    {
        const sync::lock hold(mutex_);
        closed_ = true;
    }
    tcp_.close();
}

}  // namespace brigade::detail
