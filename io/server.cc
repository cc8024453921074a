#include <brigade/server.hpp>

#include <algorithm>

#include <brigade/auto_reset_event.hpp>
#include <brigade/with_timeout.hpp>

#include "io/server_core.hpp"

namespace brigade::detail {

namespace {

using namespace std::chrono_literals;

// A connection that was about to wait for a message when drain() told it otherwise is told again after this time.
constexpr std::chrono::milliseconds told_again_after = 100ms;

}  // namespace

server_base::server_base(executor& home, std::unique_ptr<service> what, const server_options& options)
    : tally_(std::make_shared<server_tally>()),
      core_(new server_core(std::move(what), options, tally_), [tally = tally_](server_core* core) {
          delete core;
          tally->core_is_gone.set();
      }) {
    if (core_->has_limits()) {
        supervising_ = home.spawn(server_core::look_after_all(core_));
    }
    try {
        home.spawn(server_core::accept_all(core_)).detach();  // what it throws is to be known at once
    } catch (...) {
        end_all();
        throw;
    }
}

server_base::~server_base() {
    if (core_ != nullptr) {
        core_->stop_accepting();
        end_all();
    }
}

void server_base::end_all() noexcept {
    core_->tell_idle();
    supervising_.request_stop();
    core_->hard_stop().request_stop();
    core_.reset();
}

task<> server_base::drain(std::chrono::milliseconds limit) {
    if (core_ != nullptr) {
        const auto deadline = later_by(now(), ticks_of(limit));
        core_->stop_accepting();
        for (auto at = now(); at < deadline; at = now()) {
            core_->tell_idle();
            auto ending = with_deadline(std::min(later_by(at, told_again_after), deadline), core_->all_have_ended());
            const std::expected<void, std::error_code> ended = co_await std::move(ending);
            if (ended) {
                break;
            }
        }
        end_all();
    }
    co_await tally_->core_is_gone;
    tally_->core_is_gone.set();  // for who asks again
}

server_counters server_base::counters() const noexcept {
    return {.accepted = tally_->accepted.load(std::memory_order_relaxed),
            .open = tally_->open.load(std::memory_order_relaxed),
            .refused_for_address = tally_->refused_for_address.load(std::memory_order_relaxed),
            .timed_out = tally_->timed_out.load(std::memory_order_relaxed)};
}

}  // namespace brigade::detail
