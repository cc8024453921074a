// Models of what a server knows of a connection: messages and their deadlines, sentences and whom they strike.
#include <chrono>
#include <system_error>

#include <brigade/errc.hpp>

#include "io/registration.hpp"
#include "io/traffic.hpp"
#include "tests/explore/parts_of_registration_models.hpp"

namespace explore {
namespace {

using brigade::errc;
using brigade::detail::traffic;

using moment = traffic::time_point;
constexpr moment some_time{traffic::duration(5)};

// Says when it is destroyed, and what had been written by then.
class modelled_traffic final : public traffic {
public:
    modelled_traffic(int& written, int& seen) : written_(written), seen_(seen) {}

private:
    ~modelled_traffic() override { seen_ = written_; }

    int& written_;
    int& seen_;
};

// Of one that nobody asks after its end.
class measured_pipe {
public:
    measured_pipe() { pipe_.slot().measure(traffic_); }
    ~measured_pipe() {
        pipe_.close();
        traffic_.release();
    }
    measured_pipe(const measured_pipe&) = delete;
    measured_pipe& operator=(const measured_pipe&) = delete;

    [[nodiscard]] modelled_pipe& pipe() noexcept { return pipe_; }
    [[nodiscard]] traffic& measured() noexcept { return traffic_; }
    [[nodiscard]] bool waits() noexcept { return pipe_.slot().waits(pipe_.ref().generation, direction::read); }
    void announce() noexcept { pipe_.slot().reconsider(pipe_.ref().generation, direction::read); }

private:
    modelled_pipe pipe_;
    int written_ = 0;
    int seen_ = 0;
    traffic& traffic_ = *new modelled_traffic(written_, seen_);
};

void look_at_messages(const traffic& t, bool next_has_begun) {
    for (int look = 0; look < 2; ++look) {
        const traffic::message m = t.seen_message();
        require(m.number != 1 || m.deadline == some_time, "TRF3: cleared only when the message has ended");
        require(m.number != 3 || m.deadline == moment(), "TRF3: the next one has none");
        require(m.number <= 3 && (m.number != 2 || !next_has_begun || m.deadline <= some_time), "TRF2");
    }
}

MODEL_WITH(traffic_model, a_message_follows_another_while_somebody_looks, thorough(3, 30'000)) {
    measured_pipe measured;
    traffic& t = measured.measured();
    t.set_deadline(some_time);
    const model_thread handler([&t] {
        t.add(direction::read, 1);
        t.message_done(false);
        t.add(direction::read, 1);
    });
    look_at_messages(t, false);
}

MODEL_WITH(traffic_model, a_message_has_begun_when_the_one_before_ends, thorough(3, 30'000)) {
    measured_pipe measured;
    traffic& t = measured.measured();
    const model_thread handler([&t] {
        t.set_deadline(some_time);
        t.add(direction::read, 2);
        t.message_done(true);
    });
    look_at_messages(t, true);
}

MODEL_WITH(traffic_model, the_last_of_two_destroys_it_after_what_both_did, thorough(3, 30'000)) {
    int written = 0;
    int seen = -1;
    int others = 0;
    traffic& t = *new modelled_traffic(written, seen);
    t.retain();
    {
        const model_thread other([&] {
            others = 1;
            written = 1;
            t.release();
        });
        t.release();
    }
    require(seen == 1 && others == 1, "destroyed once, and last");
}

MODEL_WITH(traffic_model, a_limit_strikes_a_connection_that_is_told_of_the_end, thorough(3, 30'000)) {
    measured_pipe measured;
    traffic& t = measured.measured();
    bool late = false;
    {
        const model_thread looks([&] { late = t.pass(traffic::sentence::timed_out); });
        static_cast<void>(t.pass(traffic::sentence::draining));
    }
    require(late && t.passed() == traffic::sentence::timed_out, "TRF4");
    require(!t.pass(traffic::sentence::draining) && !t.pass(traffic::sentence::too_slow), "TRF4");
}

MODEL_WITH(traffic_model, a_reader_that_is_late_ends_wherever_the_sentence_meets_it, orders_only(2, 6'000)) {
    measured_pipe measured;
    reading task(measured.pipe(), 1);
    static_cast<void>(measured.measured().pass(traffic::sentence::timed_out));
    sync::atomic<bool> over{false};
    const model_thread server([&] {
        while (!over.load(std::memory_order_relaxed)) {
            measured.announce();
            sync::yield_thread();
        }
    });
    const read_result got = task.wait();
    over.store(true, std::memory_order_relaxed);
    require(!got && got.error() == std::errc::timed_out, "TRF4");
}

MODEL_WITH(traffic_model, a_sentence_against_a_byte, orders_only(2, 6'000)) {
    measured_pipe measured;
    reading task(measured.pipe(), 1);
    const model_thread peer([&] { measured.pipe().send(1); });
    if (measured.waits()) {
        static_cast<void>(measured.measured().pass(traffic::sentence::too_slow));
        measured.announce();
    }
    const read_result got = task.wait();
    require(got == 1U || (!got && got.error() == errc::too_slow), "REG2: one of the two");
    require(measured.measured().moved(direction::read) == task.bytes(), "TRF1");
}

MODEL_WITH(traffic_model, the_end_of_a_server_spares_who_has_begun_a_message, orders_only(2, 6'000)) {
    measured_pipe measured;
    reading task(measured.pipe(), 2);
    const model_thread peer([&] {
        measured.pipe().send(1);
        measured.pipe().end();
    });
    static_cast<void>(measured.measured().pass(traffic::sentence::draining));
    measured.announce();
    const read_result got = task.wait();
    require(got ? *got == 0 : got.error() == errc::draining && task.bytes() == 0, "not in the middle");
}

MODEL_WITH(traffic_model, a_sentence_against_a_close, orders_only(2, 6'000)) {
    measured_pipe measured;
    reading task(measured.pipe(), 1);
    const model_thread closer([&] { measured.pipe().close(); });
    static_cast<void>(measured.measured().pass(traffic::sentence::timed_out));
    measured.announce();
    const read_result got = task.wait();
    require(!got && (got.error() == errc::closed || got.error() == std::errc::timed_out), "REG2");
}

}  // namespace
}  // namespace explore
