#include "io/server_core.hpp"

#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <brigade/errc.hpp>
#include <brigade/executor.hpp>
#include <brigade/sleep.hpp>
#include <brigade/yield.hpp>

#include "io/accept.hpp"
#include "io/registration.hpp"
#include "io/socket.hpp"

namespace brigade::detail {

server_core::server_core(std::unique_ptr<service> what, const server_options& options,
                         std::shared_ptr<server_tally> tally)
    : tally_(std::move(tally)),
      service_(std::move(what)),
      limits_(options),
      most_(options.max_connections),
      most_of_address_(options.max_connections_per_address) {
    if (most_ == 0 || most_of_address_ == 0) {
        throw std::invalid_argument("brigade: a server that takes no connections");
    }
}

// Accepting.

task<> server_core::accept_all(std::shared_ptr<server_core> core) {
    try {
        co_await accept_until_closed(*core);
    } catch (...) {
        core->stop_accepting();  // nobody is to wait in the backlog for ever
        throw;
    }
}

task<> server_core::accept_until_closed(server_core& core) {
    for (;;) {
        while (core.open() >= core.most_ && !core.closed_.load(std::memory_order_relaxed)) {
            co_await core.room_;
        }
        sockaddr_storage peer{};
        auto accepting = accept_from(core.service_->listener(), core.service_->kind(), &peer);
        std::expected<descriptor, std::error_code> socket = co_await std::move(accepting);
        if (socket) {
            core.take(std::move(*socket), peer);
        } else if (socket.error() == errc::closed || socket.error() == std::errc::operation_canceled) {
            co_return;
        } else {
            throw std::system_error(socket.error(), "brigade: a server can not accept connections any more");
        }
    }
}

void server_core::stop_accepting() noexcept {
    closed_.store(true, std::memory_order_relaxed);  // the permit brings it to who waits for room
    service_->close_listener();
    room_.set();
}

void server_core::take(descriptor socket, const sockaddr_storage& peer) {
    const std::optional<peer_address> from = peer_address::of(peer);
    if (!enter(from)) {
        tally_->refused_for_address.fetch_add(1, std::memory_order_relaxed);
        return;  // closes it
    }
    admission place = admit(socket, from);
    if (from) {
        // As tcp_listener::accept() does. The peer may be gone already; then the first read tells.
        static_cast<void>(set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1));
    }
    task<> serving = service_->serve({.place = std::move(place), .socket = std::move(socket)});
    spawn(std::move(serving)).detach();
}

bool server_core::enter(const std::optional<peer_address>& from) {
    if (!from) {
        return true;
    }
    const sync::lock hold(addresses_mutex_);
    std::size_t& count = addresses_[*from];
    if (count >= most_of_address_) {
        return false;
    }
    ++count;
    return true;
}

void server_core::leave(const std::optional<peer_address>& from) noexcept {
    if (!from) {
        return;
    }
    const sync::lock hold(addresses_mutex_);
    const auto place = addresses_.find(*from);
    if (--place->second == 0) {
        addresses_.erase(place);
    }
}

admission server_core::admit(const descriptor& socket, const std::optional<peer_address>& from) {
    supervised* made = nullptr;
    try {
        made = new supervised(socket.ref(), from, limits_.grace, now());
    } catch (...) {
        leave(from);
        throw;
    }
    supervised& connection = *made;
    socket.ref().entry->measure(connection);
    {
        shard& here = shard_of(connection);
        const sync::lock hold(here.mutex);
        connection.next = std::exchange(here.first, &connection);
        if (connection.next != nullptr) {
            connection.next->previous = &connection;
        }
        if (draining()) {
            connection.pass(traffic::sentence::draining);
        }
    }
    tally_->accepted.fetch_add(1, std::memory_order_relaxed);
    if (tally_->open.fetch_add(1, std::memory_order_relaxed) == 0) {
        first_.set();
    }
    return {shared_from_this(), connection};
}

// By its address: memory that is given out again and again is spread by more than its lowest bits.
server_core::shard& server_core::shard_of(const supervised& connection) noexcept {
    const auto number = reinterpret_cast<std::uintptr_t>(&connection) / sync::cache_line;
    return shards_[(number ^ number >> 8) % shards_.size()];
}

void server_core::remove(supervised& connection) noexcept {
    const std::optional<peer_address> from = connection.address();
    {
        shard& here = shard_of(connection);
        const sync::lock hold(here.mutex);
        (connection.previous != nullptr ? connection.previous->next : here.first) = connection.next;
        if (connection.next != nullptr) {
            connection.next->previous = connection.previous;
        }
    }
    connection.release();
    leave(from);
    if (tally_->open.fetch_sub(1, std::memory_order_relaxed) == 1) {
        none_.set();
    }
    room_.set();
}

// Looking after them.

task<> server_core::look_after_all(std::shared_ptr<server_core> core) {
    for (;;) {
        co_await core->first_;
        while (core->open() != 0) {
            co_await sleep_for(*core->limits_.pause);
            for (shard& s : core->shards_) {
                if (core->look_after(s)) {
                    co_await yield();
                }
            }
        }
    }
}

// Whether there was anything to look at.
bool server_core::look_after(shard& s) noexcept {
    const auto at = now();
    const sync::lock hold(s.mutex);
    for (supervised* c = s.first; c != nullptr; c = c->next) {
        const traffic::sentence found = c->judge(limits_, at);
        if (found != traffic::sentence::none && c->pass(found)) {
            tally_->timed_out.fetch_add(1, std::memory_order_relaxed);
        }
        if (c->passed() != traffic::sentence::none) {
            c->announce(direction::read);
            c->announce(direction::write);
        }
    }
    return s.first != nullptr;
}

void server_core::tell_idle() noexcept {
    draining_.store(true, std::memory_order_relaxed);  // SRV4: the locks order it
    for (shard& s : shards_) {
        const sync::lock hold(s.mutex);
        for (supervised* c = s.first; c != nullptr; c = c->next) {
            c->pass(traffic::sentence::draining);
            c->announce(direction::read);
        }
    }
}

task<> server_core::all_have_ended() {
    while (open() != 0) {
        co_await none_;
    }
}

// A connection's side.

void admission::message_done(bool next_has_begun) noexcept {
    connection_->message_done(next_has_begun);
}

void admission::set_message_deadline(sync::clock::time_point t) noexcept {
    connection_->set_deadline(t);
}

bool admission::draining() const noexcept {
    return core_->draining();
}

stop_source& admission::hard_stop() noexcept {
    return core_->hard_stop();
}

void admission::leave() noexcept {
    core_->remove(*connection_);
}

}  // namespace brigade::detail
