// Models of the timers: set against cancel against expiry, and a poller that is about to sleep.
#include <array>
#include <chrono>
#include <memory>
#include <optional>

#include <brigade/stop.hpp>

#include "io/timers.hpp"
#include "tests/explore/parts_of_models.hpp"

namespace explore {
namespace {

using brigade::stop_source;
using brigade::detail::stop_hook;
using brigade::detail::timer;
using brigade::detail::timers;
namespace sync = brigade::detail::sync;
using std::chrono::nanoseconds;
using time_point = sync::clock::time_point;

constexpr time_point due{};
constexpr time_point soon{nanoseconds(5)};
constexpr time_point never = time_point::max();

// Polls as a reactor does, without any sockets.
class poller final : public brigade::detail::event_source {
public:
    explicit poller(unsigned shards = 1) : queue(*this, shards, nullptr) {}
    void end(bool /*leaves_some*/) noexcept override {}
    bool wait(nanoseconds limit) noexcept override {
        const nanoseconds sleep = queue.time_to_sleep(limit);
        if (sleep == no_limit) {
            sync::futex_wait(signals_, 0);
        } else if (sleep > nanoseconds(0)) {
            sync::futex_wait_for(signals_, 0, sleep);
        }
        static_cast<void>(signals_.exchange(0, std::memory_order_acquire));  // pairs: interrupt()
        return queue.end_of_sleep();
    }
    bool deliver() noexcept override { return queue.expire(); }
    void interrupt() noexcept override {
        signals_.fetch_or(1, std::memory_order_release);  // pairs: wait()
        sync::futex_wake(signals_);
    }
    void poll() noexcept {
        if (wait(no_limit)) {
            static_cast<void>(deliver());
        }
    }
    timers queue;

private:
    sync::atomic<std::uint32_t> signals_{0};
};

// Counts how often it expires, in plain memory.
struct counting : timer {
    counting()
        : timer([](timer& t) noexcept {
              auto& self = static_cast<counting&>(t);
              ++self.expired;
              self.told.store(true, std::memory_order_release);  // pairs: has_expired()
          }) {}
    [[nodiscard]] bool has_expired() const noexcept {
        return told.load(std::memory_order_acquire);  // pairs: the function
    }
    int expired = 0;
    sync::atomic<bool> told{false};
};

[[nodiscard]] settings with_limits(unsigned preemptions = 3, unsigned timeouts = 0) {
    settings s = orders_only(preemptions, 6'000);
    s.bounds.timeouts = timeouts;
    return s;
}

bool set(poller& p, timer& t, time_point deadline, unsigned shard = 0, const stop_source* stop = nullptr) {
    return p.queue.at(shard).set(t, deadline, stop);
}

// A wake-up that is lost shows as a deadlock.
MODEL_WITH(timers_model, a_poller_that_is_about_to_sleep_hears_of_an_earlier_timer, with_limits()) {
    poller p;
    counting t;
    const model_thread polling([&] {
        while (!t.has_expired()) {
            p.poll();
        }
    });
    require(set(p, t, due), "nobody stops it");
}

MODEL_WITH(timers_model, a_poller_that_sleeps_for_one_timer_hears_of_an_earlier_one, with_limits()) {
    poller p;
    counting late;
    counting early;
    require(set(p, late, soon), "nobody stops it");
    {
        const model_thread polling([&] {
            while (!early.has_expired()) {
                p.poll();
            }
        });
        require(set(p, early, due), "nobody stops it");
    }
    require(late.expired == (p.queue.at(0).cancel(late) ? 0 : 1), "TIM1");
}

MODEL_WITH(timers_model, two_threads_set_timers_in_two_shards, with_limits(2)) {
    poller p(2);
    std::array<counting, 2> both;
    const model_thread polling([&] {
        while (!both[0].has_expired() || !both[1].has_expired()) {
            p.poll();
        }
    });
    const model_thread other([&] { require(set(p, both[1], due, 1), "nobody stops it"); });
    require(set(p, both[0], due, 0), "nobody stops it");
}

// The later timer is set while the poller goes round for the earlier one, and the poller must wake for it (TIM4).
MODEL_WITH(timers_model, a_timer_that_is_set_while_others_expire_is_not_forgotten, with_limits(3, 4)) {
    poller p(2);
    counting first;
    counting second;
    require(set(p, first, due, 1), "nobody stops it");
    const model_thread polling([&] {
        while (!second.has_expired()) {
            p.poll();
        }
    });
    require(set(p, second, soon, 0), "nobody stops it");
}

MODEL_WITH(timers_model, either_cancel_or_expiry_takes_a_timer, with_limits()) {
    poller p;
    counting t;
    require(set(p, t, due), "nobody stops it");
    bool cancelled = false;
    {
        const model_thread polling([&] { p.poll(); });
        cancelled = p.queue.at(0).cancel(t);
        if (cancelled) {
            p.interrupt();
        }
    }
    require(t.expired == (cancelled ? 0 : 1), "TIM1");
}

MODEL_WITH(timers_model, two_cancels_and_an_expiry, with_limits(2)) {
    poller p;
    counting t;
    require(set(p, t, due), "nobody stops it");
    std::array<bool, 2> cancelled{};
    {
        const model_thread polling([&] { static_cast<void>(p.deliver()); });
        const model_thread other([&] { cancelled[1] = p.queue.at(0).cancel(t); });
        cancelled[0] = p.queue.at(0).cancel(t);
    }
    require(t.expired + (cancelled[0] ? 1 : 0) + (cancelled[1] ? 1 : 0) == 1, "TIM1");
}

MODEL_WITH(timers_model, a_timer_may_go_after_cancel_and_wait, with_limits()) {
    poller p;
    auto t = std::make_unique<counting>();
    require(set(p, *t, due), "nobody stops it");
    const model_thread polling([&] { static_cast<void>(p.deliver()); });
    p.queue.at(0).cancel_and_wait(*t);
    require(t->expired <= 1, "TIM1");  // plain: no race with the function
    t.reset();                         // TIM5
}

MODEL_WITH(timers_model, who_waits_for_one_timer_does_not_wait_for_another, with_limits()) {
    poller p;
    event may_end;
    struct long_one : timer {
        explicit long_one(event& e) : timer([](timer& t) noexcept { static_cast<long_one&>(t).end.wait(); }), end(e) {}
        event& end;
    } busy(may_end);
    counting other;
    require(set(p, busy, due), "nobody stops it");
    const model_thread polling([&] { static_cast<void>(p.deliver()); });
    require(set(p, other, never), "nobody stops it");
    p.queue.at(0).cancel_and_wait(other);
    may_end.happen();
}

// A timer that ends in its own function, as that of a task does which is resumed, and ends, before the function
// returns.
MODEL_WITH(timers_model, a_timer_is_not_touched_after_its_function, with_limits()) {
    poller p;
    struct self_destroying : timer {
        self_destroying() : timer([](timer& t) noexcept { delete static_cast<self_destroying*>(&t); }) {}
    };
    counting last;
    require(set(p, *new self_destroying, due), "nobody stops it");
    const model_thread polling([&] {
        while (!last.has_expired()) {
            p.poll();
        }
    });
    require(set(p, last, due), "nobody stops it");
}

MODEL_WITH(timers_model, a_timer_that_is_set_again_by_its_function_is_cancelled, with_limits()) {
    poller p;
    struct again : timer {
        explicit again(poller& where)
            : timer([](timer& t) noexcept {
                  auto& self = static_cast<again&>(t);
                  ++self.expired;
                  require(set(self.home, self, soon), "nobody stops it");
              }),
              home(where) {}
        poller& home;
        int expired = 0;
    } t(p);
    require(set(p, t, due), "nobody stops it");
    {
        const model_thread polling([&] { static_cast<void>(p.deliver()); });
        p.queue.at(0).cancel_and_wait(t);
    }
    require(t.expired == 1 ? true : !p.queue.at(0).cancel(t), "a cancel that came first was the end of it");
    p.queue.at(0).cancel_and_wait(t);
}

// As a sleep does it: listens for the stop, then sets the timer. It ends exactly once, by one of three.
struct sleeper : timer, stop_hook {
    explicit sleeper(poller& where)
        : timer([](timer& t) noexcept { ++static_cast<sleeper&>(t).woken; }),
          stop_hook([](stop_hook& h) noexcept {
              auto& self = static_cast<sleeper&>(h);
              if (self.home.queue.at(0).cancel(self)) {
                  ++self.stopped;
              }
          }),
          home(where) {}
    ~sleeper() {
        detach();
        home.queue.at(0).cancel_and_wait(*this);
    }
    void begin(stop_source& source, time_point when) {
        if (!attach(&source)) {
            refused = 1;
            return;
        }
        refused = set(home, *this, when, 0, &source) ? 0 : 1;
    }
    poller& home;
    int refused = 0;
    int woken = 0;
    int stopped = 0;
};

MODEL_WITH(timers_model, a_stop_is_not_lost_between_attach_and_set, with_limits()) {
    poller p;
    stop_source source;
    sleeper s(p);
    {
        const model_thread stopper([&] { source.request_stop(); });
        s.begin(source, never);
    }
    require(s.refused + s.stopped == 1, "it does not sleep for ever");
}

MODEL_WITH(timers_model, a_sleep_ends_once_by_stop_or_deadline, with_limits(2)) {
    poller p;
    stop_source source;
    sleeper s(p);
    {
        const model_thread stopper([&] { source.request_stop(); });
        const model_thread polling([&] { static_cast<void>(p.deliver()); });
        s.begin(source, due);
    }
    const bool still_set = p.queue.at(0).cancel(s);  // the poller came by before it was set; then the stop came as well
    require(s.refused + s.stopped + s.woken + (still_set ? 1 : 0) == 1 && !still_set, "by exactly one");
}

MODEL_WITH(timers_model, a_sleeping_operation_is_destroyed_while_stop_and_deadline_come, with_limits(2)) {
    poller p;
    stop_source source;
    std::optional<sleeper> s(std::in_place, p);
    s->begin(source, due);
    const model_thread stopper([&] { source.request_stop(); });
    const model_thread polling([&] { static_cast<void>(p.deliver()); });
    s.reset();
}

}  // namespace
}  // namespace explore
