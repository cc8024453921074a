#include "io/supervision.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#include "io/descriptor.hpp"
#include "io/registration.hpp"

namespace brigade::detail {

namespace {

using namespace std::chrono_literals;
using duration = sync::clock::duration;

duration checked(std::chrono::milliseconds limit) {
    if (limit <= 0ms) {
        throw std::invalid_argument(
            "brigade: a limit of a server must be positive; brigade::unlimited switches it off");
    }
    return ticks_of(limit);
}

std::optional<duration> pause_for(const supervision_limits& limits) noexcept {
    const duration shortest =
        std::min({limits.idle, limits.message, limits.rate == 0 ? duration::max() : limits.grace});
    if (shortest == duration::max()) {
        return std::nullopt;
    }
    return std::max(shortest / 8, std::min<duration>(1s, shortest / 2));
}

// How long a peer of the least rate would take for so many bytes; no more than `most`.
duration worth(std::uint64_t bytes, std::size_t rate, duration most) noexcept {
    const std::chrono::duration<double> time(static_cast<double>(bytes) / static_cast<double>(rate));
    return time < most ? std::chrono::duration_cast<duration>(time) : most;
}

}  // namespace

std::optional<peer_address> peer_address::of(const sockaddr_storage& name) noexcept {
    if (name.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(name);
        return peer_address{.is_v6 = false, .value = ntohl(v4.sin_addr.s_addr)};
    }
    if (name.ss_family != AF_INET6) {
        return std::nullopt;
    }
    const in6_addr& address = reinterpret_cast<const sockaddr_in6&>(name).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&address)) {
        return peer_address{.is_v6 = false, .value = ntohl(address.s6_addr32[3])};
    }
    peer_address network{.is_v6 = true};
    std::memcpy(&network.value, address.s6_addr, sizeof(network.value));
    return network;
}

supervision_limits::supervision_limits(const server_options& options)
    : idle(checked(options.idle_deadline)),
      message(checked(options.message_deadline)),
      grace(checked(options.rate_grace)),
      rate(grace == duration::max() || options.minimum_rate == std::size_t{unlimited} ? 0 : options.minimum_rate),
      pause(pause_for(*this)) {}

traffic::sentence supervised::judge(const supervision_limits& limits, time_point now) noexcept {
    const message m = seen_message();
    const bool is_new = m.number != message_number_;
    if (is_new) {
        message_number_ = m.number;
        message_at_ = now;
        for (account& a : accounts_) {
            a.left = limits.grace;
        }
    }
    // A look that comes late is this side's doing: the time beyond is nobody's.
    const duration since = std::min(now - looked_at_, 2 * *limits.pause);
    active_at_ += now - looked_at_ - since;
    looked_at_ = now;
    const findings in = look_at(direction::read);
    const findings out = look_at(direction::write);
    const bool slow_in = m.under_way() && !is_new && is_too_slow(direction::read, in, limits, since);
    const bool slow_out = is_too_slow(direction::write, out, limits, since);
    // A wait counts from the first look that sees it.
    if (in.moved + out.moved != 0 || (!in.waited && !out.waited)) {
        active_at_ = now;
    }
    if (now - active_at_ >= limits.idle || message_is_late(limits, m, now)) {
        return sentence::timed_out;
    }
    return slow_in || slow_out ? sentence::too_slow : sentence::none;
}

supervised::findings supervised::look_at(direction d) noexcept {
    account& a = accounts_[static_cast<std::size_t>(d)];
    const std::uint64_t total = moved(d);
    findings found{.moved = total - std::exchange(a.moved, total), .waited = a.waits};
    a.waits = socket_.entry->waits(socket_.generation, d);
    found.waited = found.waited && a.waits;
    if (d == direction::write && a.waits) {
        const std::size_t before = std::exchange(a.queued, queued_to_send());
        if (found.waited && a.queued < before) {
            found.moved += before - a.queued;
        }
    }
    return found;
}

// 0 when the system can not say, or the socket is closed.
std::size_t supervised::queued_to_send() const noexcept {
    int bytes = 0;
    const std::expected<void, std::error_code> asked =
        with_fd(socket_, [&bytes](int fd) { return ::ioctl(fd, SIOCOUTQ, &bytes); });
    return asked && bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
}

bool supervised::is_too_slow(direction d, const findings& f, const supervision_limits& limits,
                             duration since) noexcept {
    if (limits.rate == 0) {
        return false;
    }
    duration& left = accounts_[static_cast<std::size_t>(d)].left;
    left += worth(f.moved, limits.rate, limits.grace);
    if (f.waited) {
        left -= since;
    }
    left = std::min(left, limits.grace);
    return left < duration::zero();
}

bool supervised::message_is_late(const supervision_limits& limits, const message& m, time_point now) const noexcept {
    if (!m.under_way()) {
        return false;
    }
    return m.deadline == time_point() ? now - message_at_ >= limits.message : now >= m.deadline;
}

void supervised::announce(direction d) noexcept {
    socket_.entry->reconsider(socket_.generation, d);
}

}  // namespace brigade::detail
